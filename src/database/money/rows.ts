import type {
  EntryRow,
  Facts,
  FundingDetails,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  Rejection,
  SettledLine,
  StageRow,
} from '../../ledger/facts.ts'

/** JSON has no bigint: amounts travel as strings in both directions, here and nowhere else. */
type Json<T> = T extends bigint
  ? string
  : T extends readonly (infer U)[]
    ? readonly Json<U>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T

/** A table as it travels: one array per column, null where it has no rows. */
type Columns<Row> = { readonly [K in keyof Row]: readonly Row[K][] | null }
type FactsJson = {
  readonly [K in keyof Facts]: Facts[K] extends readonly (infer Row)[] ? Columns<Json<Row>> : Facts[K]
}

/** The rows of a table that travelled as columns. */
function rowsOf<Row extends object>(columns: Columns<Row>): Row[] {
  const names = Object.keys(columns) as (keyof Row)[]
  const length = names[0] === undefined ? 0 : (columns[names[0]]?.length ?? 0)
  return Array.from({ length }, (_, index) => {
    const row: Partial<Row> = {}
    for (const name of names) row[name] = columns[name]?.[index] as Row[typeof name]
    return row as Row
  })
}

const amount = (text: string): bigint => BigInt(text)
const maybeAmount = (text: string | null): bigint | null => (text === null ? null : BigInt(text))

export function lineFromJson(line: Json<SettledLine>): SettledLine {
  return {
    ...line,
    price: maybeAmount(line.price),
    tiers: line.tiers?.map((tier) => ({ ...tier, price: amount(tier.price) })) ?? null,
    amount: amount(line.amount),
    writtenOff: amount(line.writtenOff),
  }
}

export function rejectionFromJson(rejection: Json<Rejection>): Rejection {
  const { needed, available, missing } = rejection
  return { ...rejection, needed: amount(needed), available: amount(available), missing: amount(missing) }
}

function detailsFromJson(details: Json<FundingDetails>): FundingDetails {
  const { balance } = details
  return {
    ...details,
    balance: {
      ...balance,
      available: amount(balance.available),
      held: amount(balance.held),
      overdraftLimit: amount(balance.overdraftLimit),
    },
  }
}

function organizationFromJson(row: Json<OrganizationRow>): OrganizationRow {
  const { available, held, overdraftLimit } = row
  return { ...row, available: amount(available), held: amount(held), overdraftLimit: amount(overdraftLimit) }
}

function jobFromJson(row: Json<JobRow>): JobRow {
  return {
    ...row,
    maxCost: maybeAmount(row.maxCost),
    charged: amount(row.charged),
    reversed: amount(row.reversed),
    released: amount(row.released),
    writtenOff: amount(row.writtenOff),
    rejection: row.rejection && rejectionFromJson(row.rejection),
  }
}

function stageFromJson(row: Json<StageRow>): StageRow {
  return {
    ...row,
    grants: row.grants ?? {},
    usage: undefined,
    lines: row.lines?.map(lineFromJson),
    charged: amount(row.charged),
    result: undefined,
  }
}

function holdFromJson(row: Json<HoldRow>): HoldRow {
  return { ...row, amount: amount(row.amount), remaining: amount(row.remaining) }
}

function memberFromJson(row: Json<MemberRow>): MemberRow {
  return { ...row, charged: amount(row.charged), needed: maybeAmount(row.needed), missing: maybeAmount(row.missing) }
}

function entryFromJson(row: Json<EntryRow>): EntryRow {
  return {
    ...row,
    amount: amount(row.amount),
    availableAfter: amount(row.availableAfter),
    heldAfter: amount(row.heldAfter),
    details: row.details && detailsFromJson(row.details),
  }
}

/** What lock_batch returned, with its amounts as bigint. */
export function factsFromJson(json: FactsJson): Facts {
  return {
    now: json.now,
    organizations: rowsOf(json.organizations).map(organizationFromJson),
    jobs: rowsOf(json.jobs).map(jobFromJson),
    stages: rowsOf(json.stages).map(stageFromJson),
    holds: rowsOf(json.holds).map(holdFromJson),
    counters: rowsOf(json.counters),
    members: rowsOf(json.members).map(memberFromJson),
    entries: rowsOf(json.entries).map(entryFromJson),
  }
}

export type { FactsJson, Json }
