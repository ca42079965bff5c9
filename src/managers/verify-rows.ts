import type { Snapshot } from '../database/snapshot.ts'
import type { AuditedOrganization, FoldStart } from '../ledger/audit.ts'
import type { AuditedPeriod } from '../ledger/audit-periods.ts'
import type { PeriodEdge } from '../ledger/period-row.ts'
import type { OrganizationStatus } from '../models/organization.model.ts'

/** An organisation as it is verified, and what its liveness is judged by. */
export interface VerifiedOrganization extends AuditedOrganization {
  readonly status: OrganizationStatus
  readonly tariffVersionId: string | null
  readonly overdraftLimit: bigint
  readonly checkedSeq: number
}

const ORGANIZATION = `
select o.currency, o.status, o.tariff_version_id, b.available, b.held, b.overdraft_limit,
  greatest(b.overdraft_limit, b.overdraft_limit_peak), b.seq, b.checked_seq, b.seats_used, v.max_team_members,
  (select count(*) from tollkeeper.team_members m where m.organization_id = o.id and m.state = 'active'),
  (select coalesce(sum(h.remaining), 0) from tollkeeper.holds h where h.organization_id = o.id and h.state = 'open'),
  tollkeeper.to_ms(o.period_start)
from tollkeeper.organizations o join tollkeeper.organization_balances b on b.organization_id = o.id
left join tollkeeper.tariff_versions v on v.id = o.tariff_version_id
where o.id = $1`

type OrganizationTuple = [
  string,
  OrganizationStatus,
  string | null,
  string,
  string,
  string,
  string,
  string,
  string,
  number,
  number | null,
  string,
  string,
  string,
]

export async function readOrganization(snapshot: Snapshot, id: string): Promise<VerifiedOrganization | null> {
  const [row] = await snapshot.read<OrganizationTuple>(ORGANIZATION, [id])
  if (!row) return null
  const [currency, status, tariffVersionId, available, held, limit, peak, seq, checkedSeq, seatsUsed, ...rest] = row
  const [maxTeamMembers, activeMembers, openHolds, periodStart] = rest
  return {
    id,
    currency,
    status,
    tariffVersionId,
    available: BigInt(available),
    held: BigInt(held),
    overdraftLimit: BigInt(limit),
    overdraftLimitPeak: BigInt(peak),
    seq: Number(seq),
    checkedSeq: Number(checkedSeq),
    seatsUsed,
    maxTeamMembers,
    activeMembers: Number(activeMembers),
    openHolds: BigInt(openHolds),
    periodStart: Number(periodStart),
  }
}

/** What stood after the entry `seq`, or null where there is no such entry. */
export async function readFoldStart(snapshot: Snapshot, id: string, seq: number): Promise<FoldStart | null> {
  const text = `select available_after, held_after from tollkeeper.ledger_entries where organization_id = $1 and seq = $2`
  const [row] = await snapshot.read<[string, string]>(text, [id, seq])
  return row ? { seq, available: BigInt(row[0]), held: BigInt(row[1]) } : null
}

/** One of the entries for each job that entries name and that the organisation does not have; the first twenty. */
export function readStrayEntries(snapshot: Snapshot, id: string): Promise<readonly [seq: string, jobId: string][]> {
  const text = `select min(e.seq), e.job_id from tollkeeper.ledger_entries e
    where e.organization_id = $1 and e.job_id is not null and not exists (
      select 1 from tollkeeper.jobs j where j.id = e.job_id and j.organization_id = e.organization_id)
    group by e.job_id limit 20`
  return snapshot.read<[string, string]>(text, [id])
}

/** The tariff versions that jobs of an organisation pin. @param jobIds only of those; null: of all */
export async function readPinnedVersions(
  snapshot: Snapshot,
  id: string,
  jobIds: readonly string[] | null,
): Promise<readonly string[]> {
  const named = jobIds === null ? '' : 'and id = any ($2::uuid[])'
  const text = `select distinct tariff_version_id from tollkeeper.jobs
    where organization_id = $1 and tariff_version_id is not null ${named}`
  const rows = await snapshot.read<[string]>(text, jobIds === null ? [id] : [id, jobIds])
  return rows.map(([versionId]) => versionId)
}

/** What stands with an organisation's members of their jobs in one period; who has no such jobs is left out. */
export async function readCommitted(snapshot: Snapshot, id: string, periodStart: number) {
  const text = `select user_id, committed from tollkeeper.team_members
    where organization_id = $1 and committed_period = tollkeeper.from_ms($2::bigint)`
  const rows = await snapshot.read<[string, string]>(text, [id, periodStart])
  return rows.map(([userId, committed]) => ({ userId, committed: BigInt(committed) }))
}

/** Every counter of an organisation, as the audit compares them. */
export async function readCounters(snapshot: Snapshot, id: string) {
  const text = `select plan_id, component, tollkeeper.to_ms(period_start), used, included_used, reserved
    from tollkeeper.usage_counters where organization_id = $1`
  const rows = await snapshot.read<[string, string, string, string, string, string]>(text, [id])
  return rows.map(([planId, component, periodStart, used, includedUsed, reserved]) => ({
    planId,
    component,
    periodStart: Number(periodStart),
    used: Number(used),
    includedUsed: Number(includedUsed),
    reserved: Number(reserved),
  }))
}

/** Every period of an organisation, the first one first: a dozen a year. */
export async function readPeriods(snapshot: Snapshot, id: string): Promise<readonly AuditedPeriod[]> {
  const text = `select number, tollkeeper.to_ms(period_start), tollkeeper.to_ms(period_end), tariff_version_id, plan_fee,
      seats, seat_fee, credit, tollkeeper.to_ms(due_at), tollkeeper.to_ms(paid_at), opening_seq, opening_available,
      opening_held, closing_seq, closing_available, closing_held, tollkeeper.to_ms(closed_at)
    from tollkeeper.billing_periods where organization_id = $1 order by number`
  const rows = await snapshot.read<readonly (string | number | null)[]>(text, [id])
  return rows.map((row) => {
    const number = (index: number): number => Number(row[index])
    const amount = (index: number): bigint => BigInt(row[index] ?? 0)
    const maybe = (index: number): number | null => (row[index] === null ? null : number(index))
    const edge = (index: number): PeriodEdge => ({
      seq: number(index),
      available: amount(index + 1),
      held: amount(index + 2),
    })
    return {
      number: number(0),
      start: number(1),
      end: number(2),
      tariffVersionId: row[3] === null ? null : String(row[3]),
      planFee: amount(4),
      seats: number(5),
      seatFee: amount(6),
      credit: amount(7),
      dueAt: number(8),
      paidAt: maybe(9),
      opening: edge(10),
      closing: row[13] === null ? null : edge(13),
      closedAt: maybe(16),
    }
  })
}
