import type { EntityManager } from '@mikro-orm/postgresql'
import { Job } from '../models/job.model.ts'
import { JobText } from '../models/job-text.model.ts'
import type { Nano } from '../pricing/money.ts'

/** What an organisation has, and what waits for it, in one snapshot. Amounts in nano-units. */
export interface Standing {
  readonly available: Nano
  /** The last ledger entry of the balance. */
  readonly seq: number
  /** What parked jobs need, by their refusals. */
  readonly parked: Nano
  /** How many jobs of the pipeline wait for their admission. */
  readonly queued: number
  /** The ids of the oldest of these, in the order in which they were submitted. */
  readonly oldest: readonly string[]
}

/** A job that waits for its admission, as it is quoted. */
export interface QueuedJob {
  readonly id: string
  readonly steps: readonly (readonly string[])[]
  readonly text: string
  /** The most that it may cost in nano-units, or null. */
  readonly maxCost: Nano | null
}

/** One statement, and so one snapshot. A job that its platform runs itself has no text of ours and cannot be quoted. */
const STANDING = `
select b.available::text, b.seq::text,
  (select coalesce(sum((j.rejection ->> 'needed')::bigint), 0)::text from tollkeeper.jobs j
    where j.organization_id = b.organization_id and j.state = 'rejected_for_balance') as parked,
  (select count(*)::text from tollkeeper.jobs j
    where j.organization_id = b.organization_id and j.state = 'queued' and j.runner = 'pipeline') as queued,
  (select json_agg(oldest.id order by oldest.id) from (
    select j.id from tollkeeper.jobs j
    where j.organization_id = b.organization_id and j.state = 'queued' and j.runner = 'pipeline'
    order by j.id limit ?) oldest) as oldest
from tollkeeper.organization_balances b where b.organization_id = ?`

interface StandingRow {
  readonly available: string
  readonly seq: string
  readonly parked: string
  readonly queued: string
  readonly oldest: readonly string[] | null
}

/** What the jobs in the queue will ask of a balance. */
export class DemandManager {
  /** @param oldestMax how many queued jobs are named @returns null where there is no such organisation */
  async standing(em: EntityManager, organizationId: string, oldestMax: number): Promise<Standing | null> {
    const [row] = await em.execute<StandingRow[]>(STANDING, [oldestMax, organizationId])
    if (!row) return null
    const { available, seq, parked, queued, oldest } = row
    return {
      available: BigInt(available),
      seq: Number(seq),
      parked: BigInt(parked),
      queued: Number(queued),
      oldest: oldest ?? [],
    }
  }

  /** Those of the jobs that still wait, with their texts. */
  async queuedJobs(em: EntityManager, ids: readonly string[]): Promise<readonly QueuedJob[]> {
    const jobs = await em.find(Job, { id: { $in: [...ids] }, state: 'queued' })
    const texts = await em.find(JobText, { jobId: { $in: [...ids] } })
    const textOf = new Map(texts.map(({ jobId, text }) => [jobId, text]))
    return jobs.flatMap(({ id, steps, maxCost }) => {
      const text = textOf.get(id)
      return text === undefined ? [] : { id, steps, text, maxCost }
    })
  }
}
