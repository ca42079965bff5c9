export type Cell = string | number | null

const END = '\r\n'
/** A figure may begin with a minus; a spreadsheet would run any other text that begins with one of these. */
const FIGURE = /^-?\d+(\.\d+)?$/
const FORMULA = /^[=+\-@\t\r]/
const NEEDS_QUOTES = /[",\r\n]/

/** RFC 4180, with a header line. */
export function toCsv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return toLines([header, ...rows])
}

/** Some lines of a table. What a spreadsheet would take for a formula stands behind an apostrophe, as a text. */
export function toLines(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => row.map(toField).join(',') + END).join('')
}

function toField(cell: Cell): string {
  if (cell === null) return ''
  const text = String(cell)
  const inert = FORMULA.test(text) && !FIGURE.test(text) ? `'${text}` : text
  return NEEDS_QUOTES.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}
