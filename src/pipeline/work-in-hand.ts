import type { StageWork } from '../database/stage-work.ts'
import type { BoundedStage } from '../pricing/quote.ts'
import { isReady } from './stage-text.ts'

/** What was known so long ago is read again: the queue has kept the stage waiting, and much may have happened. */
const FRESH_MS = 2_000
/** Texts that are kept for their next stage; a job's text has a megabyte at most. */
const CHARACTERS_MAX = 16 * 2 ** 20

interface InHand {
  readonly work: StageWork
  readonly bounds: ReadonlyMap<string, BoundedStage['bound']>
  /** Stages that were taken; one that comes again is read. */
  readonly taken: ReadonlySet<string>
  readonly characters: number
  readonly since: number
}

/**
 * What this process knows of jobs whose last stage it has settled itself, a moment ago: their texts and results need not be
 * read again for the next one. Whether the next stage may run is not known here; its claim says so.
 */
export class WorkInHand {
  readonly #jobs = new Map<string, InHand>()
  #characters = 0

  /** A job's input was settled here, with the bounds that its stages were held for. */
  admitted(jobId: string, work: StageWork, bounds: readonly BoundedStage[]): void {
    this.#put(jobId, { ...work, bound: null }, new Map(bounds.map(({ stage, bound }) => [stage, bound])), new Set())
  }

  /** A stage was settled here; `work` is what it stood on. */
  settled(jobId: string, stage: string, work: StageWork, result: string): void {
    if (stage === 'output') {
      this.#drop(jobId)
      return
    }
    const before = this.#jobs.get(jobId)
    const results = { ...work.results, ...before?.work.results, [stage]: result }
    this.#put(
      jobId,
      { ...(before?.work ?? work), bound: null, results },
      before?.bounds ?? new Map(),
      before?.taken ?? new Set(),
    )
  }

  /** What a stage works on, once; undefined unless all of it is known for certain. */
  take(jobId: string, stage: string): StageWork | undefined {
    const known = this.#jobs.get(jobId)
    if (known === undefined || known.taken.has(stage) || performance.now() - known.since > FRESH_MS) return undefined
    const work = { ...known.work, bound: known.bounds.get(stage) ?? null, untouched: true }
    // A bound for a model may have been cut to what the job's limit affords: that one is read.
    const isCut = work.bound?.kind === 'agent' && work.bound.llm !== null
    if (stage === 'input' || isCut || !isReady(work, stage)) return undefined
    this.#jobs.set(jobId, { ...known, taken: new Set([...known.taken, stage]) })
    return work
  }

  #put(jobId: string, work: StageWork, bounds: InHand['bounds'], taken: InHand['taken']): void {
    this.#drop(jobId)
    const results = Object.values(work.results).reduce((sum, result) => sum + result.length, 0)
    const characters = work.text.length + results
    const since = performance.now()
    this.#jobs.set(jobId, { work, bounds, taken, characters, since })
    this.#characters += characters
    for (const [oldest, known] of this.#jobs) {
      if (this.#characters <= CHARACTERS_MAX && since - known.since <= FRESH_MS) break
      this.#drop(oldest)
    }
  }

  #drop(jobId: string): void {
    this.#characters -= this.#jobs.get(jobId)?.characters ?? 0
    this.#jobs.delete(jobId)
  }
}
