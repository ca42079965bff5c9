import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { twoTenants } from '../support/tenants.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

/** A row that names an organisation and something of it: neither may be another's, whoever writes it. */
describe('a row of one organisation', () => {
  let world: World
  let rivals = ''
  beforeAll(async () => {
    world = await openWorld('postgres')
    const jobs = await twoTenants(await world.open())
    rivals = jobs.rival.bob ?? ''
    await world.database.query(
      `insert into tollkeeper.team_members (organization_id, user_id, role, state, operation, added_at)
       values ('rival', 'rita', 'member', 'active', gen_random_uuid(), now())`,
    )
  })
  afterAll(() => world.close())

  const HOLD = `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)`
  const ABSORBED = `insert into tollkeeper.absorbed_usage (id, organization_id, job_id, stage, reason, usage, tokens, cost, created_at)`
  const JOB = 'insert into tollkeeper.jobs (id, organization_id, user_id, runner, state, stage, steps)'
  const COPIED = 'gen_random_uuid(), organization_id, key, feature, quantity'
  const REST = 'tariff_version_id, period_start, line, balance, charged'
  const FEATURE = (changed: string, key: string) => `insert into tollkeeper.feature_charges
    (id, organization_id, key, feature, quantity, user_id, ${REST}, ledger_seq, created_at)
    select ${COPIED.replace('key', `'${key}'`)}, ${changed}, created_at
    from tollkeeper.feature_charges where organization_id = 'acme'`

  it.each<[string, string, (job: string) => string]>([
    [
      'a hold for another’s job',
      'holds_job_fk',
      (job) => `${HOLD} values ('${job}', 9, 'acme', 1, 0, 'closed', now(), now())`,
    ],
    [
      'work absorbed in another’s job',
      'absorbed_usage_job_fk',
      (job) => `${ABSORBED} values (gen_random_uuid(), 'acme', '${job}', 'input', 'late', '{}', 1, 0, now())`,
    ],
    [
      'a job for another’s member',
      'jobs_member_fk',
      () => `${JOB} values (gen_random_uuid(), 'acme', 'rita', 'own', 'queued', 'input', '[]')`,
    ],
    [
      'a job that becomes another’s member’s',
      'jobs_member_fk',
      () => `update tollkeeper.jobs set user_id = 'rita' where organization_id = 'acme'`,
    ],
    [
      'a feature for another’s member',
      'feature_charges_member_fk',
      () => FEATURE(`'rita', ${REST}, ledger_seq`, 'second'),
    ],
    [
      'a feature paid by an entry that is not there',
      'feature_charges_entry_fk',
      () => FEATURE(`user_id, ${REST}, 900000`, 'third'),
    ],
  ])('cannot be %s', async (_what, constraint, sql) => {
    const counts = `select (select count(*) from tollkeeper.holds)::int as holds,
      (select count(*) from tollkeeper.absorbed_usage)::int as absorbed,
      (select count(*) from tollkeeper.feature_charges)::int as features,
      (select string_agg(coalesce(user_id, ''), ' ' order by id) from tollkeeper.jobs) as jobs`
    const before = await world.database.query(counts)
    await expect(world.database.query(sql(rivals))).rejects.toMatchObject({ code: '23503', constraint })
    expect(await world.database.query(counts)).toEqual(before)
  })

  it('may be what names its own', async () => {
    const own = `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
      select id, 9, organization_id, 1, 0, 'closed', now(), now() from tollkeeper.jobs where organization_id = 'acme' limit 1`
    await world.database.query(`begin; ${own}; rollback`)
  })
})
