import type pg from 'pg'
import { UUID } from '../foundation/ids.ts'
import type { StageBound } from '../pricing/usage.ts'
import { translateDatabaseError } from './errors.ts'
import { GatheredRead } from './gathered-read.ts'
import { plain, quoted } from './money/array-literal.ts'
import { ask, type Cells, statement } from './money/statements.ts'
import { withRetry } from './retry.ts'

/** A stage as its worker sees it: who pays, what to work on, and what the stages before it made. */
export interface StageWork {
  readonly organizationId: string
  /** The job's resumes so far. */
  readonly generation: number
  readonly steps: readonly (readonly string[])[]
  /** The customer's text as it was accepted; empty for the output, which joins results, and where it was forgotten. */
  readonly text: string
  /** What the stage was held for; null before the job's admission. */
  readonly bound: StageBound | null
  /** Whether nobody had begun the stage when this was read. */
  readonly untouched: boolean
  /** What finished stages made, by stage. */
  readonly results: Readonly<Record<string, string>>
}

const READ_WORK = statement('read-work')

/** Jobs whose payer is remembered: more than a process has in hand at once, and some hundred kilobytes. */
const OWNERS_MAX = 10_000

interface StageName {
  readonly jobId: string
  readonly stage: string
}

/** Reads what stages need to run: once per run of a queue job, so that it is gathered, prepared, and no unit of work. */
export class StageWorkReader {
  readonly #reads: GatheredRead<StageName, StageWork | null>
  readonly #owners = new Map<string, string>()

  constructor(pool: pg.Pool) {
    this.#reads = new GatheredRead(async (names) => {
      const jobIds = plain(names, ({ jobId }) => jobId)
      const stages = quoted(names, ({ stage }) => stage)
      const rows = await withRetry(() => ask(pool, READ_WORK, [jobIds, stages]))
      return rows.map(workFrom)
    })
  }

  /** Who pays for a job that was read here before, which never changes: its stages are claimed while they are read. */
  ownerOf(jobId: string): string | undefined {
    return this.#owners.get(jobId)
  }

  /** @returns null where there is no such job or stage @throws UnavailableError */
  async read(name: StageName): Promise<StageWork | null> {
    if (!UUID.test(name.jobId)) return null
    try {
      const work = await this.#reads.of(name)
      if (work) this.#remember(name.jobId, work.organizationId)
      return work
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }

  #remember(jobId: string, organizationId: string): void {
    if (this.#owners.has(jobId)) return
    const oldest = this.#owners.size >= OWNERS_MAX ? this.#owners.keys().next().value : undefined
    if (oldest !== undefined) this.#owners.delete(oldest)
    this.#owners.set(jobId, organizationId)
  }
}

function workFrom([organizationId, generation, steps, text, bound, untouched, results]: Cells): StageWork | null {
  if (organizationId == null || steps == null) return null
  return {
    organizationId,
    generation: Number(generation),
    steps: JSON.parse(steps),
    text: text ?? '',
    bound: bound == null ? null : JSON.parse(bound),
    untouched: untouched === 't',
    results: results == null ? {} : JSON.parse(results),
  }
}
