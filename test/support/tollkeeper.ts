import type { Agent } from '../../src/agents/agent.ts'
import type { ComposeOptions } from '../../src/composition/options.ts'
import { compose, type Tollkeeper } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { type TestDatabase, testDatabase } from './postgres.ts'
import { hasRedis, startRedis, type TestRedis } from './redis.ts'

export type Backend = 'postgres' | 'redis'

/** Both queue backends; without redis-server (never in CI) only PostgreSQL. */
export const BACKENDS_HERE: readonly Backend[] = hasRedis() ? ['postgres', 'redis'] : ['postgres']

/** A whole system of a test's own: its database, its queue, and as many processes' worth of it as it wants. */
export interface World {
  readonly database: TestDatabase
  readonly env: Readonly<Record<string, string>>
  /** Another process's worth of the system on the same database and queue, without workers. */
  open(agents?: readonly Agent[], options?: Pick<ComposeOptions, 'offlineFaults' | 'clock'>): Promise<Tollkeeper>
  close(): Promise<void>
}

/** @param env settings beside the database and the queue */
export async function openWorld(backend: Backend, env: Readonly<Record<string, string>> = {}): Promise<World> {
  const database = await testDatabase()
  const redis: TestRedis | undefined = backend === 'redis' ? await startRedis() : undefined
  const queue: Record<string, string> = redis ? { REDIS_URL: redis.url } : {}
  const settings = {
    NODE_ENV: 'test',
    DATABASE_URL: database.appUrl,
    DATABASE_OWNER_URL: database.ownerUrl,
    LOG_LEVEL: 'error',
    RECONCILE_INTERVAL_MS: '500',
    ...queue,
    ...env,
  }
  const opened: Tollkeeper[] = []
  return {
    database,
    env: settings,
    async open(agents = [], options = {}) {
      const tollkeeper = await compose({ config: readConfig(settings), agents, ...options })
      opened.push(tollkeeper)
      return tollkeeper
    },
    async close() {
      await Promise.all(opened.map((tollkeeper) => tollkeeper.close()))
      await redis?.end()
      await database.drop()
    },
  }
}

const NO_TARGET = { llmModel: null, tokenClass: null, agent: null, feature: null, tiers: null, included: 0 } as const

/** A price per `per` units; the target fields say of what. */
export function component(key: string, fields: Partial<Component> & Pick<Component, 'kind'>, price: string): Component {
  const per = fields.kind === 'agent' || fields.kind === 'feature' ? 1 : 1_000_000
  return { ...NO_TARGET, key, model: 'per_unit', per, price: parseAmount(price), ...fields }
}

/** The prices that the figures of contract.md follow from. */
export const CONTRACT_COMPONENTS: readonly Component[] = [
  component('input', { kind: 'input_tokens' }, '0.15'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0.15'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '0.60'),
  component('output', { kind: 'output_tokens' }, '1.00'),
  component('summarizer', { kind: 'agent', agent: 'summarizer' }, '0.001'),
]

/** An organisation on a published tariff of these components, with money. Amounts as strings. */
export async function fundedOrganization(
  { inTransaction, tariffs, organizations, balances }: Tollkeeper,
  id: string,
  amount: string,
  components: readonly Component[],
  terms: {
    memberPrice?: string
    minimumPerJob?: string
    maxTeamMembers?: number
    chargeOnFailure?: 'none' | 'finished_stages'
  } = {},
): Promise<string> {
  await inTransaction(async (em) => {
    const { tariff } = await tariffs.create(em, {
      name: `plan of ${id}`,
      pricePerMonth: 0n,
      maxTeamMembers: terms.maxTeamMembers ?? null,
      memberPrice: parseAmount(terms.memberPrice ?? '0'),
      minimumPerJob: parseAmount(terms.minimumPerJob ?? '0'),
      currency: 'USD',
      chargeOnFailure: terms.chargeOnFailure ?? 'none',
      components,
      publish: true,
    })
    const tariffId = tariff.planId
    await organizations.create(em, { id, name: id, currency: 'USD', tariffId, tariffVersion: null, overdraftLimit: 0n })
  })
  if (amount !== '0') await balances.topUp(id, { amount: parseAmount(amount), reference: 'first', note: null })
  return id
}

/** An agent that repeats its text: no model, no tokens of its own. */
export const repeater: Agent = {
  key: 'repeater',
  bounds: () => null,
  run: async (text) => ({ text }),
}

/** Looks until `done` says so, or throws what it saw last. */
export async function eventually<T>(
  look: () => Promise<T>,
  done: (seen: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (done(seen)) return seen
    if (Date.now() > deadline) {
      const shown = JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? String(value) : value))
      throw new Error(`it never came to that; last seen: ${shown}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
