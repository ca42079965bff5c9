import type { JobView } from '../managers/job-view.ts'
import type { Nano } from '../pricing/money.ts'

/** A job as somebody submits it. Without agents and steps it gets the default pipeline: extractor and summarizer. */
export interface Submission {
  readonly organizationId: string
  readonly text: string
  readonly userId?: string | null
  /** One parallel step of these. */
  readonly agents?: readonly string[] | null
  /** Instead of `agents`: steps one after another, the agents of a step in parallel. */
  readonly steps?: readonly (readonly string[])[] | null
  /** The most that the job may cost, in nano-units. */
  readonly maxCost?: Nano | null
  readonly externalId?: string | null
  /** One job per organisation and key. */
  readonly key?: string | null
}

/** Texts that somebody would submit in this order, each with the same agents, member and cost limit. */
export interface TextList extends Omit<Submission, 'text' | 'externalId' | 'key'> {
  readonly texts: readonly string[]
}

/** A job of a list: everything of a submission but who pays. */
export type ListedSubmission = Omit<Submission, 'organizationId'>

/** Jobs of one organisation that are stored together or not at all. */
export interface JobList {
  readonly organizationId: string
  readonly jobs: readonly ListedSubmission[]
  /** Of the whole list: the same key gives the same jobs. Instead of a key in each job. */
  readonly key?: string | null
}

/** What may be said of a job that is run again. */
export interface Resubmission {
  /** In nano-units; null: no limit; left out: that of the first run. */
  readonly maxCost?: Nano | null
  /** One job per organisation and key. */
  readonly key?: string | null
}

/** A job as it is now. */
export interface SubmittedJob extends JobView {
  /** Whether its key had stored it before. */
  readonly replayed: boolean
}
