import type { BoundLimits, NoteLimit } from '../agents/agent.ts'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import type { LlmProvider } from '../agents/llm-provider.ts'
import type { StageWorkReader } from '../database/stage-work.ts'
import type { EntityManagerSource } from '../database/transaction.ts'
import type { Logger } from '../foundation/logger.ts'
import type { JobManager } from '../managers/job.manager.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import type { InputTokenMonitor } from '../monitors/input-token.monitor.ts'
import type { LLMTokenMonitor } from '../monitors/llm-token.monitor.ts'
import type { OutputTokenMonitor } from '../monitors/output-token.monitor.ts'
import type { Queues } from '../queues/queues.ts'
import type { Outbox } from './outbox.ts'
import type { WorkInHand } from './work-in-hand.ts'

/** Everything that the stage processors of one process work with. */
export interface StageServices {
  readonly em: EntityManagerSource
  readonly jobs: JobManager
  readonly work: StageWorkReader
  readonly inHand: WorkInHand
  readonly billing: TokenBasedBillingManager
  readonly agents: AgentRegistry
  readonly provider: LlmProvider
  readonly limits: BoundLimits
  readonly notes: NoteLimit
  readonly inputMonitor: InputTokenMonitor
  readonly llmMonitor: LLMTokenMonitor
  readonly outputMonitor: OutputTokenMonitor
  readonly queues: Queues
  readonly outbox: Outbox
  readonly logger: Logger
  readonly stageTimeoutMs: number
  /** How often a running stage extends its claim, in milliseconds. */
  readonly keepClaimMs: number
}
