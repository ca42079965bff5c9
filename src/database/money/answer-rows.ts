import type { AnswerRow } from '../../ledger/answer-row.ts'
import { plain, quoted } from './array-literal.ts'
import type { Cells } from './statements.ts'

/** A row of read-answers. */
export function answerFrom(row: Cells): AnswerRow {
  const [scope, key, hash, slipId, status, location, body, createdAt, expiresAt] = row as readonly string[] & Cells
  return {
    scope: scope as string,
    key: key as string,
    hash: hash as string,
    slipId: slipId as string,
    answer: { status: Number(status), location: location ?? null, body: body as string },
    createdAt: Number(createdAt),
    expiresAt: Number(expiresAt),
  }
}

/** The columns of write-answers.sql. */
export function answerColumns(rows: readonly AnswerRow[]): Cells {
  return [
    quoted(rows, (row) => row.scope),
    quoted(rows, (row) => row.key),
    quoted(rows, (row) => row.hash),
    plain(rows, (row) => row.slipId),
    plain(rows, (row) => row.answer.status),
    quoted(rows, (row) => row.answer.location),
    quoted(rows, (row) => row.answer.body),
    plain(rows, (row) => row.createdAt),
    plain(rows, (row) => row.expiresAt),
  ]
}
