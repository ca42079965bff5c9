import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { NO_CLOCK } from '../../src/database/money/database-clock.ts'
import { namedRows } from '../../src/database/money/named-rows.ts'
import { readFacts } from '../../src/database/money/read-facts.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { newId } from '../../src/foundation/ids.ts'
import type { Call } from '../../src/ledger/calls.ts'
import type { CounterRow, Facts } from '../../src/ledger/facts.ts'
import { formatAmount } from '../../src/pricing/money.ts'
import { callOf, type Plan, plans, walks } from '../ledger/random-calls.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { COMPONENTS } from './money-operations.ts'
import { RememberingProcess } from './remembering-process.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const RUNS = Number(process.env.RUNS ?? 12)
/** A long hunt ends with the first failure; run again with its seed alone, it looks for a shorter one. */
const IS_HUNT = process.env.RUNS !== undefined
const LIMIT_MS = 40_000

/** Units that are included, so that counters and grants decide about prices. */
const TERMS = [
  ...COMPONENTS.filter(({ kind }) => kind !== 'output_tokens'),
  component('output', { kind: 'output_tokens', per: 1, included: 50 }, '0.000000003'),
]
const LAPSE = `update tollkeeper.job_stages set claimed_until = now() - interval '1 second'
  where claim_id is not null and job_id in (select id from tollkeeper.jobs where organization_id = any ($1))`
const PUSH_AHEAD = `update tollkeeper.job_stages set check_at = now() + interval '1 minute'
  where check_at is not null and job_id in (select id from tollkeeper.jobs where organization_id = any ($1))`
const COUNTERS = `
  select organization_id as "organizationId", plan_id as "planId", component,
    tollkeeper.to_ms(period_start)::float8 as "periodStart", used::float8, included_used::float8 as "includedUsed",
    reserved::float8
  from tollkeeper.usage_counters where organization_id = $1`

/** The names of a plan as those of stored rows. */
type Names = ReadonlyMap<string, string>

