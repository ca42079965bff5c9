import type { EntityManager } from '@mikro-orm/postgresql'
import { type Clock, systemClock } from '../foundation/clock.ts'
import { ConflictError, TollkeeperError, ValidationError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { Organization } from '../models/organization.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import { fingerprint, type NewJob, toJobRow, toStageRows } from './job-rows.ts'
import { requireMember } from './team-billing.manager.ts'

/** Each key's lock, in one order for everybody, so that two lists with the same keys never wait for each other. */
const LOCK_KEYS = `
select pg_advisory_xact_lock(hash) from (
  select distinct hashtextextended(lock, 0) as hash from unnest(array[?]) as locks(lock) order by 1) hashes`

/** What became of a job of a list: `isNew` is false where its key was used before. */
export interface ListedJob {
  readonly id: string
  readonly isNew: boolean
}

/**
 * Stores jobs of one organisation with their stages: all or, where it throws, none; a handful of statements however many
 * there are.
 * @returns them in their order
 * @throws as JobManager's `create`; ValidationError at `/jobs/<index>/key` for a key that stands twice in the list
 */
export async function storeJobs(
  em: EntityManager,
  organizationId: string,
  inputs: readonly NewJob[],
  clock: Clock,
): Promise<readonly ListedJob[]> {
  const organization = await em.findOne(Organization, { id: organizationId })
  if (!organization) throw unknownOrganization(organizationId)
  refuseTwins(inputs)
  const known = await submittedBefore(em, organizationId, inputs)
  const fresh = inputs.filter(({ key }) => key === null || !known.has(key))
  if (fresh.length > 0 && organization.tariffVersionId === null) {
    throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
  }
  await requireMembers(em, organizationId, fresh)
  const ids = new Map(fresh.map((input) => [input, newId()]))
  const now = clock.now()
  const rows = [...ids].map(([input, id]) => toJobRow(id, input, clock === systemClock ? null : now))
  const texts = [...ids].flatMap(([{ text }, jobId]) => (text === null ? [] : [{ jobId, text }]))
  const stages = [...ids].flatMap(([input, id]) => toStageRows(id, input, now.getTime()))
  if (rows.length > 0) await em.insertMany(Job, rows)
  if (texts.length > 0) await em.insertMany(JobText, texts)
  if (stages.length > 0) await em.insertMany(JobStage, stages)
  return inputs.map((input) => {
    const id = ids.get(input)
    return id === undefined ? { id: known.get(input.key ?? '') ?? '', isNew: false } : { id, isNew: true }
  })
}

function refuseTwins(inputs: readonly NewJob[]): void {
  const keys = inputs.map(({ key }) => key)
  const index = keys.findIndex((key, at) => key !== null && keys.indexOf(key) < at)
  if (index < 0) return
  throw ValidationError.of(`/jobs/${index}/key`, 'duplicate-key', 'Give each job of the list a key of its own')
}

/** Waits for whoever submits one of the keys at this moment, then looks. @returns the jobs' ids by key */
async function submittedBefore(
  em: EntityManager,
  organizationId: string,
  inputs: readonly NewJob[],
): Promise<ReadonlyMap<string, string>> {
  const keys = inputs.flatMap(({ key }) => key ?? [])
  if (keys.length === 0) return new Map()
  await em.execute(LOCK_KEYS, [keys.map((key) => `submit ${organizationId} ${key}`)])
  const found = await em.find(Job, { organizationId, submitKey: { $in: keys } })
  const byKey = new Map(found.map((job) => [job.submitKey, job]))
  for (const input of inputs) {
    const job = byKey.get(input.key)
    if (input.key === null || !job || job.submitHash === fingerprint(input)) continue
    const message = `The key "${input.key}" was used for another request; use another key for other jobs`
    throw new TollkeeperError('idempotency-mismatch', 422, message)
  }
  return new Map(found.map((job) => [job.submitKey ?? '', job.id]))
}

/** @throws ForbiddenError `not-a-member` for the first who is none */
async function requireMembers(em: EntityManager, organizationId: string, inputs: readonly NewJob[]): Promise<void> {
  const userIds = [...new Set(inputs.flatMap(({ userId }) => userId ?? []))]
  if (userIds.length === 0) return
  // Read at once; what then looks for each finds it read.
  await em.find(TeamMember, { organizationId, userId: { $in: userIds } })
  for (const userId of userIds) await requireMember(em, { organizationId, userId })
}
