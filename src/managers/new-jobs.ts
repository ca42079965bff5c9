import type { EntityManager } from '@mikro-orm/postgresql'
import type { NewJobRows } from '../database/submit/new-job-rows.ts'
import { keyLock } from '../database/submit/submit-transaction.ts'
import { TollkeeperError, ValidationError } from '../foundation/errors.ts'
import { judgeSubmissions, type SubmitFacts } from '../ledger/submit.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import { toJobRow, toStageRows } from './new-job.ts'

/** Each key's lock, in one order for everybody, so that two lists with the same keys never wait for each other. */
const LOCK_KEYS = `
select pg_advisory_xact_lock(hash) from (
  select distinct hashtextextended(lock, 0) as hash from unnest(array[?]) as locks(lock) order by 1) hashes`

/** What became of a job of a list; `rows` is null where its key was used before. */
interface StoredJob {
  readonly id: string
  readonly rows: NewJobRows | null
}

/**
 * Stores jobs of one organisation with their stages: all or, where it throws, none; a handful of statements however many
 * there are.
 * @param now in epoch milliseconds
 * @returns them in their order
 * @throws as JobManager's `create`; ValidationError at `/jobs/<index>/key` for a key that stands twice in the list
 */
export async function storeJobs(
  em: EntityManager,
  organizationId: string,
  list: readonly NewJobRows[],
  now: number,
): Promise<readonly StoredJob[]> {
  refuseTwins(list)
  const factsOf = await readFacts(em, organizationId, list)
  const stored = judgeSubmissions(list.map((rows) => ({ ...rows, facts: factsOf(rows) }))).map((judged, index) => {
    if (judged instanceof TollkeeperError) throw judged
    const rows = judged.kind === 'new' ? (list[index] ?? null) : null
    return { id: judged.kind === 'known' ? judged.jobId : (rows?.id ?? ''), rows }
  })
  const fresh = stored.flatMap(({ rows }) => rows ?? [])
  const texts = fresh.flatMap(({ id, text }) => (text === null ? [] : [{ jobId: id, text }]))
  if (fresh.length > 0) {
    await em.insertMany(Job, fresh.map(toJobRow))
    if (texts.length > 0) await em.insertMany(JobText, texts)
    await em.insertMany(
      JobStage,
      fresh.flatMap((rows) => toStageRows(rows, now)),
    )
  }
  return stored
}

function refuseTwins(list: readonly NewJobRows[]): void {
  const keys = list.map(({ key }) => key)
  const index = keys.findIndex((key, at) => key !== null && keys.indexOf(key) < at)
  if (index < 0) return
  throw ValidationError.of(`/jobs/${index}/key`, 'duplicate-key', 'Give each job of the list a key of its own')
}

/** Waits for whoever submits one of the keys at this moment, then looks at all that the jobs name. */
async function readFacts(
  em: EntityManager,
  organizationId: string,
  list: readonly NewJobRows[],
): Promise<(rows: NewJobRows) => SubmitFacts> {
  const keys = list.flatMap(({ key }) => key ?? [])
  const userIds = [...new Set(list.flatMap(({ userId }) => userId ?? []))]
  if (keys.length > 0) await em.execute(LOCK_KEYS, [keys.map((key) => keyLock(organizationId, key))])
  const organization = await em.findOne(Organization, { id: organizationId })
  const jobs = keys.length > 0 ? await em.find(Job, { organizationId, submitKey: { $in: keys } }) : []
  const members = userIds.length > 0 ? await em.find(TeamMember, { organizationId, userId: { $in: userIds } }) : []
  const known = new Map(jobs.map(({ submitKey, id, submitHash }) => [submitKey, { jobId: id, hash: submitHash }]))
  const states = new Map(members.map(({ userId, state }) => [userId, state]))
  return ({ key, userId }) => ({
    organization: organization && {
      currency: organization.currency,
      hasTariff: organization.tariffVersionId !== null,
    },
    known: (key === null ? null : known.get(key)) ?? null,
    member: (userId === null ? null : states.get(userId)) ?? null,
  })
}
