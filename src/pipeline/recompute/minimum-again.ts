import { MINIMUM_KEY, minimumLine, OUTPUT_STAGE, shortfallOf } from '../../pricing/minimum.ts'
import { formatAmount, type Nano } from '../../pricing/money.ts'
import type { Tariff } from '../../pricing/tariff.ts'
import { type About, compare, type Figure, type Finding } from './finding.ts'
import type { DueLine, PricedAgain, ReceiptLine } from './price-again.ts'

/**
 * Makes the minimum of a job again: what its other lines should have charged before it, taken from what the pinned tariff
 * says that a job costs at least. Only the output has one. What an own job charged after its output, by the order of the
 * entries, lessened nothing.
 * @param lines those of the stage
 * @param others what the lines of this stage and of those before it should have charged
 */
export function minimumAgain(
  tariff: Tariff,
  stage: string,
  lines: readonly ReceiptLine[],
  others: readonly DueLine[],
): PricedAgain {
  const found = lines.filter(({ kind }) => kind === 'minimum')
  const [first] = found
  const end = first?.ledgerSeq ?? Number.POSITIVE_INFINITY
  const before = others.reduce((sum, { line, amount }) => ((line.ledgerSeq ?? 0) < end ? sum + amount : sum), 0n)
  const again = stage === OUTPUT_STAGE ? minimumLine(tariff, before) : null
  const [least, paid, lacking] = [tariff.minimumPerJob, before, shortfallOf(tariff, before)].map(formatAmount)
  const how = `${least} at least - ${paid} charged before = ${lacking}`
  if (!first && again) {
    return { findings: [compare(about(stage, 'amount'), 'no line', formatAmount(again.amount), how)], due: [] }
  }
  const made = found.map((line, index) => {
    const amount = index === 0 ? (again?.amount ?? 0n) - line.writtenOff : 0n
    return {
      findings: compareMinimum(stage, line, { amount, price: tariff.minimumPerJob, how }),
      due: { line, amount },
    }
  })
  return { findings: made.flatMap(({ findings }) => findings), due: made.map(({ due }) => due) }
}

interface Minimum {
  readonly amount: Nano
  readonly price: Nano
  readonly how: string
}

function compareMinimum(stage: string, line: ReceiptLine, { amount, price, how }: Minimum): readonly Finding[] {
  const stored = line.price === null ? 'no price' : formatAmount(line.price)
  return [
    compare(about(stage, 'rate'), `${line.quantity} of ${stored}`, `1 of ${formatAmount(price)}`, 'the pinned tariff'),
    compare(about(stage, 'amount'), formatAmount(line.amount), formatAmount(amount), how),
  ]
}

const about = (stage: string, figure: Figure): About => ({ stage, of: MINIMUM_KEY, figure })
