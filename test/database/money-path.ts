import type pg from 'pg'
import type { Tollkeeper } from '../../src/composition.ts'
import { JobNotices } from '../../src/database/job-notices.ts'
import { Batcher } from '../../src/database/money/batcher.ts'
import { moneyTransactions } from '../../src/database/money/money-pipe.ts'
import { TariffCache } from '../../src/database/money/tariff-cache.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import type { Calls, Verdicts } from '../../src/ledger/calls.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** 0.001 for a token that is written, by a model or as the output, in nano-units. A model call writes 10 at most. */
export const PER_TOKEN = 1_000_000n
const COMPONENTS = [
  component('out', { kind: 'output_tokens' }, '1000.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000.00'),
]

/** What an agent used: so many tokens in each of its model calls. */
export function wrote(agent: string, ...calls: readonly number[]): Calls['settle']['usage'] {
  return { kind: 'agent', agent, llm: calls.map((output) => ({ model: 'm', source: 'counted', classes: { output } })) }
}

/** Five tokens of output, and a model call for each agent that is named. */
export function admitCall(job: JobOf, agents: readonly string[] = []): Calls['admit'] {
  const llm = { model: 'm', calls: 1, promptTokens: 1, maxOutputTokens: 10 }
  const ofAgents = (agents.length > 0 ? agents : ['x']).map((agent): BoundedStage => {
    return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm: agents.length > 0 ? llm : null } }
  })
  const bounds: BoundedStage[] = [
    { stage: 'input', bound: { kind: 'input', tokens: 1 } },
    ...ofAgents,
    { stage: 'output', bound: { kind: 'output', maxTokens: 5 } },
  ]
  return { ...job, bounds, outputLimit: 5, parkedExpiresMs: 3_600_000 }
}

/** The money path on a database of a test's own, without managers, queues or workers between it and the test. */
export class MoneyPath {
  readonly world: World
  readonly tollkeeper: Tollkeeper
  readonly batcher: Batcher
  readonly notices: JobNotices
  readonly #pool: pg.Pool

  constructor(world: World, tollkeeper: Tollkeeper) {
    this.world = world
    this.tollkeeper = tollkeeper
    this.#pool = openMoneyPool(world.database.appUrl, 2)
    this.#pool.on('error', () => undefined)
    const tariffs = new TariffCache()
    this.notices = new JobNotices(this.#pool, createLogger('silent'))
    const announce = (jobIds: readonly string[]): void => this.notices.announce(jobIds)
    this.batcher = new Batcher(moneyTransactions(this.#pool, tariffs, { announce }))
  }

  async close(): Promise<void> {
    await this.notices.drain()
    await this.#pool.end()
    await this.world.close()
  }

  fund(organizationId: string, amount: string): Promise<string> {
    return fundedOrganization(this.tollkeeper, organizationId, amount, COMPONENTS)
  }

  /** Jobs of the pipeline that no queue knows of. */
  storeJobs(
    organizationId: string,
    count: number,
    agents: readonly string[] = ['x'],
    userId: string | null = null,
  ): Promise<JobOf[]> {
    const { jobs, inTransaction } = this.tollkeeper
    const rest = { userId, externalId: null, key: null, maxCost: null, text: 'text', runner: 'pipeline' } as const
    return inTransaction(async (em) => {
      const stored: JobOf[] = []
      for (let index = 0; index < count; index += 1) {
        const { id } = await jobs.create(em, { organizationId, steps: [agents], ...rest })
        stored.push({ organizationId, jobId: id })
      }
      return stored
    })
  }

  async storeJob(organizationId: string, agents?: readonly string[]): Promise<JobOf> {
    const [job] = await this.storeJobs(organizationId, 1, agents)
    if (!job) throw new Error('no job was stored')
    return job
  }

  /** Holds an organisation's lock until it is told to let go. */
  async lock(organizationId: string): Promise<() => Promise<void>> {
    const held = Promise.withResolvers<void>()
    const letGo = Promise.withResolvers<void>()
    const locking = this.tollkeeper.inTransaction(async (em) => {
      await em.execute('select 1 from tollkeeper.organization_balances where organization_id = ? for update', [
        organizationId,
      ])
      held.resolve()
      await letGo.promise
    })
    await held.promise
    return () => {
      letGo.resolve()
      return locking
    }
  }

  admit(job: JobOf, agents: readonly string[] = []): Promise<Verdicts['admit']> {
    return this.batcher.decide('admit', admitCall(job, agents))
  }

  settle(job: JobOf, stage: string, usage: Calls['settle']['usage'], result: string | null = null) {
    return this.batcher.decide('settle', { ...job, stage, usage, result })
  }

  settleOutput(job: JobOf, tokens: number, result: string | null = null) {
    return this.settle(job, 'output', { kind: 'output', tokens }, result)
  }

  topUp(organizationId: string, tokens: bigint, reference: string): Promise<Verdicts['top_up']> {
    return this.batcher.decide('top_up', { organizationId, amount: tokens * PER_TOKEN, reference, note: null })
  }
}

export async function openMoneyPath(): Promise<MoneyPath> {
  const world = await openWorld('postgres')
  return new MoneyPath(world, await world.open())
}
