import type { EntityManagerSource } from '../database/transaction.ts'
import type { JobState } from '../models/job.model.ts'
import type { OrganizationStatus } from '../models/organization.model.ts'

/** How the whole of all organisations stands; ages in seconds, null where nothing of the kind is there. */
export interface WorkFigures {
  readonly jobs: Readonly<Record<'queued' | 'processing' | 'rejected_for_balance', number>>
  readonly oldestWaitingSeconds: number | null
  readonly oldestParkedSeconds: number | null
  readonly oldestHoldSeconds: number | null
  readonly openHolds: number
  readonly organizations: Readonly<Record<OrganizationStatus, number>>
}

/** Jobs that are over. */
export type EndedJobs = Readonly<Record<'charged' | 'failed' | 'cancelled', number>>

/** Each of these lies in a partial index of what is not over; how many jobs are over makes no difference. */
const WORK = `
select
  (select count(*)::int from tollkeeper.jobs where state = 'queued') as queued,
  (select count(*)::int from tollkeeper.jobs where state = any (array['queued'::text, 'processing'::text])) as unfinished,
  (select count(*)::int from tollkeeper.jobs where state = 'rejected_for_balance') as parked,
  (select extract(epoch from now() - min(created_at))::float8 from tollkeeper.jobs where state = 'queued') as waiting_age,
  (select extract(epoch from now() - min(parked_at))::float8 from tollkeeper.jobs
    where state = 'rejected_for_balance') as parked_age,
  (select extract(epoch from now() - min(opened_at))::float8 from tollkeeper.holds where state = 'open') as hold_age,
  (select count(*)::int from tollkeeper.holds where state = 'open') as holds,
  (select coalesce(json_object_agg(status, many), '{}') from
    (select status, count(*)::int as many from tollkeeper.organizations group by status) each) as organizations`

const ENDED = `
select state, count(*)::int as many from tollkeeper.jobs
where state in ('charged', 'failed', 'cancelled') group by state`

interface WorkRow {
  readonly queued: number
  readonly unfinished: number
  readonly parked: number
  readonly waiting_age: number | null
  readonly parked_age: number | null
  readonly hold_age: number | null
  readonly holds: number
  readonly organizations: Partial<Record<OrganizationStatus, number>>
}

/** Counts for operators, over all organisations. Reads only, without a lock. */
export class FiguresManager {
  readonly #em: EntityManagerSource

  constructor(em: EntityManagerSource) {
    this.#em = em
  }

  /** What is under way; takes milliseconds, however many jobs are over. */
  async work(): Promise<WorkFigures> {
    const [row] = await this.#em().execute<WorkRow[]>(WORK)
    if (!row) throw new Error('Invariant broken: a row of counts is always there')
    return {
      jobs: {
        queued: row.queued,
        processing: row.unfinished - row.queued,
        rejected_for_balance: row.parked,
      },
      oldestWaitingSeconds: row.waiting_age,
      oldestParkedSeconds: row.parked_age,
      oldestHoldSeconds: row.hold_age,
      openHolds: row.holds,
      organizations: { active: 0, past_due: 0, suspended: 0, frozen: 0, ...row.organizations },
    }
  }

  /** How many jobs are over, by state: reads every job, and takes the longer the more there are. */
  async ended(): Promise<EndedJobs> {
    const rows = await this.#em().execute<{ state: JobState; many: number }[]>(ENDED)
    const count = (state: JobState): number => rows.find((row) => row.state === state)?.many ?? 0
    return { charged: count('charged'), failed: count('failed'), cancelled: count('cancelled') }
  }
}
