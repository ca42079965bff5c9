import { type Nano, smallest } from '../pricing/money.ts'
import { PARKED_PER_WAKE, type ParkedCursor } from './calls.ts'
import type { Facts, JobRow } from './facts.ts'

const isParked = (job: JobRow): boolean => job.state === 'rejected_for_balance'
const placeOf = ({ parkedAt, id }: JobRow): ParkedCursor => ({ parkedAt: parkedAt ?? 0, id })
const byPlace = (a: ParkedCursor, b: ParkedCursor): number =>
  a.parkedAt - b.parkedAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The parked jobs that one batch has read or parked itself. */
export class ParkedJobs {
  readonly #jobs: Set<JobRow>
  /** Where they stood when they were read: rows change, and a page must end where reading ended. */
  readonly #atFirst: readonly (ParkedCursor & { readonly organizationId: string })[]

  readonly #upTo: Facts['parkedUpTo']

  constructor(jobs: readonly JobRow[], upTo: Facts['parkedUpTo']) {
    this.#upTo = upTo
    this.#jobs = new Set(jobs.filter(isParked))
    this.#atFirst = [...this.#jobs]
      .map((job) => ({ organizationId: job.organizationId, ...placeOf(job) }))
      .sort(byPlace)
  }

  /** Remembers a job that a call of the batch parked. */
  note(job: JobRow): void {
    if (isParked(job)) this.#jobs.add(job)
  }

  /**
   * A page of an organisation's parked jobs behind a cursor, oldest first, and where the next one begins. While there is
   * a next one, a page ends where reading ended: a younger job that another call named or parked waits for its turn.
   */
  page(
    organizationId: string,
    after: ParkedCursor | null,
  ): { readonly jobs: readonly JobRow[]; readonly more: ParkedCursor | null } {
    const isBehind = (place: ParkedCursor): boolean => after === null || byPlace(after, place) < 0
    const read = this.#atFirst.filter((place) => place.organizationId === organizationId && isBehind(place))
    const last = read[PARKED_PER_WAKE - 1]
    const more = last ? { parkedAt: last.parkedAt, id: last.id } : null
    const jobs = this.#of(organizationId).filter((job) => {
      return isBehind(placeOf(job)) && (more === null || byPlace(placeOf(job), more) <= 0)
    })
    return { jobs: jobs.sort((a, b) => byPlace(placeOf(a), placeOf(b))), more }
  }

  /**
   * How much of what is spendable a walk over what may fit can give away. What earlier calls of its batch freed is left to
   * the walk that their notice asks for: an older job may want it, which was not read since it could not fit.
   */
  reach(organizationId: string, spendable: Nano): Nano {
    return smallest([spendable, this.#upTo.get(organizationId) ?? spendable])
  }

  /** Whether of an organisation's parked jobs only those were read that could fit. */
  isPartOf(organizationId: string): boolean {
    return this.#upTo.has(organizationId)
  }

  /** How many more of an organisation's jobs are parked now than when they were read. */
  change(organizationId: string): number {
    const atFirst = this.#atFirst.filter((place) => place.organizationId === organizationId)
    return this.#of(organizationId).length - atFirst.length
  }

  #of(organizationId: string): JobRow[] {
    return [...this.#jobs].filter((job) => job.organizationId === organizationId && isParked(job))
  }
}
