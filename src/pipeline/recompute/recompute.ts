import type { EntityManagerSource } from '../../database/transaction.ts'
import type { JobManager } from '../../managers/job.manager.ts'
import type { Receipt } from '../../managers/job-view.ts'
import { type EvidentStage, type ReceiptEvidence, readReceiptEvidence } from '../../managers/receipt-evidence.ts'
import type { InputTokenMonitor } from '../../monitors/input-token.monitor.ts'
import type { StageUsage } from '../../pricing/usage.ts'
import { compare, type Finding } from './finding.ts'
import { measureAgain, type TextMeter } from './measure-again.ts'
import { minimumAgain } from './minimum-again.ts'
import { type DueLine, type PricedAgain, priceAgain, unpriceable } from './price-again.ts'
import { usageFrom } from './stored-usage.ts'
import { type DueStage, sumAgain } from './sum-again.ts'

/** A receipt, and what became of each of its figures when it was made again. */
export interface Recomputation {
  readonly receipt: Receipt
  /** Whether nothing differs; a figure that cannot be made again does not differ. */
  readonly ok: boolean
  /** By stage in the order of the job, then the job's sums. */
  readonly findings: readonly Finding[]
}

interface RecomputeDependencies {
  readonly em: EntityManagerSource
  readonly jobs: JobManager
  readonly tokenizer: TextMeter['tokenizer']
  readonly inputMonitor: InputTokenMonitor
}

/**
 * Makes receipts again from what is stored: tokens from the texts and from what the providers reported, prices from the
 * pinned tariff, sums from the lines and the ledger. Reads in one snapshot, changes nothing, asks no model.
 */
export function createRecompute({ em, jobs, tokenizer, inputMonitor }: RecomputeDependencies) {
  const meter: TextMeter = { tokenizer, count: async (text) => (await inputMonitor.measure(text)).tokens }
  return async (jobId: string): Promise<Recomputation> => recompute(await readReceiptEvidence(em(), jobs, jobId), meter)
}

/** Each figure is made from what is stored before it, so that a change shows where it was made. */
async function recompute(evidence: ReceiptEvidence, meter: TextMeter): Promise<Recomputation> {
  const settled = evidence.stages.filter(({ state }) => state === 'charged' || state === 'reversed')
  const findings: Finding[] = []
  const due: DueStage[] = []
  for (const stage of settled) {
    const usage = usageFrom(stage.stage, stage.usage)
    if (usage === null) findings.push(unreadable(stage))
    else findings.push(...(await measureAgain(evidence, stage, usage, meter)))
    const earlier = due.flatMap((other) => other.due)
    const priced = priceStage(evidence, stage.stage, usage, earlier)
    findings.push(...priced.findings)
    due.push({ stage, due: priced.due })
  }
  findings.push(...sumAgain(evidence, due))
  return { receipt: evidence.receipt, ok: findings.every(({ verdict }) => verdict !== 'differs'), findings }
}

/** @param earlier the lines of the stages before it, which the output's minimum is made from */
function priceStage(
  { receipt, tariff }: ReceiptEvidence,
  stage: string,
  usage: StageUsage | null,
  earlier: readonly DueLine[],
): PricedAgain {
  const lines = receipt.lines.filter((line) => line.stage === stage)
  if (usage === null) return unpriceable(stage, lines, 'what the stage used cannot be read')
  if (tariff === null) return unpriceable(stage, lines, 'the job pins no tariff')
  const { findings, due } = priceAgain(tariff, stage, usage, lines)
  const minimum = minimumAgain(tariff, stage, lines, [...earlier, ...due])
  return { findings: [...findings, ...minimum.findings], due: [...due, ...minimum.due] }
}

function unreadable({ stage }: EvidentStage): Finding {
  const about = { stage, of: 'usage', figure: 'tokens' } as const
  return compare(about, 'unreadable', 'the usage of this stage', 'what is stored is no usage of such a stage')
}
