import { type EntityManager, IsolationLevel } from '@mikro-orm/postgresql'
import { Hold } from '../models/hold.model.ts'
import { Job } from '../models/job.model.ts'
import { LedgerEntry } from '../models/ledger-entry.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { JobManager } from './job.manager.ts'
import type { JobView } from './job-view.ts'

/** What moved a job's hold, in nano-units. A release and the hold that it closes bear the number of one generation. */
export interface HoldMove {
  readonly kind: 'hold' | 'extend' | 'charge' | 'release'
  /** Epoch milliseconds. */
  readonly at: number
  readonly amount: Nano
  /** Of a charge and an extension. */
  readonly stage: string | null
  /** Of a hold and a release. */
  readonly generation: number | null
}

/** A job as it was at one moment, and what its rows tell of how it came there. */
export interface JobHistory {
  readonly view: JobView
  /** Its holds so far; the second is that of its first resume from a rejection behind its admission. */
  readonly generation: number
  /** When each hold was taken: epoch milliseconds, from the first generation on. */
  readonly holds: readonly { readonly generation: number; readonly at: number }[]
  readonly moves: readonly HoldMove[]
}

const MOVES = ['hold', 'extend', 'charge', 'release'] as const

/**
 * Reads several jobs in one snapshot, so that no job contradicts itself.
 * @returns them in the order of their ids; null for one that does not exist
 */
export function readJobHistories(
  em: EntityManager,
  jobs: JobManager,
  jobIds: readonly string[],
): Promise<readonly (JobHistory | null)[]> {
  const named = { $in: [...jobIds] }
  return em.transactional(
    async (snapshot) => {
      const views = await jobs.findAll(snapshot, jobIds)
      const rows = await snapshot.find(Job, { id: named })
      const holds = await snapshot.find(Hold, { jobId: named }, { orderBy: { generation: 'asc' } })
      const entries = await snapshot.find(
        LedgerEntry,
        { jobId: named, kind: { $in: [...MOVES] } },
        { orderBy: { seq: 'asc' } },
      )
      const generations = new Map(rows.map(({ id, generation }) => [id, generation]))
      const [holdsOf, entriesOf] = [Map.groupBy(holds, ofJob), Map.groupBy(entries, ofJob)]
      return views.map(
        (view) =>
          view && {
            view,
            generation: generations.get(view.id) ?? 0,
            holds: (holdsOf.get(view.id) ?? []).map((hold) => ({
              generation: hold.generation,
              at: hold.openedAt.getTime(),
            })),
            moves: (entriesOf.get(view.id) ?? []).flatMap(toMove),
          },
      )
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  )
}

const ofJob = ({ jobId }: { readonly jobId: string | null }): string => jobId ?? ''

/** The business key of a hold and of a release ends with the generation (ledger/keys.ts). */
function toMove({ kind, amount, stage, businessKey, createdAt }: LedgerEntry): HoldMove[] {
  const known = MOVES.find((move) => move === kind)
  if (known === undefined) return []
  const isOfHold = known === 'hold' || known === 'release'
  const generation = isOfHold ? Number(businessKey.slice(businessKey.lastIndexOf(':') + 1)) : null
  return [{ kind: known, at: createdAt.getTime(), amount, stage, generation }]
}

const MARKS = `
select j.id, j.generation || '.' || (
  select count(*) from tollkeeper.job_stages s where s.job_id = j.id and s.finished_at is not null) || '.' || j.state as mark
from tollkeeper.jobs j where j.id in (?)`

/** How far each job has come, as {@link markOf} says it; one statement, however many. */
export async function readJobMarks(em: EntityManager, jobIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await em.execute<{ id: string; mark: string }[]>(MARKS, [[...jobIds]])
  return new Map(rows.map(({ id, mark }) => [id, mark]))
}

/** A text that is another one whenever a job has another state, one more settled stage, or one more hold. */
export function markOf({ view, generation }: JobHistory): string {
  return `${generation}.${view.stages.filter(({ finishedAt }) => finishedAt !== null).length}.${view.state}`
}
