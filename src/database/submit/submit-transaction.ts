import type pg from 'pg'
import { TollkeeperError } from '../../foundation/errors.ts'
import { judgeSubmissions, type SubmitFacts } from '../../ledger/submit.ts'
import { plain, quoted } from '../money/array-literal.ts'
import { allOf, ask, type Cells, statement } from '../money/statements.ts'
import { faultOf, mayBeStored, OutdatedFacts, UnansweredCommit } from '../retry.ts'
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
/**
 * Planned anew each time: a plan from the days of an empty table may go through all jobs of an organisation, and nobody's
 * statistics say so before a thousand are stored.
 */
const READ_KEYS = { ...statement('read-submit-keys'), name: '' }

/** What a row violates that is stored already. */
const TAKEN = new Set(['jobs_pkey', 'jobs_submit_key_unique'])

/** Names a key in the one space of advisory locks. */
export const keyLock = (organizationId: string, key: string): string => `submit ${organizationId} ${key}`

/**
 * Stores new jobs in one transaction of two round trips: it locks keys and reads what the jobs name, judges each, and writes
 * those that may be. The verdicts come in the order of the calls; an Error is one caller's own.
 * @param sent is called when another transaction may begin beside this one
 * @throws UnansweredCommit when all of it may have been stored; whatever PostgreSQL throws when nothing was
 */
export async function submitTransaction(
  pool: pg.Pool,
  calls: readonly SubmitCall[],
  sent: () => void,
): Promise<readonly (SubmitVerdict | Error)[]> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    return await storeOn(client, calls, sent)
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
  sent: () => void,
): Promise<readonly (SubmitVerdict | Error)[]> {
  const read = await lockAndRead(client, calls)
  const { verdicts, created } = decide(calls, read)
  try {
    const asked: Promise<unknown>[] = storingStatements(created).map(([statement, values]) =>
      ask(client, statement, values),
    )
    // Behind a write that failed this rolls back.
    asked.push(client.query('commit'))
    sent()
    await allOf(asked)
  } catch (error) {
    if (mayBeStored(error)) throw new UnansweredCommit(error as Error)
    // Somebody's COMMIT came between, such as that of an earlier try whose connection was lost: it is read again.
    throw TAKEN.has((error as { constraint?: string }).constraint ?? '') ? new OutdatedFacts(error) : error
  }
  return verdicts
}

/** What was read of one call. */
interface Read {
  readonly facts: SubmitFacts
  /** Epoch milliseconds of the transaction. */
  readonly now: number
  /** When an earlier try of this very call stored it, if one did. */
  readonly storedAt: number | null
}

async function lockAndRead(client: pg.ClientBase, calls: readonly SubmitCall[]): Promise<readonly Read[]> {
  const keyed = calls.flatMap(({ rows: { organizationId, key } }) => (key === null ? [] : [{ organizationId, key }]))
  try {
    const begun = client.query('begin')
    const locked = keyed.length > 0 ? askForKeys(client, keyed) : Promise.resolve([])
    const read = ask(client, READ, [
      quoted(calls, ({ rows }) => rows.organizationId),
      quoted(calls, ({ rows }) => rows.userId),
      plain(calls, ({ repeated, rows }) => (repeated ? rows.id : null)),
    ])
    const [, known, rows] = await allOf<[unknown, readonly Cells[], readonly Cells[]]>([begun, locked, read])
    const ofKeys = known.values()
    return calls.map(({ rows: { key } }, index) => {
      return readFrom(rows[index] ?? [], key === null ? [] : (ofKeys.next().value ?? []))
    })
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** Waits for whoever submits one of these keys at this moment, then looks: the second statement sees what he stored. */
async function askForKeys(
  client: pg.ClientBase,
  keyed: readonly { readonly organizationId: string; readonly key: string }[],
): Promise<readonly Cells[]> {
  const locks = ask(client, LOCK_KEYS, [quoted(keyed, ({ organizationId, key }) => keyLock(organizationId, key))])
  const found = ask(client, READ_KEYS, [
    quoted(keyed, ({ organizationId }) => organizationId),
    quoted(keyed, ({ key }) => key),
  ])
  const [, rows] = await allOf([locks, found])
  return rows
}

/** What becomes of each, and which of them are to be written. */
function decide(calls: readonly SubmitCall[], read: readonly Read[]) {
  const asked = calls.map(({ rows }, index) => ({ ...rows, facts: (read[index] as Read).facts }))
  const created: TimedRows[] = []
  const verdicts = judgeSubmissions(asked).map((judged, index): SubmitVerdict | Error => {
    const { rows } = calls[index] as SubmitCall
    const { now, storedAt, facts } = read[index] as Read
    if (storedAt !== null && facts.organization) {
      return { kind: 'created', createdAt: storedAt, currency: facts.organization.currency }
    }
    if (judged instanceof TollkeeperError || judged.kind === 'known') return judged
    const createdAt = rows.givenTime ?? now
    created.push({ rows, createdAt })
    return { kind: 'created', createdAt, currency: judged.currency }
  })
  return { verdicts, created }
}

function readFrom([now, currency, hasTariff, member, storedAt]: Cells, [knownId, knownHash]: Cells): Read {
  return {
    now: Number(now),
    storedAt: storedAt == null ? null : Number(storedAt),
    facts: {
      organization: currency == null ? null : { currency, hasTariff: hasTariff === 't' },
      member: member ?? null,
      known: knownId == null ? null : { jobId: knownId, hash: knownHash ?? null },
    },
  }
}
