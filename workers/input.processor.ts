import { failpoint } from '../src/foundation/failpoint.ts'
import { boundsOf } from '../src/pipeline/bounds.ts'
import { defineProcessor, type Settled } from './define-processor.ts'
import { showParked } from './parked-card.ts'

/** Measures a job's text, quotes the whole job and admits it: the hold and the input's charge are one transaction. */
export const inputProcessor = defineProcessor('pipeline.input', {
  async measure({ job, services: { inputMonitor, agents, limits, notes } }, signal) {
    const { tokens } = await inputMonitor.measure(job.text, signal)
    return boundsOf({ text: job.text, steps: job.steps, inputTokens: tokens, agents, limits, notes })
  },
  async settle({ of, job, services }, bounds): Promise<Settled> {
    const verdict = await services.billing.admit(of, bounds)
    if (verdict.kind === 'failed') return verdict
    if (verdict.kind === 'admitted') {
      services.inHand.admitted(of.jobId, job, bounds)
      const charged = verdict.lines.reduce((sum, line) => sum + line.amount, 0n)
      const tokens = verdict.lines.reduce((sum, line) => sum + line.quantity, 0)
      return { kind: 'charged', tokens, charged, currency: verdict.currency, next: verdict.next }
    }
    if (verdict.kind === 'refused') {
      failpoint('park.after')
      const { generation, rejection } = verdict
      await showParked(services, of, { generation, stage: rejection.stage })
    }
    return { kind: 'ended' }
  },
})
