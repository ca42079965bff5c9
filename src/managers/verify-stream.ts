import { unescaped } from '../database/copy-out.ts'
import { lineFromJson, type StoredLine } from '../database/money/stored-lines.ts'
import { literal, type Snapshot } from '../database/snapshot.ts'
import type { AuditedEntry } from '../ledger/audit.ts'
import type { AuditedHold, AuditedJob, AuditedJobEntry, AuditedStage } from '../ledger/audit-job.ts'
import type { SettledLine } from '../ledger/facts.ts'
import type { JobState, StageState } from '../ledger/states.ts'

/** What parts the rows of a job, and their columns: control characters that JSON escapes and no key may hold. */
const ROW = '\x1e'
const COLUMN = '\x1f'
const NULL = '\\N'

/** Streams the entries behind `after`, in the order of `seq`. @param limit null: all of them */
export function streamEntries(
  snapshot: Snapshot,
  id: string,
  { after, limit }: { readonly after: number; readonly limit: number | null },
  take: (entry: AuditedEntry) => void,
): Promise<void> {
  const query = `
    select seq, kind, debit_account, credit_account, amount, currency, available_after, held_after, job_id
    from tollkeeper.ledger_entries where organization_id = ${literal(id)} and seq > ${after}
    order by seq limit ${limit ?? 'all'}`
  return snapshot.stream(query, (row) => take(toEntry(row)))
}

function toEntry(row: string): AuditedEntry {
  const columns = row.split('\t')
  const [seq, kind = '', debit = '', credit = '', amount = '', currency = '', available = '', held = '', jobId] =
    columns
  return {
    seq: Number(seq),
    kind,
    debit,
    credit,
    amount: BigInt(amount),
    currency,
    availableAfter: BigInt(available),
    heldAfter: BigInt(held),
    jobId: jobId === undefined || jobId === NULL ? null : jobId,
  }
}

/** A text of one row for each row of a table that belongs to the job, made by the server: it comes with its job. */
const packed = (table: string, columns: readonly string[]): string => `
  coalesce((select string_agg(${columns.join(` || e'\\x1f' || `)}, e'\\x1e') from tollkeeper.${table} t where t.job_id = j.id), '')`

/** Streams jobs with all that belongs to them, in the order of their ids. @param jobIds only those; null: all */
export function streamJobs(
  snapshot: Snapshot,
  id: string,
  jobIds: readonly string[] | null,
  take: (job: AuditedJob) => void,
): Promise<void> {
  const organization = literal(id)
  const isOwn = `(t.organization_id = ${organization})::int`
  const named = jobIds === null ? '' : `and j.id = any (${literal(`{${jobIds.join()}}`)}::uuid[])`
  const query = `
    select j.id, j.user_id, j.state, coalesce(j.tariff_version_id::text, ''),
      coalesce(tollkeeper.to_ms(j.period_start)::text, ''),
      j.charged, j.reversed, j.released, j.written_off,
      ${packed('holds', ['generation', 'amount', 'remaining', 'state', isOwn])},
      ${packed('job_stages', ['stage', 'state', 'tokens', 'charged', "coalesce(lines::text, '')", "coalesce(grants::text, '')"])},
      ${packed('ledger_entries', ['seq', 'kind', 'amount', 'credit_account', 'coalesce(reverses_seq, 0)', isOwn, 'business_key'])}
    from tollkeeper.jobs j where j.organization_id = ${organization} ${named} order by j.id`
  return snapshot.stream(query, (row) => take(toJob(row)))
}

function toJob(row: string): AuditedJob {
  const [id = '', userId = NULL, state, tariffVersionId = '', periodStart = '', ...rest] = row.split('\t')
  const [charged = '', reversed = '', released = '', writtenOff = '', holds = '', parts = '', entries = ''] = rest
  const stages = rowsOf(parts, toStage)
  return {
    id,
    userId: userId === NULL ? null : unescaped(userId),
    state: state as JobState,
    tariffVersionId: tariffVersionId === '' ? null : tariffVersionId,
    periodStart: periodStart === '' ? null : Number(periodStart),
    // While a job is processed its row says nothing of its charges yet.
    charged: state === 'processing' ? stages.reduce((sum, stage) => sum + stage.charged, 0n) : BigInt(charged),
    reversed: BigInt(reversed),
    released: BigInt(released),
    writtenOff: BigInt(writtenOff),
    holds: rowsOf(holds, toHold),
    stages,
    entries: rowsOf(entries, toJobEntry),
  }
}

function rowsOf<T>(text: string, convert: (columns: readonly string[]) => T): readonly T[] {
  if (text === '') return []
  return unescaped(text)
    .split(ROW)
    .map((row) => convert(row.split(COLUMN)))
}

function toHold([generation, amount = '', remaining = '', state, own]: readonly string[]): AuditedHold {
  return {
    generation: Number(generation),
    amount: BigInt(amount),
    remaining: BigInt(remaining),
    state: state as AuditedHold['state'],
    own: own === '1',
  }
}

function toStage([stage = '', state, tokens, charged = '', lines = '', grants = '']: readonly string[]): AuditedStage {
  return {
    stage,
    state: state as StageState,
    tokens: Number(tokens),
    charged: BigInt(charged),
    lines: readableLines(lines),
    grants: grants === '' || grants === '{}' ? NO_GRANTS : JSON.parse(grants),
  }
}

const NO_GRANTS = {}

/** What is stored may have been changed by hand; then it is reported, and does not end the verification. */
function readableLines(stored: string): readonly SettledLine[] | null {
  if (stored === '') return null
  try {
    const lines: unknown = JSON.parse(stored)
    return Array.isArray(lines) ? (lines as readonly StoredLine[]).map(lineFromJson) : null
  } catch {
    return null
  }
}

function toJobEntry(columns: readonly string[]): AuditedJobEntry {
  const [seq, kind = '', amount = '', credit = '', reverses, own, businessKey = ''] = columns
  return {
    seq: Number(seq),
    kind,
    amount: BigInt(amount),
    credit,
    businessKey,
    reversesSeq: reverses === '0' ? null : Number(reverses),
    own: own === '1',
  }
}
