import { expect } from 'vitest'
import type { TestDatabase } from './postgres.ts'

/**
 * Asserts, in SQL and against the stored rows alone, what must hold of every organisation whatever happened: balances
 * equal the fold of the ledger at every prefix, no gap in seq, holds equal `held`, one entry per charged line, counters
 * equal what lines, charged features and open holds say.
 */
export async function expectBooksToBalance({ query }: TestDatabase): Promise<void> {
  const broken = async (sql: string): Promise<readonly unknown[]> => query(sql)
  expect(await broken(FOLD), 'available and held equal the fold of the ledger at every entry').toEqual([])
  expect(await broken(PROJECTION), 'the balance row equals the last entry').toEqual([])
  expect(await broken(GAPS), 'seq has no gap').toEqual([])
  expect(await broken(HOLDS), 'held equals the open holds').toEqual([])
  expect(await broken(IDLE_HOLDS), 'a parked or final job holds nothing').toEqual([])
  expect(await broken(LINES), 'each charged line has exactly one entry').toEqual([])
  expect(await broken(JOBS), 'a job is charged the sum of its lines, and no more than was held').toEqual([])
  expect(await broken(COUNTERS), 'counters equal the settled lines').toEqual([])
  expect(await broken(FEATURES), 'each charge of a feature has exactly one entry').toEqual([])
  expect(await broken(SEATS), 'seats used equal active members').toEqual([])
  expect(await broken(COMMITTED), 'members are committed to what their jobs hold and were charged').toEqual([])
}

const FOLD = `
select * from (
  select organization_id, seq, available_after, held_after,
    sum(case 'available' when credit_account then amount when debit_account then -amount else 0 end) over w as available,
    sum(case 'held' when credit_account then amount when debit_account then -amount else 0 end) over w as held
  from tollkeeper.ledger_entries window w as (partition by organization_id order by seq)
) e join tollkeeper.organization_balances b using (organization_id)
where e.available <> available_after or e.held <> held_after or available_after < -b.overdraft_limit`
const PROJECTION = `
select b.* from tollkeeper.organization_balances b
left join tollkeeper.ledger_entries e on e.organization_id = b.organization_id and e.seq = b.seq
where b.available <> coalesce(e.available_after, 0) or b.held <> coalesce(e.held_after, 0)`
const GAPS = `
select organization_id from tollkeeper.ledger_entries group by organization_id
having min(seq) <> 1 or max(seq) <> count(*)`
const HOLDS = `
select b.organization_id from tollkeeper.organization_balances b
left join tollkeeper.holds h on h.organization_id = b.organization_id and h.state = 'open'
group by b.organization_id, b.held having b.held <> coalesce(sum(h.remaining), 0)`
const IDLE_HOLDS = `
select j.id from tollkeeper.jobs j join tollkeeper.holds h on h.job_id = j.id and h.state = 'open'
where j.state <> 'processing'`
const LINES = `
select s.job_id, s.stage, line from tollkeeper.job_stages s cross join lateral json_array_elements(s.lines) line
where s.state in ('charged', 'reversed') and (line ->> 15)::bigint > 0 and 1 <> (
  select count(*) from tollkeeper.ledger_entries e where e.kind = 'charge' and e.job_id = s.job_id
    and e.stage = s.stage and e.seq = (line ->> 17)::bigint and e.amount = (line ->> 15)::bigint)`
const JOBS = `
select j.id from tollkeeper.jobs j where j.state <> 'processing' and j.charged <> coalesce((
    select sum(s.charged) from tollkeeper.job_stages s where s.job_id = j.id), 0)
  or (select coalesce(sum(s.charged), 0) from tollkeeper.job_stages s where s.job_id = j.id) <> coalesce((
    select sum(e.amount) from tollkeeper.ledger_entries e where e.job_id = j.id and e.kind = 'charge'), 0)
  or j.charged > coalesce((select sum(h.amount) from tollkeeper.holds h where h.job_id = j.id), 0)`
const COUNTERS = `
select c.* from tollkeeper.usage_counters c
left join lateral (
  select coalesce(sum((line ->> 5)::bigint), 0) as used,
    coalesce(sum((line ->> 7)::bigint), 0) as included
  from tollkeeper.jobs j
  join tollkeeper.tariff_versions v on v.id = j.tariff_version_id
  join tollkeeper.job_stages s on s.job_id = j.id and s.state = 'charged'
  cross join lateral json_array_elements(s.lines) line
  where j.organization_id = c.organization_id and v.plan_id = c.plan_id and j.period_start = c.period_start
    and line ->> 0 = c.component
) l on true
left join lateral (
  select coalesce(sum((f.line ->> 5)::bigint), 0) as used, coalesce(sum((f.line ->> 7)::bigint), 0) as included
  from tollkeeper.feature_charges f join tollkeeper.tariff_versions v on v.id = f.tariff_version_id
  where f.organization_id = c.organization_id and v.plan_id = c.plan_id and f.period_start = c.period_start
    and f.line ->> 0 = c.component
) f on true
where c.used <> l.used + f.used or c.included_used <> l.included + f.included`
const FEATURES = `
select f.*, e.* from tollkeeper.feature_charges f
full join (select * from tollkeeper.ledger_entries where kind = 'feature') e
  on e.organization_id = f.organization_id and e.seq = f.ledger_seq and e.amount = f.charged
    and e.business_key = 'feature:' || f.organization_id || ':' || f.key
where f.charged > 0 and e.seq is null or f.id is null or f.charged <> (f.line ->> 15)::bigint`
const SEATS = `
select b.organization_id from tollkeeper.organization_balances b
left join tollkeeper.team_members m on m.organization_id = b.organization_id and m.state = 'active'
group by b.organization_id, b.seats_used having b.seats_used <> count(m.user_id)`
const COMMITTED = `
select m.organization_id, m.user_id, m.committed, m.committed_period from tollkeeper.team_members m
join tollkeeper.organizations o on o.id = m.organization_id
left join lateral (
  select sum(coalesce((select sum(s.charged) from tollkeeper.job_stages s where s.job_id = j.id and s.state = 'charged'), 0)
    + coalesce((select h.remaining from tollkeeper.holds h where h.job_id = j.id and h.state = 'open'), 0)) as amount
  from tollkeeper.jobs j
  where j.organization_id = m.organization_id and j.user_id = m.user_id and j.period_start = o.period_start) x on true
where case when m.committed_period = o.period_start then m.committed else 0 end <> coalesce(x.amount, 0)`
