import type { Writes } from '../../ledger/facts.ts'

type Table = Exclude<keyof Writes, 'wake' | 'changed'>
type RowOf<T extends Table> = Writes[T][number]

/** What write-batch.sql takes of each table, in the order of its parameters. */
const COLUMNS: { readonly [T in Table]: readonly (keyof RowOf<T>)[] } = {
  organizations: ['id', 'periodStart', 'periodEnd', 'available', 'held', 'seq', 'seatsUsed', 'seatsPaid'],
  jobs: [
    'id',
    'state',
    'stage',
    'tariffVersionId',
    'periodStart',
    'generation',
    'charged',
    'reversed',
    'released',
    'writtenOff',
    'rejection',
    'failure',
    'parkedAt',
    'expiresAt',
    'admittedAt',
    'finishedAt',
  ],
  stages: [
    'jobId',
    'stage',
    'state',
    'bound',
    'grants',
    'usage',
    'lines',
    'result',
    'tokens',
    'charged',
    'absorbed',
    'starts',
    'claimId',
    'claimedUntil',
    'delivery',
    'checkAt',
    'finishedAt',
  ],
  holds: ['jobId', 'generation', 'organizationId', 'amount', 'remaining', 'state', 'openedAt', 'closedAt'],
  counters: ['organizationId', 'planId', 'component', 'periodStart', 'used', 'includedUsed', 'reserved'],
  members: ['organizationId', 'userId', 'role', 'state', 'operation', 'charged', 'needed', 'missing', 'addedAt'],
  entries: [
    'id',
    'organizationId',
    'seq',
    'kind',
    'debit',
    'credit',
    'amount',
    'currency',
    'availableAfter',
    'heldAfter',
    'businessKey',
    'jobId',
    'stage',
    'component',
    'tokenClass',
    'reference',
    'reversesSeq',
    'details',
    'createdAt',
  ],
}

/** Values that travel as JSON text; JSON has no bigint, so amounts inside them are strings. */
function toParameter(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value ?? null
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner))
}

function columnsOf<T extends Table>(writes: Writes, table: T): unknown[][] {
  const rows: readonly RowOf<T>[] = writes[table]
  return COLUMNS[table].map((column) => rows.map((row) => toParameter(row[column])))
}

/** The parameters of write-batch.sql: an array per column, then whom to wake and which jobs changed. */
export function writeParameters(writes: Writes): unknown[] {
  const tables = Object.keys(COLUMNS) as Table[]
  return [...tables.flatMap((table) => columnsOf(writes, table)), writes.wake, writes.changed]
}
