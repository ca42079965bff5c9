import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '#tollkeeper'
import { RECOVERY_AGENT, WORK_MS } from './recovery-terms.ts'

// A worker process of the product, to be killed in the middle of its work. Says when it takes work.
await connect({
  agents: [
    {
      key: RECOVERY_AGENT,
      bounds: () => null,
      async run(text, { signal }) {
        await sleep(WORK_MS, undefined, { signal })
        return { text }
      },
    },
  ],
})
process.send?.('ready')