describe('what is remembered', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let reading: pg.Pool
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    reading = openMoneyPool(world.database.appUrl, 1)
  })
  afterAll(async () => {
    await reading.end()
    await world.close()
  })

  async function store({ organizations, jobs }: Plan): Promise<Names> {
    const names = new Map<string, string>()
    for (const [index, { plan, overdraft }] of organizations.entries()) {
      const id = newId()
      names.set(`org-${index}`, id)
      const terms = { chargeOnFailure: plan.chargeOnFailure, minimumPerJob: formatAmount(plan.minimumPerJob) }
      await fundedOrganization(tollkeeper, id, '0.000005', TERMS, terms)
      await tollkeeper.inTransaction((em) => tollkeeper.organizations.update(em, id, { overdraftLimit: overdraft }))
    }
    for (const [index, { steps, runner, maxCost, organization }] of jobs.entries()) {
      const organizationId = names.get(`org-${organization}`) ?? ''
      const rest = { userId: null, externalId: null, key: null, text: runner === 'own' ? null : 'text' }
      const { id } = await tollkeeper.inTransaction((em) =>
        tollkeeper.jobs.create(em, { organizationId, steps, runner, maxCost, ...rest }),
      )
      names.set(`job-${index}`, id)
    }
    for (let index = 0; index < 3; index += 1) names.set(`claim-${index}`, newId())
    return names
  }

  /** @returns how many jobs were recalled that bear the stamp of the stored ones */
  async function compare({ memory }: RememberingProcess, organizationId: string, jobs: readonly string[]) {
    const client = await reading.connect()
    try {
      const claims = jobs.map((jobId): Call => {
        return { kind: 'claim', organizationId, jobId, stage: 'output', claimId: newId(), leaseMs: 1 }
      })
      const { facts, stamps } = await readFacts(client, namedRows(claims), NO_CLOCK)
      await client.query('rollback')
      const counters = await world.database.query<CounterRow & pg.QueryResultRow>(COUNTERS, [organizationId])
      let compared = 0
      for (const claim of claims) {
        const known = memory.recall(namedRows([claim]))
        if (known?.stamps.get(organizationId) !== stamps.get(organizationId)) continue
        const [{ id: jobId } = { id: '' }] = known?.facts.jobs ?? []
        if (!known) continue
        compared += 1
        expect(viewOf(known.facts, jobId)).toEqual(viewOf(facts, jobId))
        const waiting = known.facts.organizations.some((row) => row.waiting)
        // Who is woken for nothing finds nobody.
        if (!waiting) expect(facts.organizations[0]?.waiting).toBe(false)
        const stored = new Map(counters.map((row) => [counterKey(row), row]))
        for (const row of known.facts.counters) expect(row).toEqual(stored.get(counterKey(row)))
        const remembered = new Set(known.facts.counters.map(counterKey))
        const periods = [known.facts.organizations[0]?.periodStart, known.facts.jobs[0]?.periodStart]
        for (const row of counters.filter(({ periodStart }) => periods.includes(periodStart))) {
          expect(remembered.has(counterKey(row)), `the counter of ${row.component}`).toBe(true)
        }
      }
      return compared
    } finally {
      client.release()
    }
  }

  it(
    'bears a stamp that only the very same rows bear, whoever changes them',
    async () => {
      console.info(`SEED=${SEED} RUNS=${RUNS}`)
      let compared = 0
      await fc.assert(
        fc.asyncProperty(plans, walks, async (plan, walk) => {
          const names = await store(plan)
          const organizations = [...names].flatMap(([name, id]) => (name.startsWith('org-') ? id : []))
          await using first = new RememberingProcess(world.database.appUrl)
          await using second = new RememberingProcess(world.database.appUrl)
          for (const { steps, pauseMs } of walk) {
            if (pauseMs === 16_000) await world.database.query(LAPSE, [organizations])
            if (pauseMs === 1) await world.database.query(PUSH_AHEAD, [organizations])
            const calls = steps.flatMap((step) => callOf(plan, step) ?? []).map((call) => renamed(call, names))
            const { batcher } = pauseMs === 1_000 ? second : first
            await Promise.all(calls.map(({ kind, ...call }) => batcher.decide(kind, call as never)))
            for (const [index, organizationId] of organizations.entries()) {
              const jobs = plan.jobs.flatMap(({ organization }, job) =>
                organization === index ? (names.get(`job-${job}`) ?? []) : [],
              )
              for (const one of [first, second]) compared += await compare(one, organizationId, jobs)
            }
          }
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: IS_HUNT, interruptAfterTimeLimit: LIMIT_MS },
      )
      expect(compared).toBeGreaterThan(20)
    },
    2 * LIMIT_MS,
  )
})

function renamed<T extends Call>(call: T, names: Names): T {
  const entries = Object.entries(call).map(([field, value]) => [field, names.get(value as string) ?? value])
  return { ...Object.fromEntries(entries), ...(call.kind === 'settle' ? { result: 'a result' } : {}) } as T
}

const counterKey = ({ planId, component, periodStart }: CounterRow): string => `${planId} ${component} ${periodStart}`

/** What both know of a job and who pays for it: neither what only a read with bounds brings, nor what the book computes. */
function viewOf({ organizations, jobs, stages, holds }: Facts, jobId: string) {
  return {
    organizations: organizations.map(({ parked: _, waiting: _waiting, ...row }) => row),
    jobs: jobs.filter(({ id }) => id === jobId).map(({ steps: _, charged: _charged, ...row }) => row),
    stages: stages
      .filter((row) => row.jobId === jobId)
      .map(({ bound: _, checkAt, ...row }) => ({ ...row, isChecked: checkAt !== null }))
      .sort((a, b) => a.position - b.position || (a.stage < b.stage ? -1 : 1)),
    holds: holds.filter((row) => row.jobId === jobId),
  }
}
