import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { lineFromJson, type StoredLine } from '../../src/database/money/stored-lines.ts'
import { createInTenantSnapshot } from '../../src/database/snapshot.ts'
import { TimeZone } from '../../src/foundation/time-zone.ts'
import { UsageManager, type UsageRequest } from '../../src/managers/usage.manager.ts'
import { DIMENSIONS, type Dimension } from '../../src/managers/usage-lines.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { seededRandom, seedsOfRun, withSeeds } from '../support/seeded-random.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { storyOrganization, tellJob, tellMoney } from './billed-story.ts'

const HOUR_MS = 3_600_000
const JOBS = 60
/** More are no more than time: one story holds every end that a job can come to. */
const STORIES = 2

interface Used {
  readonly jobId: string
  readonly at: number
  readonly of: Readonly<Record<Dimension, string | null>>
  readonly quantity: number
  readonly included: number
  readonly billed: number
  readonly amount: bigint
}

interface StageRow {
  readonly job_id: string
  readonly user_id: string | null
  readonly stage: string
  readonly at: string
  readonly lines: readonly StoredLine[]
}

const everybody = (organizationId: string) => ({ organizationId, userId: null })

let world: World
let tollkeeper: Tollkeeper
let pool: pg.Pool
/** Sums a few jobs at once, as the product does with a few ten thousand. */
let inSteps: UsageManager
beforeAll(async () => {
  world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
  tollkeeper = await world.open()
  pool = new pg.Pool({ connectionString: world.database.appUrl, max: 2 })
  inSteps = new UsageManager({ inTenantSnapshot: createInTenantSnapshot(pool), idsTellTime: true, jobsAtOnce: 7 })
})
afterAll(async () => {
  await pool.end()
  await world.close()
})

/** What is stored, line by line, without any sum. */
async function usedBy(organizationId: string): Promise<readonly Used[]> {
  const rows = await world.database.query<StageRow & Record<string, unknown>>(
    `select s.job_id, j.user_id, s.stage, tollkeeper.to_ms(s.finished_at) as at, s.lines
     from tollkeeper.jobs j join tollkeeper.job_stages s on s.job_id = j.id
     where j.organization_id = $1 and s.state = 'charged'`,
    [organizationId],
  )
  return rows.flatMap(({ job_id: jobId, user_id: member, stage, at, lines }) =>
    lines.map(lineFromJson).map((line) => ({
      jobId,
      at: Number(at),
      of: {
        component: line.component,
        kind: line.kind,
        agent: stage.startsWith('agent.') ? stage.slice('agent.'.length) : null,
        model: line.llmModel,
        token_class: line.tokenClass,
        member,
        stage,
      },
      ...{ quantity: line.quantity, included: line.includedUsed, billed: line.billedQuantity, amount: line.amount },
    })),
  )
}

const isAgent = ({ of }: Used): boolean => of.kind === 'agent'

function sumOf(used: readonly Used[]) {
  const isMixed = used.some(isAgent) && !used.every(isAgent)
  const units = (pick: (one: Used) => number) => (isMixed ? null : used.reduce((sum, one) => sum + pick(one), 0))
  return {
    quantity: units(({ quantity }) => quantity),
    included: units(({ included }) => included),
    billed: units(({ billed }) => billed),
    amount: used.reduce((sum, { amount }) => sum + amount, 0n),
    jobs: new Set(used.map(({ jobId }) => jobId)).size,
  }
}

/** The report as it is made from single lines. */
function expectedOf(all: readonly Used[], { from, to, by, groupBy, timeZone }: UsageRequest) {
  const [begin, end] = [from ?? 0, to ?? 0]
  const used = all.filter(({ at }) => at >= begin && at < end)
  const starts = by === null ? [begin] : timeZone.starts(begin, end, by)
  const groups = Map.groupBy(used, ({ at, of }) => {
    return JSON.stringify([starts.findLastIndex((start) => start <= at), ...groupBy.map((name) => of[name])])
  })
  return {
    total: sumOf(used),
    groups: new Map([...groups].map(([key, members]) => [key, sumOf(members)])),
    starts: [...starts, end],
  }
}

const ledgerOf = async (organizationId: string): Promise<bigint> => {
  const [row] = await world.database.query<{ net: string }>(
    `select coalesce(sum(case kind when 'charge' then amount when 'reversal' then -amount end), 0) as net
     from tollkeeper.ledger_entries where organization_id = $1 and kind in ('charge', 'reversal')`,
    [organizationId],
  )
  return BigInt(row?.net ?? 0)
}

