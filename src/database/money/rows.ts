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
  Writes,
} from '../../ledger/facts.ts'

/** JSON has no bigint: amounts travel as strings in both directions, here and nowhere else. */
type Json<T> = T extends bigint
  ? string
  : T extends readonly (infer U)[]
    ? readonly Json<U>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T

type FactsJson = { [K in keyof Facts]: Json<Facts[K]> }

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
    organizations: json.organizations.map(organizationFromJson),
    jobs: json.jobs.map(jobFromJson),
    stages: json.stages.map(stageFromJson),
    holds: json.holds.map(holdFromJson),
    counters: json.counters.map((row) => ({ ...row })),
    members: json.members.map(memberFromJson),
    entries: json.entries.map(entryFromJson),
  }
}

/** What write_batch takes, as JSON text. */
export function writesToJson(writes: Writes): string {
  return JSON.stringify(writes, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
}

export type { FactsJson, Json }
