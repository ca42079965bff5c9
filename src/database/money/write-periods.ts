import type { PeriodRow } from '../../ledger/period-row.ts'
import { plain, quoted } from './array-literal.ts'
import type { Cells } from './statements.ts'

/** The columns of write-periods.sql. */
export function periodColumns(rows: readonly PeriodRow[]): Cells {
  return [
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.number),
    plain(rows, (row) => row.start),
    plain(rows, (row) => row.end),
    plain(rows, (row) => row.tariffVersionId),
    plain(rows, (row) => row.planFee),
    plain(rows, (row) => row.seats),
    plain(rows, (row) => row.seatFee),
    plain(rows, (row) => row.credit),
    plain(rows, (row) => row.dueAt),
    plain(rows, (row) => row.paidAt),
    plain(rows, (row) => row.opening.seq),
    plain(rows, (row) => row.opening.available),
    plain(rows, (row) => row.opening.held),
    plain(rows, (row) => row.closing?.seq ?? null),
    plain(rows, (row) => row.closing?.available ?? null),
    plain(rows, (row) => row.closing?.held ?? null),
    plain(rows, (row) => row.closedAt),
  ]
}