/** Moves some stages on in time, as if they had waited for hours or days; what was paid for them stays. */
async function spreadInTime(organizationId: string, seed: number): Promise<void> {
  await world.database.query(
    `update tollkeeper.job_stages s set finished_at = s.finished_at
       + ((hashtext(s.job_id::text || s.stage || $2::text) & 2147483647) % 5000) * interval '1 minute'
     from tollkeeper.jobs j where j.id = s.job_id and j.organization_id = $1 and s.finished_at is not null`,
    [organizationId, String(seed)],
  )
  await world.database.query(
    `update tollkeeper.jobs j set finished_at = greatest(j.finished_at,
       (select max(s.finished_at) from tollkeeper.job_stages s where s.job_id = j.id))
     where organization_id = $1 and finished_at is not null`,
    [organizationId],
  )
}

const zones = ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns'].flatMap((name) => TimeZone.named(name) ?? [])

describe('usage after a random story', () => {
  it('is the sum of the charged lines, over whatever it is grouped by, and what the ledger charged and kept', async () => {
    await withSeeds(seedsOfRun(STORIES).slice(0, STORIES), async (seed) => {
      const random = seededRandom(seed)
      const id = await storyOrganization(tollkeeper, `story-${seed}`)
      await storyOrganization(tollkeeper, `${id}-other`)
      for (let job = 0; job < JOBS; job += 1) {
        await tellJob(tollkeeper, random.chance(85) ? id : `${id}-other`, random)
        if (random.chance(25)) await tellMoney(tollkeeper, id, random)
      }
      expect((await tollkeeper.verifier.verify({ organizationId: id })).violations).toEqual([])
      await expectBooksToBalance(world.database)
      await spreadInTime(id, seed)
      const used = await usedBy(id)
      const all = { first: Math.min(...used.map(({ at }) => at)), last: Math.max(...used.map(({ at }) => at)) + 1 }
      const whole: UsageRequest = {
        from: all.first,
        to: all.last,
        by: null,
        groupBy: [],
        timeZone: zones[0] as TimeZone,
      }
      const { total } = await tollkeeper.usage.report(everybody(id), whole)
      expect(total.amount).toBe(await ledgerOf(id))
      expect(total.amount).toBeGreaterThan(0n)
      const instant = fc.integer({ min: all.first - HOUR_MS, max: all.last + HOUR_MS })
      await fc.assert(
        fc.asyncProperty(
          fc.tuple(instant, instant).filter(([one, other]) => one !== other),
          fc.constantFrom(null, 'hour' as const, 'day' as const, 'month' as const),
          fc.subarray([...DIMENSIONS]),
          fc.constantFrom(...zones),
          async (times, by, groupBy, timeZone) => {
            const [from = 0, to = 0] = times.toSorted((one, other) => one - other)
            const request = { from, to, by, groupBy, timeZone }
            const report = await tollkeeper.usage.report(everybody(id), request)
            const expected = expectedOf(used, request)
            expect(report.total).toEqual(expected.total)
            const groups = report.groups.map(({ part, of, start, end, ...sum }) => {
              expect([start, end]).toEqual([expected.starts[part], expected.starts[part + 1]])
              return [JSON.stringify([part, ...groupBy.map((name) => of[name])]), sum] as const
            })
            expect(new Map(groups)).toEqual(expected.groups)
            expect(groups).toHaveLength(expected.groups.size)
            expect(await inSteps.report(everybody(id), request)).toEqual(report)
            expect(report.groups.reduce((sum, { amount }) => sum + amount, 0n)).toBe(report.total.amount)
          },
        ),
        { numRuns: 40 },
      )
      for (const name of DIMENSIONS) {
        const { groups } = await tollkeeper.usage.report(everybody(id), { ...whole, groupBy: [name] })
        expect(groups.reduce((sum, { amount }) => sum + amount, 0n)).toBe(total.amount)
        expect(groups.length).toBeGreaterThan(1)
      }
    })
  }, 120_000)
})

