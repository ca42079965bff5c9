import { styleText } from 'node:util'
import type { Receipt } from '../managers/job-view.ts'
import { formatAmount } from '../pricing/money.ts'
import { type Column, table } from './table.ts'

type ReceiptLine = Receipt['lines'][number]

/** Keys are cut so that usual figures fit a terminal of 80 characters; figures never are. */
const COLUMNS: readonly Column[] = [
  { title: 'stage', align: 'left', widthMax: 16 },
  { title: 'component', align: 'left', widthMax: 14 },
  { title: 'quantity', align: 'right' },
  { title: 'billed', align: 'right' },
  { title: 'price', align: 'left' },
  { title: 'amount', align: 'decimal' },
]

/** A receipt in lines: each line with what it was computed from, then what became of the hold. */
export function receiptTable(receipt: Receipt): readonly string[] {
  const { currency, tokenizer, held, charged, reversed, released, writtenOff, total } = receipt
  const title = `receipt of job ${receipt.jobId}`
  if (receipt.lines.length === 0) return [styleText('bold', title), `${receipt.state}: nothing was charged`]
  const rows = receipt.lines.map((line) => [
    line.stage,
    line.component ?? '-',
    line.quantity.toLocaleString('en-US'),
    line.billedQuantity.toLocaleString('en-US'),
    priceOf(line),
    formatAmount(line.amount),
  ])
  const sums = [`held ${formatAmount(held)}`, `charged ${formatAmount(charged)}`]
  if (reversed > 0n) sums.push(`reversed ${formatAmount(reversed)}`)
  if (writtenOff > 0n) sums.push(`borne by the platform ${formatAmount(writtenOff)}`)
  sums.push(`released ${formatAmount(released)}`)
  return [
    styleText('bold', title),
    `${receipt.state}, tariff version ${receipt.tariffVersion ?? '-'}, tokens by ${tokenizer.id}, in ${currency}`,
    '',
    ...table(COLUMNS, rows),
    '',
    sums.join(' · '),
    styleText('bold', `total ${formatAmount(total)} ${currency}`),
  ]
}

const MILLION = 1_000_000

function priceOf({ price, per, model }: ReceiptLine): string {
  if (price === null || per === null) return model ?? 'no price'
  if (per === 1 || model === 'flat') return formatAmount(price)
  return `${formatAmount(price)} / ${per === MILLION ? '1M' : per.toLocaleString('en-US')}`
}
