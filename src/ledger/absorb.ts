import { newId } from '../foundation/ids.ts'
import type { Nano } from '../pricing/money.ts'
import { priceUsage } from '../pricing/price.ts'
import { type StageUsage, tokensOf, withoutTexts } from '../pricing/usage.ts'
import type { AbsorbedReason } from './absorbed-row.ts'
import type { Book } from './book.ts'
import type { JobRow, StageRow } from './facts.ts'

interface Absorbed {
  readonly usage: StageUsage
  readonly reason: AbsorbedReason
  /** Whether it was counted before, by the same call whose answer was lost: then it is only priced. */
  readonly counted: boolean
}

/**
 * Keeps work that nobody pays for as the platform's own cost: a row that says what was used, and a count with its stage.
 * @returns what it would have cost by the job's tariff, in nano-units
 */
export function absorb(book: Book, job: JobRow, stage: StageRow, { usage, reason, counted }: Absorbed): Nano {
  const cost = costOf(book, job, usage)
  if (counted) return cost
  stage.absorbed += 1
  book.touchStage(stage)
  const { organizationId, id: jobId } = job
  const of = { id: newId(), organizationId, jobId, stage: stage.stage }
  // Nobody proves what nobody pays for, and these rows outlive the job's texts, which `TEXT_RETENTION_DAYS` deletes.
  const kept = withoutTexts(usage)
  book.absorb({ ...of, reason, usage: kept, tokens: tokensOf(usage), cost, createdAt: book.now })
  return cost
}

function costOf(book: Book, job: JobRow, usage: StageUsage): Nano {
  if (job.tariffVersionId === null || job.periodStart === null) return 0n
  const tariff = book.tariff(job.tariffVersionId)
  return priceUsage(tariff, usage, book.counters(job.organizationId, tariff, job.periodStart), {}).total
}