describe('usage of too much', () => {
  const asked = { from: Date.now() - HOUR_MS, to: Date.now() + HOUR_MS, by: null, timeZone: zones[0] as TimeZone }

  it('for one answer is refused with what to ask instead, and its total is told', async () => {
    const id = await storyOrganization(tollkeeper, 'wide')
    const { jobId } = await tollkeeper.openJob({ organizationId: id, agents: ['writer'] })
    await world.database.query(
      `insert into tollkeeper.job_stages (job_id, stage, position, state, lines, finished_at)
       select $1, 'agent.a' || number, 1, 'charged',
         '[["fee","agent","per_unit",null,null,1,"counted",0,1,"1",1,null,0,1,0,"1","0",1]]', now()
       from generate_series(1, 10001) number`,
      [jobId],
    )
    await world.database.query(
      `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at)
       values ($1, 1, $2, 0, 0, 'open', now())`,
      [jobId, id],
    )
    await expect(tollkeeper.usage.report(everybody(id), { ...asked, groupBy: ['stage'] })).rejects.toMatchObject({
      code: 'validation',
      errors: [{ pointer: '', code: 'out-of-range' }],
    })
    const { groups, total } = await tollkeeper.usage.report(everybody(id), { ...asked, groupBy: ['component'] })
    expect(total).toEqual({ quantity: 10_001, included: 0, billed: 10_001, amount: 10_001n, jobs: 1 })
    expect(groups).toMatchObject([{ of: { component: 'fee' }, amount: 10_001n }])
  })

  it('for the time that a report may take is refused as well', async () => {
    const hasty = new UsageManager({
      inTenantSnapshot: createInTenantSnapshot(pool),
      idsTellTime: true,
      reportMaxMs: 1,
    })
    const report = hasty.report(everybody('wide'), { ...asked, groupBy: ['stage'] })
    await expect(report).rejects.toMatchObject({ code: 'validation', message: expect.stringContaining('too long') })
  })
})

describe('usage of jobs that take their time', () => {
  const DAY_MS = 24 * HOUR_MS
  const NOW = Date.now()

  /** A job that was submitted and ended so many days ago; null: it has not ended. One input line of one unit. */
  async function storeJob(
    organizationId: string,
    submitted: number,
    used: number,
    ended: number | null,
    state: string,
  ) {
    const days = (count: number): Date => new Date(NOW - count * DAY_MS)
    const time = Math.floor(NOW - submitted * DAY_MS)
      .toString(16)
      .padStart(12, '0')
    const [{ id } = { id: '' }] = await world.database.query<{ id: string }>(
      `insert into tollkeeper.jobs (id, organization_id, runner, state, stage, steps, created_at, finished_at, parked_at, failure)
       values (($1 || '7000' || substr(md5(random()::text), 1, 16))::uuid, $2, 'own', $3, 'input', '[]', $4, $5,
         case when $3 = 'rejected_for_balance' then now() end, null) returning id`,
      [time, organizationId, state, days(submitted), ended === null ? null : days(ended)],
    )
    const line = ['in', 'input_tokens', 'per_unit', null, null, 1, 'counted', 0, 1, '1', 1, null, 0, 1, 0, '1', '0', 1]
    await world.database.query(
      `insert into tollkeeper.job_stages (job_id, stage, position, state, lines, finished_at)
       values ($1, 'input', 0, 'charged', $2, $3)`,
      [id, JSON.stringify([line]), days(used)],
    )
    if (state === 'processing') {
      await world.database.query(
        `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at)
         values ($1, 1, $2, 0, 0, 'open', now())`,
        [id, organizationId],
      )
    }
    return id
  }

  it('takes what was finished at its beginning, and not what was at its end', async () => {
    const id = await storyOrganization(tollkeeper, 'edges')
    for (const used of [3, 2, 1]) await storeJob(id, 4, used, 0.5, 'charged')
    const edges = { from: NOW - 3 * DAY_MS, to: NOW - DAY_MS, by: null, groupBy: [], timeZone: zones[0] as TimeZone }
    expect((await tollkeeper.usage.report(everybody(id), edges)).total.quantity).toBe(2)
  })

  it.each([
    ['at once', 50.5, 50.4, 50.4, 'charged'],
    ['within the day', 51.1, 50.5, 50.2, 'charged'],
    ['long before its job ended', 60, 50.5, 10, 'charged'],
    ['long after its job was submitted', 90, 50.5, 50.4, 'cancelled'],
    ['and its job runs still', 90, 50.5, null, 'processing'],
    ['and its job is parked since', 90, 50.5, null, 'rejected_for_balance'],
  ])('is found where a stage was finished %s', async (name, submitted, used, ended, state) => {
    const id = `slow-${name.replaceAll(' ', '-')}`
    await storyOrganization(tollkeeper, id)
    await storeJob(id, submitted, used, ended, state)
    await storeJob(id, submitted + 2, used + 2, ended === null ? null : ended + 2, 'charged')
    const day = { from: NOW - 51 * DAY_MS, to: NOW - 50 * DAY_MS, by: null, groupBy: [] }
    const { total } = await tollkeeper.usage.report(everybody(id), { ...day, timeZone: zones[0] as TimeZone })
    expect(total).toEqual({ quantity: 1, included: 0, billed: 1, amount: 1n, jobs: 1 })
  })
})
