import { styleText } from 'node:util'
import type { Receipt } from '../managers/job-view.ts'
import { formatAmount } from '../pricing/money.ts'
import { type Column, table } from './table.ts'

type ReceiptLine = Receipt['lines'][number]

/** A terminal of 80 characters, whose last one some of them wrap at. */
const WIDTH = 79
/** Keys of this length stay whole beside usual figures; where it is too narrow, the stage gives way first. */
const COMPONENT_WIDTH = 20
const COMPONENT_WIDTH_MIN = 14
const STAGE_WIDTH_MIN = 10

/** A receipt in lines: each line with what it was computed from, then what became of the hold. */
export function receiptTable(receipt: Receipt): readonly string[] {
  const { currency, tokenizer, held, charged, reversed, released, writtenOff, total } = receipt
  const title = `receipt of job ${receipt.jobId}`
  if (receipt.lines.length === 0) return [styleText('bold', title), `${receipt.state}: nothing was charged`]
  const sums = [`held ${formatAmount(held)}`, `charged ${formatAmount(charged)}`]
  if (reversed > 0n) sums.push(`reversed ${formatAmount(reversed)}`)
  if (writtenOff > 0n) sums.push(`borne by the platform ${formatAmount(writtenOff)}`)
  sums.push(`released ${formatAmount(released)}`)
  return [
    styleText('bold', title),
    `${receipt.state}, tariff version ${receipt.tariffVersion ?? '-'}, tokens by ${tokenizer.id}, in ${currency}`,
    '',
    ...linesTable(receipt.lines),
    '',
    sums.join(' · '),
    styleText('bold', `total ${formatAmount(total)} ${currency}`),
  ]
}

/** Figures are never cut. `billed` is left out where it says nothing new and its room is needed for the keys. */
function linesTable(lines: readonly ReceiptLine[]): readonly string[] {
  const keys = [lines.map(({ stage }) => stage), lines.map(({ component }) => component ?? '-')] as const
  const quantity = figures(
    'quantity',
    'right',
    lines.map(({ quantity }) => quantity.toLocaleString('en-US')),
  )
  const billed = figures(
    'billed',
    'right',
    lines.map((line) => line.billedQuantity.toLocaleString('en-US')),
  )
  const price = figures('price', 'left', lines.map(priceOf))
  const amount = figures(
    'amount',
    'decimal',
    lines.map((line) => formatAmount(line.amount)),
  )
  const [stageWidth, componentWidth] = [widest('stage', keys[0]), widest('component', keys[1])]
  const all = [quantity, billed, price, amount]
  const isTight = roomBeside(all) < stageWidth + componentWidth
  const isRepeated = lines.every((line) => line.billedQuantity === line.quantity)
  const shown = isTight && isRepeated ? [quantity, price, amount] : all
  const room = roomBeside(shown)
  const stageMax = Math.max(STAGE_WIDTH_MIN, room - Math.min(componentWidth, COMPONENT_WIDTH))
  const componentMax = Math.max(COMPONENT_WIDTH_MIN, room - Math.min(stageWidth, stageMax))
  const columns: Column[] = [
    { title: 'stage', align: 'left', widthMax: stageMax },
    { title: 'component', align: 'left', widthMax: componentMax },
    ...shown.map(({ column }) => column),
  ]
  const rows = lines.map((_, row) => [...keys, ...shown.map(({ cells }) => cells)].map((cells) => cells[row] ?? ''))
  return table(columns, rows)
}

interface Figures {
  readonly column: Column
  readonly cells: readonly string[]
  readonly width: number
}

function figures(title: string, align: 'left' | 'right' | 'decimal', cells: readonly string[]): Figures {
  // Aligned at the point, a column is as wide as its longest whole part and its longest fraction together.
  const [whole, fraction] = [
    cells.map((cell) => cell.split('.')[0] ?? ''),
    cells.map((cell) => /\..*/.exec(cell)?.[0] ?? ''),
  ]
  const width = align === 'decimal' ? widest('', whole) + widest('', fraction) : widest('', cells)
  return { column: { title, align }, cells, width: Math.max(title.length, width) }
}

function widest(title: string, cells: readonly string[]): number {
  return Math.max(title.length, ...cells.map((cell) => cell.length))
}

/** What a line has left for stage and component. */
function roomBeside(columns: readonly Figures[]): number {
  const gaps = columns.length + 1
  return WIDTH - 2 * gaps - columns.reduce((sum, { width }) => sum + width, 0)
}

const MILLION = 1_000_000

function priceOf({ price, per, model }: ReceiptLine): string {
  if (price === null || per === null) return model ?? 'no price'
  if (per === 1 || model === 'flat') return formatAmount(price)
  return `${formatAmount(price)} / ${per === MILLION ? '1M' : per.toLocaleString('en-US')}`
}
