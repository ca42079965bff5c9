import type { Agent } from '../agents/agent.ts'
import type { OfflineFaults } from '../agents/offline-faults.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../foundation/clock.ts'

export interface ComposeOptions {
  readonly config: Config
  /** A platform's own agents, besides the built-in ones and those of AGENTS_MODULE. */
  readonly agents?: readonly Agent[]
  readonly clock?: Clock
  /** What the offline model does wrong on purpose. */
  readonly offlineFaults?: OfflineFaults
}
