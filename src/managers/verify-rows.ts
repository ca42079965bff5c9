import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import type { Snapshot } from '../database/snapshot.ts'
import type { AuditedEntry, AuditedOrganization, FoldStart } from '../ledger/audit.ts'
import type { AuditedHold, AuditedJob, AuditedJobEntry, AuditedStage } from '../ledger/audit-job.ts'
import type { SettledLine } from '../ledger/facts.ts'
import type { JobState, StageState } from '../ledger/states.ts'
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
  (select coalesce(sum(h.remaining), 0) from tollkeeper.holds h where h.organization_id = o.id and h.state = 'open')
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
]

export async function readOrganization(snapshot: Snapshot, id: string): Promise<VerifiedOrganization | null> {
  const [row] = await snapshot.read<OrganizationTuple>(ORGANIZATION, [id])
  if (!row) return null
  const [currency, status, tariffVersionId, available, held, limit, peak, seq, checkedSeq, seatsUsed, ...rest] = row
  const [maxTeamMembers, activeMembers, openHolds] = rest
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
  }
}

const ENTRIES = `
select seq, kind, debit_account, credit_account, amount, currency, available_after, held_after, job_id
from tollkeeper.ledger_entries where organization_id = $1 and seq > $2 order by seq limit $3`

type EntryTuple = [string, string, string, string, string, string, string, string, string | null]

/** The entries behind `after`, in the order of `seq`. */
export async function readEntries(
  snapshot: Snapshot,
  id: string,
  after: number,
  limit: number,
): Promise<readonly AuditedEntry[]> {
  const rows = await snapshot.read<EntryTuple>(ENTRIES, [id, after, limit])
  return rows.map(([seq, kind, debit, credit, amount, currency, availableAfter, heldAfter, jobId]) => ({
    seq: Number(seq),
    kind,
    debit,
    credit,
    amount: BigInt(amount),
    currency,
    availableAfter: BigInt(availableAfter),
    heldAfter: BigInt(heldAfter),
    jobId,
  }))
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

const JOB_COLUMNS = `id, state, tariff_version_id, tollkeeper.to_ms(period_start), charged, reversed, released, written_off`
const JOBS_BEHIND = `
select ${JOB_COLUMNS} from tollkeeper.jobs where organization_id = $1 and id > $2 order by id limit $3`
const JOBS_NAMED = `
select ${JOB_COLUMNS} from tollkeeper.jobs where organization_id = $1 and id = any ($2::uuid[])`
const STAGES = `
select job_id, stage, state, tokens, charged, lines, grants from tollkeeper.job_stages where job_id = any ($1::uuid[])`
const HOLDS = `
select job_id, generation, amount, remaining, state, organization_id = $2
from tollkeeper.holds where job_id = any ($1::uuid[])`
// One text per job instead of a row per entry: a quarter of the work to receive. The key comes last, it may hold blanks.
const JOB_ENTRIES = `
select job_id, string_agg(concat_ws(' ', seq, kind, amount, credit_account, coalesce(reverses_seq, 0),
  (organization_id = $2)::int, translate(business_key, E'\\n', ' ')), E'\\n')
from tollkeeper.ledger_entries where job_id = any ($1::uuid[]) group by job_id`

type JobTuple = [string, JobState, string | null, string | null, string, string, string, string]
type StageTuple = [string, string, StageState, string, string, unknown, Record<string, number> | null]
type HoldTuple = [string, number, string, string, 'open' | 'closed', boolean]
type JobEntriesTuple = [jobId: string, entries: string]

const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** Jobs with all that belongs to them, behind `after` (null: from the first) in the order of their ids. */
export async function readJobs(
  snapshot: Snapshot,
  id: string,
  after: string | null,
  limit: number,
): Promise<readonly AuditedJob[]> {
  return withParts(snapshot, id, await snapshot.read<JobTuple>(JOBS_BEHIND, [id, after ?? FIRST_ID, limit]))
}

/** Those of the named jobs that the organisation has. */
export async function readNamedJobs(
  snapshot: Snapshot,
  id: string,
  jobIds: readonly string[],
): Promise<readonly AuditedJob[]> {
  return withParts(snapshot, id, await snapshot.read<JobTuple>(JOBS_NAMED, [id, jobIds]))
}

async function withParts(snapshot: Snapshot, id: string, jobs: readonly JobTuple[]): Promise<readonly AuditedJob[]> {
  const ids = jobs.map(([jobId]) => jobId)
  if (ids.length === 0) return []
  // All are asked for at once: PostgreSQL works on the next while the rows of the one before are read here.
  const [stages, holds, entries] = await Promise.all([
    snapshot.read<StageTuple>(STAGES, [ids]).then((rows) => grouped(rows, toStage)),
    snapshot.read<HoldTuple>(HOLDS, [ids, id]).then((rows) => grouped(rows, toHold)),
    snapshot.read<JobEntriesTuple>(JOB_ENTRIES, [ids, id]).then((rows) => new Map(rows)),
  ])
  return jobs.map(([jobId, state, tariffVersionId, periodStart, charged, reversed, released, writtenOff]) => ({
    id: jobId,
    state,
    tariffVersionId,
    periodStart: periodStart === null ? null : Number(periodStart),
    charged: state === 'processing' ? chargedOf(stages.get(jobId) ?? []) : BigInt(charged),
    reversed: BigInt(reversed),
    released: BigInt(released),
    writtenOff: BigInt(writtenOff),
    stages: stages.get(jobId) ?? [],
    holds: holds.get(jobId) ?? [],
    entries: entries.get(jobId)?.split('\n').map(toJobEntry) ?? [],
  }))
}

/** The row of a job that is processed says nothing of its charges yet. */
function chargedOf(stages: readonly AuditedStage[]): bigint {
  return stages.reduce((sum, { charged }) => sum + charged, 0n)
}

/** The rows of each job; a row begins with its job's id. */
function grouped<Row extends readonly [string, ...unknown[]], T>(
  rows: readonly Row[],
  convert: (row: Row) => T,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(row[0])
    if (group) group.push(convert(row))
    else groups.set(row[0], [convert(row)])
  }
  return groups
}

function toStage([, stage, state, tokens, charged, lines, grants]: StageTuple): AuditedStage {
  const figures = { tokens: Number(tokens), charged: BigInt(charged) }
  return { stage, state, ...figures, lines: readableLines(lines), grants: grants ?? {} }
}

/** What is stored may have been changed by hand; then it is reported, and does not end the verification. */
function readableLines(lines: unknown): readonly SettledLine[] | null {
  if (!Array.isArray(lines)) return null
  try {
    return (lines as readonly StoredLine[]).map(lineFromJson)
  } catch {
    return null
  }
}

function toHold([, generation, amount, remaining, state, own]: HoldTuple): AuditedHold {
  return { generation, amount: BigInt(amount), remaining: BigInt(remaining), state, own }
}

function toJobEntry(text: string): AuditedJobEntry {
  const [seq = '', kind = '', amount = '', credit = '', reverses, own, ...key] = text.split(' ')
  return {
    seq: Number(seq),
    kind,
    amount: BigInt(amount),
    credit,
    businessKey: key.length === 1 ? (key[0] ?? '') : key.join(' '),
    reversesSeq: reverses === '0' ? null : Number(reverses),
    own: own === '1',
  }
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
