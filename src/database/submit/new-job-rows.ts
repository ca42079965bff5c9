import type { SubmitTerms } from '../../ledger/submit.ts'
import { json, plain, quoted } from '../money/array-literal.ts'
import { type Statement, statement } from '../money/statements.ts'

/** A job as its rows will be, nobody having begun it. */
export interface NewJobRows extends SubmitTerms {
  readonly externalId: string | null
  readonly runner: 'pipeline' | 'own'
  readonly steps: readonly (readonly string[])[]
  /** In nano-units. */
  readonly maxCost: bigint | null
  readonly text: string | null
  /** In their order. `delivery` is 1 for the one that is put into the queue behind the COMMIT, else 0. */
  readonly stages: readonly { readonly stage: string; readonly position: number; readonly delivery: number }[]
  /** When it is stored by a clock that was given, in epoch milliseconds; null: by the database's. */
  readonly givenTime: number | null
}

/** Of a row that is stored now, by the database's clock unless another was given. */
export interface TimedRows {
  readonly rows: NewJobRows
  /** Epoch milliseconds. */
  readonly createdAt: number
}

/** How long the sweep lets a new job's first queue job be, in milliseconds: its enqueue follows right after. */
export const FIRST_CHECK_MS = 5_000

const WRITE_JOBS = statement('write-new-jobs')
const WRITE_TEXTS = statement('write-new-texts')
const WRITE_STAGES = statement('write-new-stages')

/** The statements that store new jobs with their texts and stages; none decides anything. */
export function storingStatements(jobs: readonly TimedRows[]): readonly (readonly [Statement, readonly string[]])[] {
  if (jobs.length === 0) return []
  const texts = jobs.filter(({ rows }) => rows.text !== null)
  const stages = jobs.flatMap(({ rows: { id, stages }, createdAt }) =>
    stages.map((stage) => ({ ...stage, id, checkAt: stage.delivery > 0 ? createdAt + FIRST_CHECK_MS : null })),
  )
  return [
    [
      WRITE_JOBS,
      [
        plain(jobs, ({ rows }) => rows.id),
        quoted(jobs, ({ rows }) => rows.organizationId),
        quoted(jobs, ({ rows }) => rows.userId),
        quoted(jobs, ({ rows }) => rows.externalId),
        quoted(jobs, ({ rows }) => rows.key),
        plain(jobs, ({ rows }) => rows.hash),
        plain(jobs, ({ rows }) => rows.runner),
        json(jobs, ({ rows }) => rows.steps),
        plain(jobs, ({ rows }) => rows.maxCost),
        plain(jobs, ({ createdAt }) => createdAt),
      ],
    ],
    [WRITE_TEXTS, [plain(texts, ({ rows }) => rows.id), quoted(texts, ({ rows }) => rows.text)]],
    [
      WRITE_STAGES,
      [
        plain(stages, ({ id }) => id),
        quoted(stages, ({ stage }) => stage),
        plain(stages, ({ position }) => position),
        plain(stages, ({ delivery }) => delivery),
        plain(stages, ({ checkAt }) => checkAt),
      ],
    ],
  ]
}
