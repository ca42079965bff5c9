import { styleText } from 'node:util'

/** How a column stands: words on the left, numbers on the right, amounts at their decimal points. */
type Align = 'left' | 'right' | 'decimal'
export type Column = string | { readonly title: string; readonly align: Align; readonly widthMax?: number }

const GAP = '  '

/** A table in lines, without borders; its width is what its cells need. Cells wider than `widthMax` are cut. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = columns.map((column, index) => {
    const { title, align, widthMax } = typeof column === 'string' ? { title: column, align: 'left' as const } : column
    const body = aligned(
      rows.map((row) => cut(row[index] ?? '', widthMax)),
      align,
    )
    const width = Math.max(title.length, ...body.map((cell) => cell.length))
    const pad = (cell: string): string => (align === 'left' ? cell.padEnd(width) : cell.padStart(width))
    return { title: pad(title), body: body.map(pad) }
  })
  const head = cells.map(({ title }) => title).join(GAP)
  const body = rows.map((_, row) => cells.map((column) => column.body[row]).join(GAP))
  return [styleText('dim', head.trimEnd()), ...body.map((line) => line.trimEnd())]
}

/** Amounts get blanks behind their last decimal, so that their points stand below each other. */
function aligned(cells: readonly string[], align: Align): readonly string[] {
  if (align !== 'decimal') return cells
  const decimals = (cell: string): number => (cell.includes('.') ? cell.length - cell.indexOf('.') : 0)
  const most = Math.max(0, ...cells.map(decimals))
  return cells.map((cell) => cell + ' '.repeat(most - decimals(cell)))
}

function cut(cell: string, widthMax = Number.POSITIVE_INFINITY): string {
  return cell.length > widthMax ? `${cell.slice(0, widthMax - 1)}…` : cell
}
