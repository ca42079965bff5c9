import { deliveredText } from '../src/pipeline/stage-text.ts'
import { settleStage } from './agent.processor.ts'
import { defineProcessor } from './define-processor.ts'

/** Joins what the last step's agents wrote, meters and charges what is delivered, and releases the rest of the hold. */
export const outputProcessor = defineProcessor('pipeline.output', {
  async measure({ job, services: { outputMonitor } }, signal) {
    const text = deliveredText(job)
    return { usage: await outputMonitor.measure(text, signal), text }
  },
  settle: (context, { usage, text }) => settleStage(context, usage, text),
})
