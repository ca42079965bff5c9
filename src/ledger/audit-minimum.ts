import { minimumLine, OUTPUT_STAGE, shortfallOf } from '../pricing/minimum.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Line } from '../pricing/price.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { SettledLine } from './facts.ts'

/**
 * Makes the minimum of a job again, from what its other lines charged before it. An own job may go on after its output:
 * what was charged later, by the order of the entries, lessened nothing.
 * @param lines those of the stage
 * @param stages all of the job, this one too
 * @returns what is wrong with the minimum in this stage, in a sentence, or null
 */
export function minimumFault(
  tariff: Tariff,
  stage: string,
  lines: readonly SettledLine[],
  stages: readonly { readonly lines: readonly SettledLine[] | null }[],
): string | null {
  const found = lines.filter(isMinimum)
  const [line] = found
  if (stage !== OUTPUT_STAGE) return line ? 'has a minimum, which a job pays with its output' : null
  if (found.length > 1) return `has ${found.length} minimums`
  const before = chargedBefore(line, stages)
  const lacking = formatAmount(shortfallOf(tariff, before))
  const due = minimumLine(tariff, before)
  if (!line) return due ? `charges no minimum; its job lacks ${lacking} to it` : null
  const paid = line.amount + line.writtenOff
  if (!due || paid !== due.amount) return `charges a minimum of ${formatAmount(paid)}; its job lacked ${lacking} to it`
  const figures = Object.keys(due) as (keyof Line)[]
  const other = figures.find((figure) => figure !== 'amount' && line[figure] !== due[figure])
  return other === undefined ? null : `has another ${other} in its minimum than the pinned tariff`
}

const isMinimum = ({ kind }: SettledLine): boolean => kind === 'minimum'

/** What lines charged before the entry of the minimum; all, where it has none. */
function chargedBefore(
  minimum: SettledLine | undefined,
  stages: readonly { readonly lines: readonly SettledLine[] | null }[],
): Nano {
  const end = minimum?.ledgerSeq ?? Number.POSITIVE_INFINITY
  let charged = 0n
  for (const { lines } of stages) {
    for (const line of lines ?? []) if (!isMinimum(line) && (line.ledgerSeq ?? 0) < end) charged += line.amount
  }
  return charged
}
