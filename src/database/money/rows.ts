import type {
  BalanceView,
  CounterRow,
  EntryRow,
  FeatureChargeRow,
  FundingDetails,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  Rejection,
  SettledLine,
  StageRow,
} from '../../ledger/facts.ts'
import type { PeriodEdge, PeriodRow } from '../../ledger/period-row.ts'
import type { StageBound, StageUsage } from '../../pricing/usage.ts'
import { thresholdsFrom } from './alert-rows.ts'
import type { Cell, Cells } from './statements.ts'
import { lineFromJson, type StoredLine } from './stored-lines.ts'

/** JSON has no bigint: amounts travel as strings in both directions, here and nowhere else. */
export type Json<T> = T extends bigint
  ? string
  : T extends readonly (infer U)[]
    ? readonly Json<U>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T

const text = (cell: Cell | undefined): string => cell as string
const maybeText = (cell: Cell | undefined): string | null => cell ?? null
const amount = (cell: Cell | undefined): bigint => BigInt(cell as string)
const maybeAmount = (cell: Cell | undefined): bigint | null => (cell == null ? null : BigInt(cell))
const number = (cell: Cell | undefined): number => Number(cell)
const maybeNumber = (cell: Cell | undefined): number | null => (cell == null ? null : Number(cell))
const maybeJson = <T>(cell: Cell | undefined): T | null => (cell == null ? null : (JSON.parse(cell) as T))

export function rejectionFromJson(rejection: Json<Rejection>): Rejection {
  const { needed, available, missing, atLeast, ...rest } = rejection
  const amounts = { needed: BigInt(needed), available: BigInt(available), missing: BigInt(missing) }
  return { ...rest, ...amounts, ...(atLeast === undefined ? {} : { atLeast: BigInt(atLeast) }) }
}

function detailsFromJson(details: Json<FundingDetails>): FundingDetails {
  return { ...details, balance: balanceFromJson(details.balance) }
}

export function balanceFromJson(balance: Json<BalanceView>): BalanceView {
  const { available, held, overdraftLimit } = balance
  const amounts = { available: BigInt(available), held: BigInt(held), overdraftLimit: BigInt(overdraftLimit) }
  return { ...balance, ...amounts }
}

/** The lines of a charged stage; undefined where it has none stored. */
export function linesFrom(cell: Cell): readonly SettledLine[] | undefined {
  return maybeJson<readonly StoredLine[]>(cell)?.map(lineFromJson)
}

/** A row of read-organizations and the row of lock-balances that belongs to it. */
export function organizationFrom(row: Cells, balance: Cells): OrganizationRow {
  return {
    id: text(row[1]),
    currency: text(row[2]),
    status: text(row[3]) as OrganizationRow['status'],
    tariffVersionId: maybeText(row[4]),
    periodAnchor: number(row[5]),
    periodNumber: number(row[10]),
    periodStart: number(row[6]),
    periodEnd: number(row[7]),
    nextTariffVersionId: maybeText(row[11]),
    dueSince: maybeNumber(row[12]),
    statusUntil: maybeNumber(row[13]),
    nextTariffAt: maybeNumber(row[14]),
    periods: periodsFrom(text(row[1]), row[15] ?? null),
    available: amount(balance[1]),
    held: amount(balance[2]),
    overdraftLimit: amount(balance[3]),
    seq: number(balance[4]),
    seatsUsed: number(balance[5]),
    seatsPaid: number(balance[6]),
    waiting: row[8] === 't',
    parked: maybeNumber(row[9]),
    thresholds: thresholdsFrom(row[16]),
  }
}

interface StoredPeriod extends Omit<Json<PeriodRow>, 'organizationId' | 'opening' | 'closing'> {
  readonly opening: StoredEdge
  readonly closing: StoredEdge | null
}
type StoredEdge = readonly [seq: number, available: string, held: string]

function periodsFrom(organizationId: string, cell: Cell): readonly PeriodRow[] {
  const stored = maybeJson<readonly StoredPeriod[]>(cell) ?? []
  return stored.map(({ planFee, seatFee, credit, opening, closing, ...rest }) => ({
    organizationId,
    ...rest,
    planFee: BigInt(planFee),
    seatFee: BigInt(seatFee),
    credit: BigInt(credit),
    opening: edgeFrom(opening),
    closing: closing && edgeFrom(closing),
  }))
}

const edgeFrom = ([seq, available, held]: StoredEdge): PeriodEdge => {
  return { seq, available: BigInt(available), held: BigInt(held) }
}

