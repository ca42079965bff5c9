import type { Cell } from './statements.ts'

/**
 * A column of numbers, amounts, ids or words of our own, in PostgreSQL's text form of an array: nothing in it needs quotes.
 * Written by hand, since a batch sends a hundred columns, and the driver quotes and escapes every value.
 */
export function plain<T>(rows: readonly T[], cell: (row: T) => string | number | bigint | null): string {
  let text = '{'
  for (let index = 0; index < rows.length; index += 1) {
    if (index > 0) text += ','
    text += cell(rows[index] as T) ?? 'NULL'
  }
  return `${text}}`
}

/** A column of any text. */
export function quoted<T>(rows: readonly T[], cell: (row: T) => Cell): string {
  return plain(rows, (row) => {
    const text = cell(row)
    return text === null ? null : quote(text)
  })
}

/** A column of JSON values; undefined and null are the column's null. JSON has no bigint: amounts in it are strings. */
export function json<T>(rows: readonly T[], cell: (row: T) => unknown): string {
  return plain(rows, (row) => {
    const value = cell(row)
    return value === null || value === undefined ? null : quoteJson(value)
  })
}

const withoutBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

/** JSON has no raw control characters, so escaping it once more as JSON is escaping it as an array's element. */
function quoteJson(value: unknown): string {
  return JSON.stringify(JSON.stringify(value, withoutBigint))
}

/** Two quick looks settle nearly every value; a pattern over each took a twentieth of all time. */
function quote(text: string): string {
  if (!text.includes('"') && !text.includes('\\')) return `"${text}"`
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** `any ($1)` of ids or keys. */
export function listOf(values: Iterable<string>): string {
  return quoted([...values], (value) => value)
}
