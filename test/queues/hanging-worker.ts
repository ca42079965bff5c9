import type { BackendKind } from '../../src/queues/backends.ts'
import { createWorkers } from '../../src/queues/processing.ts'
import { openBackend, quiet } from './queue-servers.ts'

// A worker process that takes a queue job, says so, and never ends: it is there to be killed.
const [kind, url] = process.argv.slice(2)
if (kind === undefined || url === undefined) throw new Error('usage: hanging-worker <backend> <url>')
const hang = async () => {
  console.log('started')
  return new Promise<never>(() => {})
}
createWorkers(
  openBackend({ kind: kind as BackendKind, url }),
  {
    'pipeline.input': hang,
    'pipeline.agent': hang,
    'pipeline.output': hang,
    'billing.rejected-for-balance': hang,
    'billing.maintenance': hang,
  },
  { concurrency: 2, logger: quiet },
)
