import type { BatchQuoteView, ListedQuoteView } from '../managers/quote-view.ts'
import { formatAmount } from '../pricing/money.ts'
import { type Column, table } from './table.ts'

/** Beside usual figures this stays within a terminal of 80 characters. */
const NAME_WIDTH = 26

const COLUMNS: readonly Column[] = [
  'text',
  { title: 'tokens', align: 'right' },
  { title: 'at least', align: 'decimal' },
  { title: 'at most', align: 'decimal' },
  'fits',
]

/** The quote of a list in lines: each text with its bounds, the sums, and what would make all of them fit. */
export function batchQuoteLines(view: BatchQuoteView, names: readonly string[]): readonly string[] {
  const { quotes, texts, fitting, lower, upper, inputTokens, currency, warnings } = view
  const rows = quotes.map((quote) => [
    shortened(names[quote.index] ?? ''),
    quote.inputTokens.toLocaleString('en-US'),
    formatAmount(quote.lower),
    formatAmount(quote.upper),
    fits(quote),
  ])
  const tokens = inputTokens.toLocaleString('en-US')
  const sums = ['all', tokens, formatAmount(lower), formatAmount(upper), `${fitting} of ${texts}`]
  return [
    `${tokens} input tokens in ${texts} texts; amounts in ${currency}`,
    '',
    ...table(COLUMNS, [...rows, sums]),
    '',
    ...warnings.map(({ code, detail }) => `${code}: ${detail}`),
    conclusion(view),
  ]
}

/** Of a long path the end says more. */
function shortened(name: string): string {
  return name.length > NAME_WIDTH ? `…${name.slice(1 - NAME_WIDTH)}` : name
}

function fits({ fits, reason }: ListedQuoteView): string {
  if (fits) return 'yes'
  if (reason === 'unpriced-model' || reason === 'max-cost-too-low') return 'fails'
  return reason === 'held_by_others' ? 'later' : 'no'
}

function conclusion(view: BatchQuoteView): string {
  const { organizationId, texts, fitting, fittingAtMost, available, missing, currency, quotes, warnings } = view
  const balance = `${formatAmount(available)} ${currency} available`
  if (fitting === texts) return `All ${texts} fit into ${balance}.`
  const best = fittingAtMost > fitting ? ` (${fittingAtMost}, if each cost the least)` : ''
  const sentence = `${fitting} of ${texts} fit into ${balance}${best}`
  const failing = quotes.filter((quote) => fits(quote) === 'fails')
  const why = [...new Set(failing.map(({ reason }) => reason))].join(', ')
  const hopeless = failing.length === 0 ? '' : `; ${failing.length} would fail whatever the balance (${why})`
  if (missing === 0n) return `${sentence}${hopeless}.`
  const whom = failing.length === 0 ? 'all' : 'the others'
  const besides = warnings.some(({ code }) => code === 'waiting-first') ? ', beside what waits already' : ''
  return `${sentence}${hopeless}; top-up ${organizationId} ${formatAmount(missing)} makes ${whom} fit${besides}.`
}
