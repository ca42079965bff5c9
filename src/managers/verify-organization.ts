import type { Snapshot } from '../database/snapshot.ts'
import { type AuditedEntry, FROM_NOTHING, OrganizationAudit } from '../ledger/audit.ts'
import type { Violation } from '../ledger/audit-findings.ts'
import type { AuditedJob } from '../ledger/audit-job.ts'
import {
  readCounters,
  readEntries,
  readFoldStart,
  readJobs,
  readNamedJobs,
  readOrganization,
  readStrayEntries,
  type VerifiedOrganization,
} from './verify-rows.ts'

/** Rows a page: large enough to hide the round trips, small enough to keep the event loop free (some 20 ms each). */
const ENTRIES_PAGE = 5_000
const JOBS_PAGE = 1_000
/** What a scheduled check reads of a changed organisation at most: more of a ledger is taken up where it ended. */
const TAIL_ENTRIES = 10_000
/** A ledger up to this is checked whole each time; a larger one from where it was checked before. */
const WHOLE_ENTRIES = 2_000

export interface OrganizationReport {
  readonly organization: VerifiedOrganization
  readonly entries: number
  readonly violations: readonly Violation[]
  /** The ledger was read up to this entry. */
  readonly checkedSeq: number
}

/** What a verification of a long ledger tells and asks between two pages. */
export interface Pace {
  /** Throws where the verification shall end. */
  readonly entriesRead: (count: number) => void
}

/** Checks every row of one organisation. @returns null where it does not exist */
export async function verifyWhole(snapshot: Snapshot, id: string, pace: Pace): Promise<OrganizationReport | null> {
  const organization = await readOrganization(snapshot, id)
  return organization && whole(snapshot, organization, pace)
}

/**
 * Checks what changed since the last check: all of a small organisation; of a large one the entries behind
 * `checked_seq`, the jobs that they name, and the balance.
 */
export async function verifyChanges(snapshot: Snapshot, id: string, pace: Pace): Promise<OrganizationReport | null> {
  const organization = await readOrganization(snapshot, id)
  if (!organization) return null
  const isSmall = organization.seq <= WHOLE_ENTRIES && !(await hasMoreJobs(snapshot, id))
  if (isSmall || organization.checkedSeq > organization.seq) return whole(snapshot, organization, pace)
  return tail(snapshot, organization, pace)
}

async function hasMoreJobs(snapshot: Snapshot, id: string): Promise<boolean> {
  const text = `select 1 from tollkeeper.jobs where organization_id = $1 order by id offset $2 limit 1`
  return (await snapshot.read(text, [id, WHOLE_ENTRIES])).length > 0
}

async function whole(snapshot: Snapshot, organization: VerifiedOrganization, pace: Pace): Promise<OrganizationReport> {
  const { id } = organization
  const audit = new OrganizationAudit(organization)
  const read = (last: AuditedEntry | undefined) =>
    readEntries(snapshot, id, last?.seq ?? FROM_NOTHING.seq, ENTRIES_PAGE)
  for await (const entries of pages(read, ENTRIES_PAGE)) {
    for (const entry of entries) audit.entry(entry)
    pace.entriesRead(entries.length)
  }
  audit.endOfLedger()
  const readPage = (last: AuditedJob | undefined) => readJobs(snapshot, id, last?.id ?? null, JOBS_PAGE)
  for await (const jobs of pages(readPage, JOBS_PAGE)) {
    await auditJobs(snapshot, audit, jobs)
    pace.entriesRead(0)
  }
  audit.endOfJobs(await readCounters(snapshot, id))
  if (audit.strayEntries !== 0) {
    for (const [seq, jobId] of await readStrayEntries(snapshot, id)) audit.missingJob(jobId, Number(seq))
  }
  return report(organization, audit)
}

async function tail(snapshot: Snapshot, organization: VerifiedOrganization, pace: Pace): Promise<OrganizationReport> {
  const { id, checkedSeq } = organization
  const start = checkedSeq === 0 ? FROM_NOTHING : await readFoldStart(snapshot, id, checkedSeq)
  const audit = new OrganizationAudit(organization, start ?? FROM_NOTHING)
  if (!start) {
    audit.missingEntry(checkedSeq)
    return report(organization, audit)
  }
  const entries = await readEntries(snapshot, id, checkedSeq, TAIL_ENTRIES)
  for (const entry of entries) audit.entry(entry)
  pace.entriesRead(entries.length)
  if (entries.length < TAIL_ENTRIES) audit.endOfLedger()
  const named = new Map(entries.flatMap(({ jobId, seq }) => (jobId === null ? [] : [[jobId, seq] as const])))
  const ids = [...named.keys()]
  for (let from = 0; from < ids.length; from += JOBS_PAGE) {
    const jobs = await readNamedJobs(snapshot, id, ids.slice(from, from + JOBS_PAGE))
    await auditJobs(snapshot, audit, jobs)
    for (const job of jobs) named.delete(job.id)
    pace.entriesRead(0)
  }
  for (const [jobId, seq] of named) audit.missingJob(jobId, seq)
  return report(organization, audit)
}

async function auditJobs(snapshot: Snapshot, audit: OrganizationAudit, jobs: readonly AuditedJob[]): Promise<void> {
  const tariffs = await snapshot.tariffs(jobs.flatMap((job) => job.tariffVersionId ?? []))
  for (const job of jobs) audit.job(job, tariffs.get(job.tariffVersionId ?? ''))
}

function report(organization: VerifiedOrganization, audit: OrganizationAudit): OrganizationReport {
  audit.rows()
  return { organization, entries: audit.entries, violations: audit.violations, checkedSeq: audit.seq }
}

/** Pages one after another; the next one is read while the caller works on this one. */
async function* pages<T>(
  read: (last: T | undefined) => Promise<readonly T[]>,
  size: number,
): AsyncGenerator<readonly T[]> {
  let next: Promise<readonly T[]> | null = read(undefined)
  try {
    while (next) {
      const page: readonly T[] = await next
      next = page.length < size ? null : read(page.at(-1))
      // A reader that ends early leaves this one behind; its error is nobody's then.
      next?.catch(() => undefined)
      if (page.length > 0) yield page
    }
  } finally {
    await next?.catch(() => undefined)
  }
}
