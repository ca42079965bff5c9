/** A process of its own for the embedded tests: acquires argv[2], reports, holds until stdin ends, releases unless killed. */
import { acquireEmbedded } from '../../src/database/embedded/embedded.ts'
import { createLogger } from '../../src/foundation/logger.ts'

const embedded = await acquireEmbedded({ dataDir: process.argv[2] ?? '', logger: createLogger('silent') })
const { port, folder, startedHere, fresh } = embedded
process.stdout.write(`${JSON.stringify({ port, folder, startedHere, fresh })}\n`)
process.stdin.resume().on('end', () => void embedded.release())
