import type { AbsorbedRow } from '../../ledger/absorbed-row.ts'
import type {
  CounterRow,
  EntryRow,
  FeatureChargeRow,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  StageRow,
  Writes,
} from '../../ledger/facts.ts'
import { alertStatements } from './alert-rows.ts'
import { answerColumns } from './answer-rows.ts'
import { json, listOf, plain, quoted } from './array-literal.ts'
import { type Cells, STATEMENTS, type Statement } from './statements.ts'
import { linesToJson, lineToJson } from './stored-lines.ts'
import { periodColumns } from './write-periods.ts'

/** A statement with its values, ready to be sent. */
export type Prepared = readonly [Statement, Cells]

/**
 * What stores what the fold decided: one statement for each table that has rows, none of which decides anything. Rows come
 * as one array per column.
 * @param organizations all that the batch locked; if it changes anything, each gets its stamp
 */
export function writingStatements(
  writes: Writes,
  organizations: readonly OrganizationRow[],
  stamp: string,
): readonly Prepared[] {
  const prepared: Prepared[] = []
  const store = <Row>(statement: Statement, rows: readonly Row[], columns: (rows: readonly Row[]) => Cells): void => {
    if (rows.length > 0) prepared.push([statement, columns(rows)])
  }
  store(STATEMENTS.writeStages, writes.stages, stageColumns)
  store(STATEMENTS.writeJobs, writes.jobs, jobColumns)
  store(
    STATEMENTS.openHolds,
    writes.holds.filter(({ isNew }) => isNew),
    openHoldColumns,
  )
  store(
    STATEMENTS.writeHolds,
    writes.holds.filter(({ isNew }) => !isNew),
    holdColumns,
  )
  const { charges, others } = splitEntries(writes.entries)
  store(STATEMENTS.writeCharges, charges, chargeColumns)
  store(STATEMENTS.writeEntries, others, entryColumns)
  store(STATEMENTS.writeCounters, writes.counters, counterColumns)
  store(STATEMENTS.writeMembers, writes.members, memberColumns)
  store(STATEMENTS.writeSubscriptions, writes.subscriptions, subscriptionColumns)
  store(STATEMENTS.writePeriods, writes.periods, periodColumns)
  store(STATEMENTS.writeAbsorbed, writes.absorbed, absorbedColumns)
  prepared.push(...alertStatements(writes.alerts))
  store(STATEMENTS.writeFeatureCharges, writes.featureCharges, featureChargeColumns)
  store(STATEMENTS.writeAnswers, writes.slips.answers, answerColumns)
  if (prepared.length > 0 || writes.organizations.length > 0) {
    prepared.push([STATEMENTS.writeBalances, [...balanceColumns(organizations), stamp]])
  }
  const notices = writes.wake.map((id) => (writes.wakeAll.includes(id) ? `${id} all` : id))
  store(STATEMENTS.notify, notices, (messages) => [listOf(messages)])
  // Behind everything else: it waits for the end of the chain, where all who are audited meet.
  store(STATEMENTS.writeAudit, writes.slips.entries, (entries) => [listOf(entries)])
  return prepared
}

function balanceColumns(rows: readonly OrganizationRow[]): Cells {
  return [
    quoted(rows, (row) => row.id),
    plain(rows, (row) => row.available),
    plain(rows, (row) => row.held),
    plain(rows, (row) => row.seq),
    plain(rows, (row) => row.seatsUsed),
    plain(rows, (row) => row.seatsPaid),
  ]
}

function subscriptionColumns(rows: readonly OrganizationRow[]): Cells {
  return [
    quoted(rows, (row) => row.id),
    plain(rows, (row) => row.status),
    plain(rows, (row) => row.tariffVersionId),
    plain(rows, (row) => row.nextTariffVersionId),
    plain(rows, (row) => row.periodAnchor),
    plain(rows, (row) => row.periodNumber),
    plain(rows, (row) => row.periodStart),
    plain(rows, (row) => row.periodEnd),
    plain(rows, (row) => row.dueSince),
    plain(rows, (row) => row.statusUntil),
    plain(rows, (row) => row.nextTariffAt),
  ]
}

function jobColumns(rows: readonly JobRow[]): Cells {
  return [
    plain(rows, (row) => row.id),
    plain(rows, (row) => row.state),
    quoted(rows, (row) => row.stage),
    plain(rows, (row) => row.tariffVersionId),
    plain(rows, (row) => row.periodStart),
    plain(rows, (row) => row.generation),
    plain(rows, (row) => row.charged),
    plain(rows, (row) => row.reversed),
    plain(rows, (row) => row.released),
    plain(rows, (row) => row.writtenOff),
    json(rows, (row) => row.rejection),
    json(rows, (row) => row.failure),
    plain(rows, (row) => row.parkedAt),
    plain(rows, (row) => row.expiresAt),
    plain(rows, (row) => row.admittedAt),
    plain(rows, (row) => row.finishedAt),
  ]
}

function stageColumns(rows: readonly StageRow[]): Cells {
  return [
    plain(rows, (row) => row.jobId),
    quoted(rows, (row) => row.stage),
    plain(rows, (row) => row.state),
    json(rows, (row) => (row.boundIsNew ? row.bound : null)),
    json(rows, (row) => (Object.keys(row.grants).length > 0 ? row.grants : null)),
    json(rows, (row) => row.usage),
    json(rows, (row) => (row.usage === undefined ? null : row.lines && linesToJson(row.lines))),
    quoted(rows, (row) => row.result ?? null),
    plain(rows, (row) => row.tokens),
    plain(rows, (row) => row.charged),
    plain(rows, (row) => row.absorbed),
    plain(rows, (row) => row.starts),
    plain(rows, (row) => row.claimId),
    plain(rows, (row) => row.claimedUntil),
    plain(rows, (row) => row.delivery),
    plain(rows, (row) => row.checkAt),
    plain(rows, (row) => row.finishedAt),
  ]
}

