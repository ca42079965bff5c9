import type { StageServices } from '../src/pipeline/stage-services.ts'
import type { Processors } from '../src/queues/delivery.ts'
import { agentProcessor } from './agent.processor.ts'
import { inputProcessor } from './input.processor.ts'
import { maintenanceProcessor } from './maintenance.processor.ts'
import { outputProcessor } from './output.processor.ts'
import { rejectedProcessor } from './rejected-for-balance.processor.ts'

/** One processor per queue; the type demands each. */
export function createProcessors(services: StageServices): Processors {
  return {
    'pipeline.input': inputProcessor(services),
    'pipeline.agent': agentProcessor(services),
    'pipeline.output': outputProcessor(services),
    'billing.rejected-for-balance': rejectedProcessor(services),
    'billing.maintenance': maintenanceProcessor,
  }
}
