import { GatheredRead } from '../database/gathered-read.ts'
import type { Notifications } from '../database/notifications.ts'
import type { EntityManagerSource } from '../database/transaction.ts'
import { TollkeeperError, UnavailableError } from '../foundation/errors.ts'
import type { Logger } from '../foundation/logger.ts'
import { Turnstile } from '../foundation/turnstile.ts'
import { isFinal } from '../ledger/states.ts'
import type { JobManager } from '../managers/job.manager.ts'
import { type JobHistory, markOf, readJobHistories, readJobMarks } from '../managers/job-history.ts'
import type { JobView } from '../managers/job-view.ts'
import { momentsSince, type Place, placeFromText, placeToText } from './job-timeline.ts'

/** How often all that is followed is looked at, in milliseconds: only a job's state is announced, its stages are not. */
const LOOK_MS = 500
/** Histories in memory at once: each has its job's results in it. */
const READ_AT_ONCE = 50
/** A socket and some ten kilobytes each. */
const STREAMS_MAX = 1_000
/** So that one organisation leaves room for others. */
const STREAMS_OF_ORGANIZATION_MAX = 250
/** An end has been told: whoever comes back behind it hears nothing more. */
const END = '.end'

/** What a follower hears: a job as it was then or is now, and at the end of its way, that nothing follows. */
export type JobEvent =
  | { readonly kind: 'job'; readonly id: string; readonly job: JobView }
  | { readonly kind: 'end'; readonly id: string; readonly job: JobView }

export interface JobEventsDependencies {
  readonly jobs: JobManager
  readonly em: EntityManagerSource
  readonly notifications: Notifications
  readonly logger: Logger
  /** 1,000 by default. */
  readonly streamsMax?: number
  /** 250 by default. */
  readonly streamsOfOrganizationMax?: number
}

const NOBODY = (): void => undefined

/** One follower: what he waits for. */
interface Follower {
  readonly jobId: string
  readonly organizationId: string
  /** Where the job was when he read it last. */
  mark: string | null
  /** The job has moved on since he began to read it. */
  stale: boolean
  wake: () => void
  closed: boolean
}

/** A running stream of one job's events; closing it is harmless, again too. */
export interface JobEventStream extends AsyncIterable<JobEvent>, Disposable {}

/**
 * Tells followers what happens to their jobs, out of the jobs' own rows: no event is stored, and none is lost with a process.
 * One look for all of them, at each notice and twice a second, finds who has something to hear; he then reads at his own
 * pace. What nobody has taken yet is nowhere but in the database.
 */
export class JobEvents {
  readonly #with: JobEventsDependencies
  readonly #followers = new Set<Follower>()
  /** The same by job: a busy system announces many jobs that nobody here follows. */
  readonly #jobs = new Map<string, Set<Follower>>()
  readonly #histories: GatheredRead<string, JobHistory | null>
  readonly #turnstile: Turnstile
  readonly #stopListening: () => void
  #noticed = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #closed = false

  constructor(dependencies: JobEventsDependencies) {
    const { em, jobs, notifications } = dependencies
    this.#with = dependencies
    this.#turnstile = new Turnstile({ atOnce: READ_AT_ONCE, waitingMax: Number.POSITIVE_INFINITY })
    this.#histories = new GatheredRead((jobIds) => readJobHistories(em(), jobs, jobIds))
    this.#stopListening = notifications.on('tollkeeper_jobs', (changed) => this.#notice(changed))
  }

  /** Whether somebody who comes back with this id has heard the end: there is nothing to open a stream for. */
  static isEnd(lastEventId: string | null): boolean {
    return lastEventId?.endsWith(END) ?? false
  }

