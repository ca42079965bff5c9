import type pg from 'pg'
import { TollkeeperError } from '../../foundation/errors.ts'
import { judgeSubmissions, type SubmitFacts } from '../../ledger/submit.ts'
import { plain, quoted } from '../money/array-literal.ts'
import { allOf, ask, type Cells, statement } from '../money/statements.ts'
import { faultOf, mayBeStored, UnansweredCommit } from '../retry.ts'
import { type NewJobRows, storingStatements, type TimedRows } from './new-job-rows.ts'

/** A job that waits to be stored. */
export interface SubmitCall {
  readonly kind: 'submit'
  readonly organizationId: string
  readonly rows: NewJobRows
  /** Whether an earlier try may have stored it. */
  readonly repeated?: boolean
}

/** `created`: stored now, by whichever try; `known`: the key had stored that job before. */
export type SubmitVerdict =
  | { readonly kind: 'created'; readonly createdAt: number; readonly currency: string }
  | { readonly kind: 'known'; readonly jobId: string }

const LOCK_KEYS = statement('lock-submit-keys')
const READ = statement('read-submitted')

/** Names a key in the one space of advisory locks. */
export const keyLock = (organizationId: string, key: string): string => `submit ${organizationId} ${key}`

/**
 * Stores new jobs in one transaction of two round trips: it locks keys and reads what the jobs name, judges each, and writes
 * those that may be. The verdicts come in the order of the calls; an Error is one caller's own.
 * @throws UnansweredCommit when all of it may have been stored; whatever PostgreSQL throws when nothing was
 */
export async function submitTransaction(
  pool: pg.Pool,
  calls: readonly SubmitCall[],
): Promise<readonly (SubmitVerdict | Error)[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    return await storeOn(client, calls)
  } catch (error) {
    if (faultOf(error) === 'unavailable') broken = error as Error
    throw error
  } finally {
    client.release(broken)
  }
}

async function storeOn(
  client: pg.ClientBase,
  calls: readonly SubmitCall[],
): Promise<readonly (SubmitVerdict | Error)[]> {
  const read = await lockAndRead(client, calls)
  const { verdicts, created } = decide(calls, read)
  try {
    const asked = storingStatements(created).map(([statement, values]) => ask(client, statement, values))
    // Behind a write that failed this rolls back.
    await allOf([...asked, client.query('commit')])
  } catch (error) {
    throw mayBeStored(error) ? new UnansweredCommit(error as Error) : error
  }
  return verdicts
}

async function lockAndRead(client: pg.ClientBase, calls: readonly SubmitCall[]): Promise<readonly Cells[]> {
  const keys = calls.flatMap(({ rows: { organizationId, key } }) => (key === null ? [] : keyLock(organizationId, key)))
  try {
    const begun = client.query('begin')
    const locked = keys.length > 0 ? ask(client, LOCK_KEYS, [quoted(keys, (key) => key)]) : undefined
    const read = ask(client, READ, [
      quoted(calls, ({ rows }) => rows.organizationId),
      quoted(calls, ({ rows }) => rows.userId),
      quoted(calls, ({ rows }) => rows.key),
      plain(calls, ({ repeated, rows }) => (repeated ? rows.id : null)),
    ])
    const [, , rows] = await allOf([begun, Promise.resolve(locked), read])
    return rows
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** What becomes of each, and which of them are to be written. */
function decide(calls: readonly SubmitCall[], read: readonly Cells[]) {
  const asked = calls.map(({ rows }, index) => ({ ...rows, facts: factsFrom(read[index] ?? []) }))
  const created: TimedRows[] = []
  const verdicts = judgeSubmissions(asked).map((judged, index): SubmitVerdict | Error => {
    const { rows, repeated } = calls[index] as SubmitCall
    const [now, currency, , , , , storedAt] = read[index] ?? []
    if (repeated && storedAt != null) return { kind: 'created', createdAt: Number(storedAt), currency: currency ?? '' }
    if (judged instanceof TollkeeperError || judged.kind === 'known') return judged
    const createdAt = rows.givenTime ?? Number(now)
    created.push({ rows, createdAt })
    return { kind: 'created', createdAt, currency: judged.currency }
  })
  return { verdicts, created }
}

function factsFrom([, currency, hasTariff, member, knownId, knownHash]: Cells): SubmitFacts {
  return {
    organization: currency == null ? null : { currency, hasTariff: hasTariff === 't' },
    member: member ?? null,
    known: knownId == null ? null : { jobId: knownId, hash: knownHash ?? null },
  }
}