function openHoldColumns(rows: readonly HoldRow[]): Cells {
  return [
    plain(rows, (row) => row.jobId),
    plain(rows, (row) => row.generation),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.amount),
    plain(rows, (row) => row.remaining),
    plain(rows, (row) => row.state),
    plain(rows, (row) => row.openedAt),
    plain(rows, (row) => row.closedAt),
  ]
}

function holdColumns(rows: readonly HoldRow[]): Cells {
  return [
    plain(rows, (row) => row.jobId),
    plain(rows, (row) => row.generation),
    plain(rows, (row) => row.amount),
    plain(rows, (row) => row.remaining),
    plain(rows, (row) => row.state),
    plain(rows, (row) => row.closedAt),
  ]
}

function counterColumns(rows: readonly CounterRow[]): Cells {
  return [
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.planId),
    quoted(rows, (row) => row.component),
    plain(rows, (row) => row.periodStart),
    plain(rows, (row) => row.used),
    plain(rows, (row) => row.includedUsed),
    plain(rows, (row) => row.reserved),
  ]
}

function memberColumns(rows: readonly MemberRow[]): Cells {
  return [
    quoted(rows, (row) => row.organizationId),
    quoted(rows, (row) => row.userId),
    plain(rows, (row) => row.role),
    plain(rows, (row) => row.state),
    plain(rows, (row) => row.operation),
    plain(rows, (row) => row.charged),
    plain(rows, (row) => row.needed),
    plain(rows, (row) => row.missing),
    plain(rows, (row) => row.addedAt),
    plain(rows, (row) => row.spendingLimit),
    plain(rows, (row) => row.committed),
    plain(rows, (row) => row.committedPeriod),
  ]
}

function absorbedColumns(rows: readonly AbsorbedRow[]): Cells {
  return [
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.jobId),
    quoted(rows, (row) => row.stage),
    plain(rows, (row) => row.reason),
    json(rows, (row) => row.usage),
    plain(rows, (row) => row.tokens),
    plain(rows, (row) => row.cost),
    plain(rows, (row) => row.createdAt),
  ]
}

function featureChargeColumns(rows: readonly FeatureChargeRow[]): Cells {
  return [
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    quoted(rows, (row) => row.key),
    quoted(rows, (row) => row.feature),
    plain(rows, (row) => row.quantity),
    quoted(rows, (row) => row.userId),
    plain(rows, (row) => row.tariffVersionId),
    plain(rows, (row) => row.periodStart),
    json(rows, (row) => lineToJson(row.line)),
    json(rows, (row) => row.balance),
    plain(rows, (row) => row.line.amount),
    plain(rows, (row) => row.line.ledgerSeq),
    plain(rows, (row) => row.createdAt),
  ]
}

/** So many charges that differ in nothing but their figures are worth a statement of their own. */
const CHARGES_MIN = 32

interface SplitEntries {
  /** All of one kind, currency and moment, and without what entries of jobs never have; or none. */
  readonly charges: readonly EntryRow[]
  readonly others: readonly EntryRow[]
}

function splitEntries(entries: readonly EntryRow[]): SplitEntries {
  const first = entries.find(({ kind }) => kind === 'charge')
  const isAlike = (row: EntryRow): boolean =>
    row.kind === 'charge' && row.currency === first?.currency && row.createdAt === first.createdAt
  const charges = entries.length < CHARGES_MIN ? [] : entries.filter(isAlike)
  if (charges.length < CHARGES_MIN) return { charges: [], others: entries }
  return { charges, others: entries.filter((row) => !isAlike(row)) }
}

function chargeColumns(rows: readonly EntryRow[]): Cells {
  const { kind, debit, credit, currency, createdAt } = rows[0] as EntryRow // a statement without rows is not sent
  return [
    ...[kind, debit, credit, currency, `${createdAt}`],
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.seq),
    plain(rows, (row) => row.amount),
    plain(rows, (row) => row.availableAfter),
    plain(rows, (row) => row.heldAfter),
    quoted(rows, (row) => row.businessKey),
    plain(rows, (row) => row.jobId),
    quoted(rows, (row) => row.stage),
    quoted(rows, (row) => row.component),
    plain(rows, (row) => row.tokenClass),
  ]
}

function entryColumns(rows: readonly EntryRow[]): Cells {
  return [
    plain(rows, (row) => row.id),
    quoted(rows, (row) => row.organizationId),
    plain(rows, (row) => row.seq),
    plain(rows, (row) => row.kind),
    plain(rows, (row) => row.debit),
    plain(rows, (row) => row.credit),
    plain(rows, (row) => row.amount),
    plain(rows, (row) => row.currency),
    plain(rows, (row) => row.availableAfter),
    plain(rows, (row) => row.heldAfter),
    quoted(rows, (row) => row.businessKey),
    plain(rows, (row) => row.jobId),
    quoted(rows, (row) => row.stage),
    quoted(rows, (row) => row.component),
    plain(rows, (row) => row.tokenClass),
    quoted(rows, (row) => row.reference),
    plain(rows, (row) => row.reversesSeq),
    json(rows, (row) => row.details),
    plain(rows, (row) => row.createdAt),
  ]
}
