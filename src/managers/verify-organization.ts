import type { Snapshot } from '../database/snapshot.ts'
import { FROM_NOTHING, OrganizationAudit } from '../ledger/audit.ts'
import type { Violation } from '../ledger/audit-findings.ts'
import {
  type EntryRange,
  readFeatureVersions,
  readStrayFeatureEntries,
  streamFeatureCharges,
} from './verify-features.ts'
import {
  readCommitted,
  readCounters,
  readFoldStart,
  readOrganization,
  readPeriods,
  readPinnedVersions,
  readStrayEntries,
  type VerifiedOrganization,
} from './verify-rows.ts'
import { streamEntries, streamJobs } from './verify-stream.ts'

/** Rows between two looks at whether to go on, and tellings of how far it is. */
const STEP = 1_000
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
  const isSmall =
    organization.seq <= WHOLE_ENTRIES &&
    !(await hasMore(snapshot, 'jobs', id)) &&
    !(await hasMore(snapshot, 'feature_charges', id))
  if (isSmall || organization.checkedSeq > organization.seq) return whole(snapshot, organization, pace)
  return tail(snapshot, organization, pace)
}

async function hasMore(snapshot: Snapshot, table: 'jobs' | 'feature_charges', id: string): Promise<boolean> {
  const text = `select 1 from tollkeeper.${table} where organization_id = $1 order by id offset $2 limit 1`
  return (await snapshot.read(text, [id, WHOLE_ENTRIES])).length > 0
}

async function whole(snapshot: Snapshot, organization: VerifiedOrganization, pace: Pace): Promise<OrganizationReport> {
  const { id } = organization
  const audit = new OrganizationAudit(organization, FROM_NOTHING, await readPeriods(snapshot, id))
  const step = steps(pace)
  await streamEntries(snapshot, id, { after: FROM_NOTHING.seq, limit: null }, (entry) => {
    audit.entry(entry)
    step(1)
  })
  audit.endOfLedger()
  audit.endOfPeriods()
  await auditJobs(snapshot, audit, { id, jobIds: null }, () => step(0))
  await auditFeatures(snapshot, audit, id, null, () => step(0))
  audit.endOfCharges(await readCounters(snapshot, id), await readCommitted(snapshot, id, organization.periodStart))
  if (audit.strayEntries !== 0) {
    for (const [seq, jobId] of await readStrayEntries(snapshot, id)) audit.missingJob(jobId, Number(seq))
  }
  return report(organization, audit)
}

async function tail(snapshot: Snapshot, organization: VerifiedOrganization, pace: Pace): Promise<OrganizationReport> {
  const { id, checkedSeq } = organization
  const start = checkedSeq === 0 ? FROM_NOTHING : await readFoldStart(snapshot, id, checkedSeq)
  const audit = new OrganizationAudit(organization, start ?? FROM_NOTHING, await readPeriods(snapshot, id))
  if (!start) {
    audit.missingEntry(checkedSeq)
    return report(organization, audit)
  }
  const named = new Map<string, number>()
  const step = steps(pace)
  await streamEntries(snapshot, id, { after: checkedSeq, limit: TAIL_ENTRIES }, (entry) => {
    audit.entry(entry)
    if (entry.jobId !== null) named.set(entry.jobId, entry.seq)
    step(1)
  })
  if (audit.entries < TAIL_ENTRIES || audit.seq === organization.seq) audit.endOfLedger()
  await auditJobs(snapshot, audit, { id, jobIds: [...named.keys()] }, (jobId) => {
    named.delete(jobId)
    step(0)
  })
  for (const [jobId, seq] of named) audit.missingJob(jobId, seq)
  await auditFeatures(snapshot, audit, id, { after: checkedSeq, upTo: audit.seq }, () => step(0))
  return report(organization, audit)
}

/** @param jobIds only those; null: all */
async function auditJobs(
  snapshot: Snapshot,
  audit: OrganizationAudit,
  { id, jobIds }: { readonly id: string; readonly jobIds: readonly string[] | null },
  audited: (jobId: string) => void,
): Promise<void> {
  if (jobIds?.length === 0) return
  const tariffs = await snapshot.tariffs(await readPinnedVersions(snapshot, id, jobIds))
  await streamJobs(snapshot, id, jobIds, (job) => {
    audit.job(job, tariffs.get(job.tariffVersionId ?? ''))
    audited(job.id)
  })
}

/** @param range only charges that its entries name; null: all */
async function auditFeatures(
  snapshot: Snapshot,
  audit: OrganizationAudit,
  id: string,
  range: EntryRange | null,
  audited: () => void,
): Promise<void> {
  const tariffs = await snapshot.tariffs(await readFeatureVersions(snapshot, id, range))
  await streamFeatureCharges(snapshot, id, range, (charge) => {
    audit.featureCharge(charge, tariffs.get(charge.tariffVersionId))
    audited()
  })
  if (audit.strayFeatureEntries === 0) return
  const { after, upTo } = range ?? { after: FROM_NOTHING.seq, upTo: audit.seq }
  const strays = await readStrayFeatureEntries(snapshot, id, { after, upTo })
  for (const [seq, key] of strays) audit.missingFeatureCharge(Number(seq), key)
}

/** Tells the pace of every thousandth row: `entries` of it were entries. */
function steps({ entriesRead }: Pace): (entries: 0 | 1) => void {
  let [rows, read] = [0, 0]
  return (entries) => {
    rows += 1
    read += entries
    if (rows < STEP) return
    entriesRead(read)
    rows = 0
    read = 0
  }
}

function report(organization: VerifiedOrganization, audit: OrganizationAudit): OrganizationReport {
  audit.rows()
  return { organization, entries: audit.entries, violations: audit.violations, checkedSeq: audit.seq }
}
