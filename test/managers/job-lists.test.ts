import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { type JobFilter, type JobPage, jobPageStatement } from '../../src/managers/job-page.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

/**
 * Twenty thousand jobs of two organisations, one every second up to now, in turns: mostly charged, of three members or none,
 * some with ids of their own. A job's id tells its time as those do that we make.
 */
const JOBS = 20_000
const MANY_JOBS = `
with job as (
  select n, now() - (${JOBS} - n) * interval '1 second' as at,
    case n % 2 when 0 then 'acme' else 'rival' end as organization_id,
    case when n % 400 < 2 then 'failed' when n % 400 < 4 then 'cancelled' when n % 400 < 6 then 'rejected_for_balance'
      when n % 400 < 8 then 'queued' when n % 400 < 10 then 'processing' else 'charged' end as state
  from generate_series(1, ${JOBS}) n),
stored as (
  insert into tollkeeper.jobs (id, organization_id, user_id, external_id, runner, state, stage, steps, created_at, parked_at,
    expires_at, rejection, failure)
  select (lpad(to_hex(tollkeeper.to_ms(at)), 12, '0') || '7000a000' || lpad(to_hex(n), 12, '0'))::uuid, organization_id,
    case n % 20 when 0 then 'ann' when 1 then 'bob' when 2 then 'cid' end,
    case when n % 1000 < 4 then 'order ' || n / 1000 end, 'own', state, 'input', '[]', at,
    case state when 'rejected_for_balance' then at end, case state when 'rejected_for_balance' then at end,
    case state when 'rejected_for_balance' then '{"reason":"insufficient","stage":"input","needed":"1","available":"0","missing":"1"}'::jsonb end,
    case state when 'failed' then '{"code":"agent-error","stage":"input","detail":"x"}'::jsonb end
  from job returning id, organization_id, state)
insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at)
select id, 1, organization_id, 1, 1, 'open', now() from stored where state = 'processing'`

interface Stored {
  readonly [column: string]: unknown
  readonly id: string
  readonly state: string
  readonly user_id: string | null
  readonly external_id: string | null
  readonly at: string
}

interface Plan {
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

describe('a list of jobs', () => {
  let world: World
  let tollkeeper: Tollkeeper
  let stored: readonly Stored[]
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open([repeater])
    for (const id of ['acme', 'rival', 'empty']) await fundedOrganization(tollkeeper, id, '0', CONTRACT_COMPONENTS)
    await world.database.query(
      `insert into tollkeeper.team_members (organization_id, user_id, role, state, operation, added_at)
       select o, u, 'member', 'active', gen_random_uuid(), now()
       from unnest(array['acme', 'rival']) o, unnest(array['ann', 'bob', 'cid']) u`,
    )
    await world.database.query(MANY_JOBS)
    await world.database.query('vacuum analyze tollkeeper.jobs')
    stored = await world.database.query<Stored>(
      `select id, state, user_id, external_id, tollkeeper.to_ms(created_at)::text as at
       from tollkeeper.jobs where organization_id = 'acme' order by id`,
    )
  })
  afterAll(() => world.close())

  const page = async (asked: Partial<JobPage>) => {
    const { jobs, more } = await tollkeeper.jobs.list(tollkeeper.em(), 'acme', { limit: 50, before: null, ...asked })
    return { ids: jobs.map(({ id }) => id), more }
  }
  /** All pages, as a client walks through them. */
  const walk = async (asked: Partial<JobPage>) => {
    const all: string[] = []
    for (let before: string | null = null; ; ) {
      const { ids, more } = await page({ limit: 200, ...asked, before })
      all.push(...ids)
      if (!more) return all
      before = ids.at(-1) ?? null
    }
  }
  const timeOf = (index: number) => Number(stored[index]?.at)

  const FILTERS: readonly [string, () => Partial<JobFilter>][] = [
    ...(['queued', 'processing', 'rejected_for_balance', 'failed', 'cancelled'] as const).map(
      (state): [string, () => Partial<JobFilter>] => [`state ${state}`, () => ({ state })],
    ),
    ['a member', () => ({ userId: 'ann' })],
    ['an id of the customer', () => ({ externalId: 'order 7' })],
    ['from a time', () => ({ from: timeOf(9_950) })],
    ['until before a time', () => ({ to: timeOf(60) })],
    ['charged between two times', () => ({ state: 'charged' as const, from: timeOf(5_000), to: timeOf(5_060) })],
    ['between two times', () => ({ from: timeOf(5_000), to: timeOf(5_060) })],
    ['a member and a state', () => ({ userId: 'ann', state: 'charged' as const, from: timeOf(9_000) })],
    ['a member without jobs', () => ({ userId: 'dan' })],
  ]

