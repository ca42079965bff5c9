import pg from 'pg'
import { compose, type Tollkeeper } from '../src/composition.ts'
import { readConfig } from '../src/config/config.ts'
import { newId } from '../src/foundation/ids.ts'
import type { JobOf } from '../src/managers/token-based-billing.manager.ts'
import { parseAmount } from '../src/pricing/money.ts'
import type { Component } from '../src/pricing/tariff.ts'
import type { BenchDatabase } from './server.ts'
import { inParallel } from './statistics.ts'

/** More than any run spends: what is measured is never a refusal. */
const FUNDS = parseAmount('1000000.00')
const TOP_UPS_AT_ONCE = 250

/** One database and one process's worth of the product on it. */
export interface World extends AsyncDisposable {
  readonly url: string
  readonly ownerUrl: string
  readonly tollkeeper: Tollkeeper
  /** The owner's, for what stands beside the product: seeding, looking. */
  readonly pool: pg.Pool
}

/** @param env settings of the product beside its database */
export async function openWorld(
  { appUrl, ownerUrl }: BenchDatabase,
  env: Readonly<Record<string, string>> = {},
  agents: Parameters<typeof compose>[0]['agents'] = [],
): Promise<World> {
  const config = readConfig({ DATABASE_URL: appUrl, DATABASE_OWNER_URL: ownerUrl, LOG_LEVEL: 'error', ...env })
  const tollkeeper = await compose({ config, agents })
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 2 })
  return {
    url: appUrl,
    ownerUrl,
    tollkeeper,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end()
      await tollkeeper.close()
    },
  }
}

const NO_TARGET = { llmModel: null, tokenClass: null, agent: null, feature: null, tiers: null, included: 0 } as const

/** A price per million units. */
export function component(key: string, fields: Partial<Component> & Pick<Component, 'kind'>, price: string): Component {
  return { ...NO_TARGET, key, model: 'per_unit', per: 1_000_000, price: parseAmount(price), ...fields }
}

/** Makes organisations on one new tariff, each with money: the first as everybody does, the others as its copies. */
export async function openOrganizations(
  { tollkeeper, pool }: World,
  ids: readonly string[],
  components: readonly Component[],
): Promise<void> {
  const { inTransaction, tariffs, organizations, balances } = tollkeeper
  const [first = '', ...others] = ids
  await inTransaction(async (em) => {
    const { tariff } = await tariffs.create(em, {
      name: `plan of ${first}`,
      pricePerMonth: 0n,
      maxTeamMembers: null,
      memberPrice: 0n,
      currency: 'USD',
      chargeOnFailure: 'none',
      components,
      publish: true,
    })
    const terms = { currency: 'USD', tariffId: tariff.planId, tariffVersion: null, overdraftLimit: 0n }
    await organizations.create(em, { id: first, name: first, ...terms })
  })
  await pool.query(
    `insert into tollkeeper.organizations
       (id, name, currency, tariff_version_id, status, period_anchor, period_start, period_end)
     select other, other, currency, tariff_version_id, status, period_anchor, period_start, period_end
     from tollkeeper.organizations cross join unnest($2::text[]) as t(other) where id = $1`,
    [first, others],
  )
  await pool.query('insert into tollkeeper.organization_balances (organization_id) select unnest($1::text[])', [others])
  await inParallel(ids, TOP_UPS_AT_ONCE, async (id) => {
    await balances.topUp(id, { amount: FUNDS, reference: 'first', note: null })
  })
}

/** Tells the planner what the tables have become, as autovacuum does within a system's first minutes. */
export async function refreshStatistics({ ownerUrl }: World): Promise<void> {
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  await owner.query('vacuum analyze')
  await owner.end()
}

/** What jobs are stored, their organisations taking turns. */
export interface NewJobs {
  readonly organizations: readonly string[]
  /** One parallel step of these. */
  readonly agents: readonly string[]
  /** Fresh text for each job of the pipeline; without it a job is the platform's own. */
  readonly text?: () => string
}

/** Stores jobs as the product does, many at once, since how fast jobs are stored is not what is measured. */
export async function storeJobs(
  { pool }: World,
  { organizations, agents, text }: NewJobs,
  count: number,
): Promise<readonly JobOf[]> {
  const jobs = Array.from({ length: count }, (_, index) => {
    return { organizationId: organizations[index % organizations.length] ?? '', jobId: newId() }
  })
  const ids = jobs.map(({ jobId }) => jobId)
  await pool.query(
    `insert into tollkeeper.jobs (id, organization_id, runner, state, steps, stage)
     select id, organization, $4, 'queued', $3::jsonb, 'input'
     from unnest($1::uuid[], $2::text[]) as t(id, organization)`,
    [ids, jobs.map(({ organizationId }) => organizationId), JSON.stringify([agents]), text ? 'pipeline' : 'own'],
  )
  const stages = ['input', ...agents.map((agent) => `agent.${agent}`), 'output']
  const positions = stages.map((stage) => (stage === 'input' ? 0 : stage === 'output' ? 2 : 1))
  await pool.query(
    `insert into tollkeeper.job_stages (job_id, stage, position, state, delivery)
     select id, s.stage, s.position, 'waiting', case when s.stage = 'input' then $4 else 0 end
     from unnest($1::uuid[]) with ordinality as t(id, place)
     cross join unnest($2::text[], $3::int[]) as s(stage, position) order by place, s.position`,
    [ids, stages, positions, text ? 1 : 0],
  )
  if (text) {
    const texts = ids.map(text)
    await pool.query('insert into tollkeeper.job_texts (job_id, text) select * from unnest($1::uuid[], $2::text[])', [
      ids,
      texts,
    ])
  }
  return jobs
}
