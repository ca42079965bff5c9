import type { AlertRow, AlertWrites, ThresholdRow } from '../../ledger/alert-facts.ts'
import { listOf, plain, quoted } from './array-literal.ts'
import { type Cell, type Cells, STATEMENTS, type Statement } from './statements.ts'

/** A threshold as read-organizations sends it: figures in a fixed order. */
type StoredThreshold = readonly [
  id: string,
  metric: ThresholdRow['metric'],
  below: string,
  clearAt: string,
  createdAt: number,
  alertId: string | null,
]

/** One list for all who have none, which are nearly all. */
const NONE: readonly ThresholdRow[] = []

export function thresholdsFrom(cell: Cell | undefined): readonly ThresholdRow[] {
  if (cell == null) return NONE
  return (JSON.parse(cell) as readonly StoredThreshold[]).map(([id, metric, below, clearAt, createdAt, alertId]) => {
    return { id, metric, below: BigInt(below), clearAt: BigInt(clearAt), createdAt, alertId }
  })
}

/** What stores thresholds and alerts: removed before added, since the same line may be drawn again. */
export function alertStatements(writes: AlertWrites): readonly (readonly [Statement, Cells])[] {
  const { added, removed, raised, cleared, clearedAt } = writes
  const statements: (readonly [Statement, Cells])[] = []
  if (removed.length > 0) statements.push([STATEMENTS.removeThresholds, [listOf(removed)]])
  if (added.length > 0) statements.push([STATEMENTS.writeThresholds, thresholdColumns(added)])
  if (cleared.length > 0) statements.push([STATEMENTS.clearAlerts, [listOf(cleared), `${clearedAt}`]])
  if (raised.length > 0) statements.push([STATEMENTS.raiseAlerts, alertColumns(raised)])
  return statements
}

function thresholdColumns(rows: AlertWrites['added']): Cells {
  return [
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.metric),
    plain(rows, (row) => row.below),
    plain(rows, (row) => row.clearAt),
    plain(rows, (row) => row.createdAt),
  ]
}

function alertColumns(rows: readonly AlertRow[]): Cells {
  return [
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.thresholdId),
    plain(rows, (row) => row.metric),
    plain(rows, (row) => row.below),
    plain(rows, (row) => row.clearAt),
    plain(rows, (row) => row.value),
    plain(rows, (row) => row.available),
    plain(rows, (row) => row.demanded),
    plain(rows, (row) => (row.estimated ? 't' : 'f')),
    plain(rows, (row) => row.seq),
    plain(rows, (row) => row.raisedAt),
    plain(rows, (row) => row.clearedAt),
  ]
}
