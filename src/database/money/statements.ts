import { readFileSync } from 'node:fs'
import type pg from 'pg'

/** A value as PostgreSQL sends it; whoever asks knows what it means. */
export type Cell = string | null
export type Cells = readonly Cell[]

/** A prepared statement of src/database/sql. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** Rows are taken apart by our own decoders: the driver's would make a Date or an object of what we want as a number. */
const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig

export function statement(name: string): Statement {
  return { name, text: readFileSync(new URL(`../sql/${name}.sql`, import.meta.url), 'utf8') }
}

/** The statements of a money transaction: one to lock, some to read what the calls name, some to write what changed. */
export const STATEMENTS = {
  lockBalances: statement('lock-balances'),
  lockKnown: statement('lock-known'),
  readParked: statement('read-parked'),
  readOrganizations: statement('read-organizations'),
  readJobs: statement('read-jobs'),
  readStages: statement('read-stages'),
  readLines: statement('read-lines'),
  readBounds: statement('read-bounds'),
  readCounters: statement('read-counters'),
  readMembers: statement('read-members'),
  readEntries: statement('read-entries'),
  readFeatureCharges: statement('read-feature-charges'),
  readAnswers: statement('read-answers'),
  writeBalances: statement('write-balances'),
  writeSubscriptions: statement('write-subscriptions'),
  writePeriods: statement('write-periods'),
  writeJobs: statement('write-jobs'),
  writeStages: statement('write-stages'),
  openHolds: statement('open-holds'),
  writeHolds: statement('write-holds'),
  writeCounters: statement('write-counters'),
  writeMembers: statement('write-members'),
  writeEntries: statement('write-entries'),
  writeCharges: statement('write-charges'),
  writeAbsorbed: statement('write-absorbed'),
  writeThresholds: statement('write-thresholds'),
  removeThresholds: statement('remove-thresholds'),
  raiseAlerts: statement('raise-alerts'),
  clearAlerts: statement('clear-alerts'),
  writeFeatureCharges: statement('write-feature-charges'),
  writeAnswers: statement('write-answers'),
  notify: statement('notify'),
  writeAudit: statement('write-audit'),
} as const

/** Sends a statement without waiting for those before it: the connection is a pipeline. */
export async function ask(
  client: pg.ClientBase | pg.Pool,
  { name, text }: Statement,
  values: readonly Cell[],
): Promise<readonly Cells[]> {
  const config = { name, text, values: values as Cell[], rowMode: 'array' as const, types: AS_TEXT }
  const { rows } = await client.query<Cell[]>(config)
  return rows
}

/** Waits for all, also after one has failed: the connection must be at rest before it is used for anything else. */
export async function allOf<T extends readonly unknown[]>(
  asked: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const outcomes: readonly PromiseSettledResult<unknown>[] = await Promise.allSettled(asked)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value) as unknown as T
}
