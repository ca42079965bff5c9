import { configFromEnvironment } from '../../src/config/config.ts'
import { startService } from '../../src/main.ts'

// The product as `tollkeeper start` serves it, in a process of its own. Says where it listens; ends when its parent lets go.
const service = await startService(configFromEnvironment())
process.once('disconnect', () => void service.stop())
process.send?.(service.url)