  it.each(FILTERS)('has exactly the jobs asked for, in both orders: %s', async (_what, filterOf) => {
    const filter = filterOf()
    const { state, userId, externalId, from, to } = filter
    const wanted = stored.filter(
      (job) =>
        (state === undefined || job.state === state) &&
        (userId === undefined || job.user_id === userId) &&
        (externalId === undefined || job.external_id === externalId) &&
        (from === undefined || from === null || Number(job.at) >= from) &&
        (to === undefined || to === null || Number(job.at) < to),
    )
    const ids = wanted.map(({ id }) => id)
    expect(ids.length > 0).toBe(userId !== 'dan')
    expect(await walk({ filter, order: 'asc' })).toEqual(ids)
    expect(await walk({ filter })).toEqual(ids.toReversed())
  })

  it('goes on behind a job of the page before', async () => {
    const first = await page({ limit: 3 })
    const newest = stored.slice(-5).map(({ id }) => id)
    expect(first).toEqual({ ids: newest.slice(2).toReversed(), more: true })
    expect((await page({ limit: 2, before: first.ids[2] ?? null })).ids).toEqual(newest.slice(0, 2).toReversed())
    expect(await tollkeeper.jobs.list(tollkeeper.em(), 'empty', { limit: 5, before: null })).toEqual({
      ...{ jobs: [], more: false },
    })
  })

  it.each(FILTERS)('is found by an index of the organisation: %s', async (_what, filterOf) => {
    const filter = filterOf()
    for (const order of ['asc', 'desc'] as const) {
      const { sql, values } = jobPageStatement('acme', { limit: 50, before: null, order, filter }, true)
      const [row] = await tollkeeper
        .em()
        .execute<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(`explain (analyze, format json) ${sql}`, [...values])
      const scans = flat(row?.['QUERY PLAN'][0].Plan).filter((node) => node['Index Name'] ?? node['Relation Name'])
      const shown = JSON.stringify(scans)
      // By the one of all ids only what an index of the organisation's open holds has named.
      const known = /^(jobs|holds)_(organization|of|not|queued|parked|open)/
      const isNamed = scans.some((node) => node['Index Name'] === 'holds_open_of_organization')
      for (const node of scans) expect(node['Index Name'], shown).toMatch(isNamed ? /^(jobs|holds)_/ : known)
      // Nothing of another organisation, and little of its own: an hour's jobs where times are asked for, since an id is
      // made by another clock; a member's that are in other states.
      const looked = scans.map(
        (node) => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
      )
      const bound = filter.from || filter.to ? 1_900 : 200
      expect(Math.max(...looked), shown).toBeLessThan(bound)
    }
  })

  it('is only narrowed by what a job is within', async () => {
    const em = tollkeeper.em()
    const ann = stored.find(({ user_id }) => user_id === 'ann')?.id ?? ''
    const within = (organizationId: string, userId: string | null) => ({ organizationId, userId })
    for (const seen of [null, within('acme', null), within('acme', 'ann')]) {
      expect((await tollkeeper.jobs.find(em, ann, seen)).id).toBe(ann)
      expect((await tollkeeper.jobs.receipt(em, ann, seen)).jobId).toBe(ann)
    }
    for (const unseen of [within('rival', null), within('rival', 'ann'), within('acme', 'bob')]) {
      const missing = { code: 'not-found', message: 'Nothing is found here; check the id' }
      await expect(tollkeeper.jobs.find(em, ann, unseen)).rejects.toMatchObject(missing)
      await expect(tollkeeper.jobs.receipt(em, ann, unseen)).rejects.toMatchObject(missing)
      await expect(tollkeeper.service.cancel(ann, unseen)).rejects.toMatchObject(missing)
      await expect(tollkeeper.service.resubmit(ann, {}, unseen)).rejects.toMatchObject(missing)
    }
    expect((await tollkeeper.jobs.find(em, ann)).state).toBe(stored.find(({ id }) => id === ann)?.state)
  })
})

function flat(plan: Plan | undefined): readonly Plan[] {
  return plan ? [plan, ...(plan.Plans ?? []).flatMap(flat)] : []
}