export function jobFrom(row: Cells): JobRow {
  const rejection = maybeJson<Json<Rejection>>(row[14])
  return {
    id: text(row[0]),
    organizationId: text(row[1]),
    userId: maybeText(row[2]),
    runner: text(row[3]) as JobRow['runner'],
    steps: maybeJson<JobRow['steps']>(row[4]) ?? [],
    maxCost: maybeAmount(row[5]),
    state: text(row[6]) as JobRow['state'],
    stage: maybeText(row[7]),
    tariffVersionId: maybeText(row[8]),
    periodStart: maybeNumber(row[9]),
    generation: number(row[10]),
    charged: 0n,
    reversed: amount(row[11]),
    released: amount(row[12]),
    writtenOff: amount(row[13]),
    rejection: rejection && rejectionFromJson(rejection),
    failure: maybeJson(row[15]),
    parkedAt: maybeNumber(row[16]),
    expiresAt: maybeNumber(row[17]),
    admittedAt: maybeNumber(row[18]),
    finishedAt: maybeNumber(row[19]),
  }
}

/** The open hold that came with a job, if it has one. */
export function holdFrom(row: Cells): HoldRow[] {
  if (row[20] === null) return []
  return [
    {
      jobId: text(row[0]),
      organizationId: text(row[1]),
      generation: number(row[20]),
      amount: amount(row[21]),
      remaining: amount(row[22]),
      state: 'open',
      openedAt: number(row[23]),
      closedAt: null,
      isNew: false,
    },
  ]
}

export function boundFrom(cell: Cell): StageBound | null {
  return maybeJson(cell)
}

export function stageFrom(row: Cells): StageRow {
  return {
    jobId: text(row[0]),
    stage: text(row[1]),
    position: number(row[2]),
    state: text(row[3]) as StageRow['state'],
    bound: boundFrom(row[4] ?? null),
    boundIsNew: false,
    grants: maybeJson<StageRow['grants']>(row[5]) ?? {},
    usage: undefined as StageUsage | undefined,
    lines: undefined,
    tokens: number(row[6]),
    charged: amount(row[7]),
    absorbed: number(row[8]),
    result: undefined,
    starts: number(row[9]),
    claimId: maybeText(row[10]),
    claimedUntil: maybeNumber(row[11]),
    delivery: number(row[12]),
    checkAt: maybeNumber(row[13]),
    finishedAt: maybeNumber(row[14]),
  }
}

export function counterFrom(row: Cells): CounterRow {
  return {
    organizationId: text(row[0]),
    planId: text(row[1]),
    component: text(row[2]),
    periodStart: number(row[3]),
    used: number(row[4]),
    includedUsed: number(row[5]),
    reserved: number(row[6]),
  }
}

export function memberFrom(row: Cells): MemberRow {
  return {
    organizationId: text(row[0]),
    userId: text(row[1]),
    role: text(row[2]) as MemberRow['role'],
    state: text(row[3]) as MemberRow['state'],
    operation: text(row[4]),
    charged: amount(row[5]),
    needed: maybeAmount(row[6]),
    missing: maybeAmount(row[7]),
    addedAt: number(row[8]),
    spendingLimit: maybeAmount(row[9]),
    committed: amount(row[10]),
    committedPeriod: maybeNumber(row[11]),
  }
}

export function entryFrom(row: Cells): EntryRow {
  const details = maybeJson<Json<FundingDetails>>(row[17])
  return {
    id: text(row[0]),
    organizationId: text(row[1]),
    seq: number(row[2]),
    kind: text(row[3]) as EntryRow['kind'],
    debit: text(row[4]) as EntryRow['debit'],
    credit: text(row[5]) as EntryRow['credit'],
    amount: amount(row[6]),
    currency: text(row[7]),
    availableAfter: amount(row[8]),
    heldAfter: amount(row[9]),
    businessKey: text(row[10]),
    jobId: maybeText(row[11]),
    stage: maybeText(row[12]),
    component: maybeText(row[13]),
    tokenClass: maybeText(row[14]),
    reference: maybeText(row[15]),
    reversesSeq: maybeNumber(row[16]),
    details: details && detailsFromJson(details),
    createdAt: number(row[18]),
  }
}

export function featureChargeFrom(row: Cells): FeatureChargeRow {
  return {
    id: text(row[0]),
    organizationId: text(row[1]),
    key: text(row[2]),
    feature: text(row[3]),
    quantity: number(row[4]),
    userId: maybeText(row[5]),
    tariffVersionId: text(row[6]),
    periodStart: number(row[7]),
    line: lineFromJson(JSON.parse(text(row[8]))),
    balance: balanceFromJson(JSON.parse(text(row[9]))),
    createdAt: number(row[10]),
  }
}
