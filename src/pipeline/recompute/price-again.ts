import type { Receipt } from '../../managers/job-view.ts'
import type { Counter, Grants } from '../../pricing/counters.ts'
import { formulaOf } from '../../pricing/formula.ts'
import { formatAmount, type Nano } from '../../pricing/money.ts'
import { type Line, priceUsage } from '../../pricing/price.ts'
import type { Tariff } from '../../pricing/tariff.ts'
import type { StageUsage } from '../../pricing/usage.ts'
import { type About, compare, type Figure, type Finding, notProvable } from './finding.ts'

export type ReceiptLine = Receipt['lines'][number]

/** What a line should have charged, and what of its price the platform bears. */
export interface DueLine {
  readonly line: ReceiptLine
  /** Nano-units. */
  readonly amount: Nano
}

export interface PricedAgain {
  readonly findings: readonly Finding[]
  readonly due: readonly DueLine[]
}

/** A line in words: its component, or its kind where none prices it, and its class where it has one. */
export function lineName({ component, kind, tokenClass }: Pick<Line, 'component' | 'kind' | 'tokenClass'>): string {
  const name = component ?? kind
  return tokenClass === null ? name : `${name}/${tokenClass}`
}

/**
 * Prices what a settled stage used again, but for the minimum, by the pinned tariff, with its lines' own counters: where the counter of a
 * component stood before, and how many of its units were free, was decided by what other jobs did meanwhile.
 */
export function priceAgain(tariff: Tariff, stage: string, usage: StageUsage, all: readonly ReceiptLine[]): PricedAgain {
  const lines = all.filter(({ kind }) => kind !== 'minimum')
  let expected: readonly Line[]
  try {
    expected = priceUsage(tariff, usage, countersOf(tariff, lines), grantsOf(tariff, lines)).lines
  } catch (error) {
    // Figures that no arithmetic can work with are a finding like any other, not the end of the proof.
    return unpriceable(stage, lines, `cannot be priced (${error instanceof Error ? error.message : String(error)})`)
  }
  const byName = new Map(expected.map((line) => [lineName(line), line]))
  const priced = lines.map((line) => {
    const again = byName.get(lineName(line))
    byName.delete(lineName(line))
    return again ? compareLine(stage, line, again, tariff) : unusedLine(stage, line)
  })
  const missing = [...byName.values()].map((line) =>
    compare(about(stage, line, 'quantity'), 'no line', quantityOf(line), FROM_USAGE),
  )
  return { findings: [...priced.flatMap(({ findings }) => findings), ...missing], due: priced.map(({ due }) => due) }
}

/** Lines that nothing can be made again of; their amounts stand as they are. */
export function unpriceable(stage: string, lines: readonly ReceiptLine[], reason: string): PricedAgain {
  return {
    findings: lines.map((line) => notProvable(about(stage, line, 'amount'), formatAmount(line.amount), reason)),
    due: lines.map((line) => ({ line, amount: line.amount })),
  }
}

const FROM_USAGE = 'from what the stage used'
const about = (stage: string, line: Line, figure: Figure): About => ({ stage, of: lineName(line), figure })
const whole = (count: number): string => count.toLocaleString('en-US')

/** Where the counters stood before the stage. No unit is free but those that the lines say: see grantsOf. */
function countersOf(tariff: Tariff, lines: readonly ReceiptLine[]): ReadonlyMap<string, Counter> {
  const counters = new Map<string, Counter>()
  for (const { component, counterBefore, billedBefore } of lines) {
    const priced = tariff.components.find(({ key }) => key === component)
    if (!priced || counters.has(priced.key)) continue
    const includedUsed = counterBefore - billedBefore
    const reserved = Math.max(0, priced.included - includedUsed)
    counters.set(priced.key, { used: counterBefore, includedUsed, reserved })
  }
  return counters
}

/** The free units of each component as its lines say, but no more than the tariff includes. */
function grantsOf(tariff: Tariff, lines: readonly ReceiptLine[]): Grants {
  const grants = tariff.components.map(({ key, included }) => {
    const used = lines.reduce((total, line) => total + (line.component === key ? line.includedUsed : 0), 0)
    return [key, Math.min(used, included)] as const
  })
  return Object.fromEntries(grants)
}

function compareLine(stage: string, line: ReceiptLine, again: Line, tariff: Tariff) {
  const amount = again.amount - line.writtenOff
  const findings = [
    compare(about(stage, line, 'quantity'), quantityOf(line), quantityOf(again), FROM_USAGE),
    compare(
      about(stage, line, 'units'),
      unitsOf(line),
      unitsOf(again),
      'its included units first; the counter moves by the quantity',
    ),
    compare(about(stage, line, 'rate'), rateOf(line), rateOf(again), `version ${tariff.version} of the tariff`),
    compare(about(stage, line, 'amount'), formatAmount(line.amount), formatAmount(amount), howPriced(line, again)),
  ]
  return { findings, due: { line, amount } }
}

/** A line for what nobody used should charge nothing. */
function unusedLine(stage: string, line: ReceiptLine) {
  const finding = compare(about(stage, line, 'quantity'), quantityOf(line), 'nothing', FROM_USAGE)
  return { findings: [finding], due: { line, amount: 0n } }
}

function quantityOf({ quantity, source, llmModel }: Line): string {
  return `${quantity} ${source}${llmModel === null ? '' : ` of ${llmModel}`}`
}

function unitsOf({ includedUsed, billedQuantity, counterBefore, counterAfter, billedBefore }: Line): string {
  const counter = `counter ${counterBefore} to ${counterAfter}, ${billedBefore} billed before`
  return `${includedUsed} included, ${billedQuantity} billed, ${counter}`
}

function rateOf({ model, price, per, tiers }: Line): string {
  if (model === null || per === null) return 'no price'
  const steps = tiers?.map(({ upTo, price: each }) => `${formatAmount(each)} to ${upTo ?? 'the end'}`)
  return `${model} ${steps?.join(', ') ?? formatAmount(price ?? 0n)} per ${per}`
}

function howPriced({ writtenOff }: ReceiptLine, again: Line): string {
  const { model, price, per, tiers, billedBefore, billedQuantity, includedUsed, quantity, amount } = again
  if (model === null || per === null) return 'the tariff has no price for it: 0.00'
  const free = includedUsed > 0 ? `${whole(includedUsed)} of ${whole(quantity)} included; ` : ''
  const isFree = model === 'flat' && billedQuantity > 0 && amount === 0n && price !== 0n
  const formula = isFree
    ? 'paid once for the stage'
    : formulaOf({ model, price, per, tiers }, billedBefore, billedQuantity)
  const borne = writtenOff > 0n ? `; the platform bears ${formatAmount(writtenOff)} of it` : ''
  return `${free}${formula}${borne}`
}