  /**
   * Follows a job, which the caller has found to be one that the asker may see. The first event is the job as it is; for
   * who comes back, what happened behind the event that he names, and nothing twice. Ends behind a final state, and when
   * this process stops.
   * @param lastEventId of any process; null or one that is none of this job's begins anew
   * @throws TollkeeperError 429 `rate-limited` above the organisation's streams; UnavailableError above the process's
   */
  open(job: Pick<JobView, 'id' | 'organizationId'>, lastEventId: string | null): JobEventStream {
    const { streamsMax = STREAMS_MAX, streamsOfOrganizationMax = STREAMS_OF_ORGANIZATION_MAX } = this.#with
    if (this.#closed || this.#followers.size >= streamsMax) {
      throw new UnavailableError('No more events can be followed here; try again in a moment, or ask for the job')
    }
    const { id: jobId, organizationId } = job
    const ofOrganization = [...this.#followers].filter((other) => other.organizationId === organizationId).length
    if (ofOrganization >= streamsOfOrganizationMax) {
      const message = `${organizationId} follows ${ofOrganization} jobs already; close a stream, or ask for the job`
      throw new TollkeeperError('rate-limited', 429, message)
    }
    const follower: Follower = { jobId, organizationId, mark: null, stale: false, wake: NOBODY, closed: false }
    this.#followers.add(follower)
    this.#jobs.set(jobId, (this.#jobs.get(jobId) ?? new Set()).add(follower))
    this.#timer ??= setInterval(() => this.#lookAtAll(), LOOK_MS)
    const events = this.#follow(follower, lastEventId === null ? null : placeFromText(lastEventId))
    return {
      [Symbol.asyncIterator]: () => events,
      [Symbol.dispose]: () => this.#end(follower),
    }
  }

  /** How many streams are open. */
  get size(): number {
    return this.#followers.size
  }

  /** Ends every stream, and opens no other one. */
  close(): void {
    this.#closed = true
    this.#stopListening()
    for (const follower of this.#followers) this.#end(follower)
  }

  async *#follow(follower: Follower, after: Place | null): AsyncGenerator<JobEvent> {
    let last = after
    while (!follower.closed) {
      const history = await this.#read(follower)
      if (history) {
        for (const { place, job } of momentsSince(history, last)) {
          if (follower.closed) return
          last = place
          yield { kind: 'job', id: placeToText(place), job }
        }
        const { view } = history
        if (isFinal(view.state)) {
          if (last && !follower.closed) yield { kind: 'end', id: `${placeToText(last)}${END}`, job: view }
          return
        }
      }
      await this.#change(follower)
    }
  }

  /** @returns null where the database does not answer now: the next look is soon enough */
  async #read(follower: Follower): Promise<JobHistory | null> {
    follower.stale = false
    try {
      const history = await this.#turnstile.pass(() => this.#histories.of(follower.jobId))
      if (history) follower.mark = markOf(history)
      return history
    } catch (error) {
      this.#with.logger.debug({ reason: String(error), jobId: follower.jobId }, 'a followed job cannot be read now')
      follower.mark = null
      return null
    }
  }

  /** Until the job has moved on from where the follower saw it, or the stream is closed. */
  #change(follower: Follower): Promise<void> {
    if (follower.closed || follower.stale) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    follower.wake = resolve
    return promise
  }

  #end(follower: Follower): void {
    follower.closed = true
    follower.wake()
    this.#followers.delete(follower)
    const others = this.#jobs.get(follower.jobId)
    others?.delete(follower)
    if (others?.size === 0) this.#jobs.delete(follower.jobId)
    if (this.#followers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #notice(changed: string): void {
    if (this.#followers.size === 0) return
    for (const jobId of changed.split(',')) if (this.#jobs.has(jobId)) this.#noticed.add(jobId)
    if (this.#noticed.size > 0) void this.#look()
  }

  #lookAtAll(): void {
    for (const jobId of this.#jobs.keys()) this.#noticed.add(jobId)
    void this.#look()
  }

  /** One at a time: what is noticed meanwhile is looked at together. */
  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      while (this.#noticed.size > 0 && !this.#closed) {
        const noticed = this.#noticed
        this.#noticed = new Set()
        await this.#compare([...noticed])
      }
    } catch (error) {
      this.#with.logger.debug({ reason: String(error) }, 'followed jobs cannot be looked at now')
    } finally {
      this.#looking = false
    }
  }

  async #compare(jobIds: readonly string[]): Promise<void> {
    const marks = await readJobMarks(this.#with.em(), jobIds)
    for (const [jobId, mark] of marks) {
      for (const follower of this.#jobs.get(jobId) ?? []) {
        if (follower.mark === mark) continue
        follower.stale = true
        follower.wake()
      }
    }
  }
}
