import type pg from 'pg'
import { failpoint, isArmed } from '../../foundation/failpoint.ts'
import { newId } from '../../foundation/ids.ts'
import type { Call, Outcome } from '../../ledger/calls.ts'
import type { Facts, Writes } from '../../ledger/facts.ts'
import { fold } from '../../ledger/fold.ts'
import type { Tariff } from '../../pricing/tariff.ts'
import { errorCode, mayBeStored, OutdatedFacts, UnansweredCommit } from '../retry.ts'
import { listOf } from './array-literal.ts'
import type { GivenTime } from './database-clock.ts'
import { arePrepared, storeTogether } from './implicit-transaction.ts'
import type { Memory, Stamps } from './memory.ts'
import { type NamedRows, namedRows } from './named-rows.ts'
import { readFacts } from './read-facts.ts'
import { allOf, ask, STATEMENTS } from './statements.ts'
import type { TariffCache } from './tariff-cache.ts'
import { type Prepared, writingStatements } from './write-rows.ts'

export type Verdicts = readonly (Outcome | Error)[]

/** The SQLSTATE of `refuse_outdated`; its detail lists the organisations that have changed. */
const CHANGED = 'TK001'

/** What transactions share. */
export interface Deciding {
  readonly tariffs: TariffCache
  readonly memory: Memory
  /** Told of the jobs whose state changed, behind the COMMIT. */
  readonly announce: (jobIds: readonly string[]) => void
  /** Told of all that was stored, behind the COMMIT. */
  readonly tell: (writes: Writes) => void
  readonly time: GivenTime
}

/** Where a transaction is sent, among others. */
export interface Place {
  /** A connection that pipelines what it is asked. */
  readonly client: pg.ClientBase
  /** Called when another transaction may be sent behind this one. */
  readonly sent: () => void
  /** Whether what was ahead has failed, once it has ended: what was read behind it is not what its calls should meet. */
  readonly isOvertaken: () => Promise<boolean>
}

/**
 * One transaction of the money path. Where the rows that its calls name are remembered, it is decided first, and all of it
 * travels in one round trip; else it locks and reads, folds, and writes, in two. The verdicts come in the order of the calls.
 * @throws UnansweredCommit when all of it may have been stored; OutdatedFacts or whatever PostgreSQL throws when nothing
 *   was. Either way every call may be made again
 */
export async function moneyTransaction(place: Place, deciding: Deciding, calls: readonly Call[]): Promise<Verdicts> {
  const { tariffs, memory } = deciding
  const named = namedRows(calls)
  failpoint('money.before-begin')
  try {
    const known = memory.recall(named)
    const prices = known && tariffs.loaded(versionsOf(known.facts))
    if (!known || !prices) return await readAndDecide(place, deciding, named, calls)
    return await decideKnown(place, deciding, { ...known, prices }, calls)
  } catch (error) {
    memory.forget(named.organizations)
    throw error
  }
}

interface Known {
  readonly facts: Facts
  readonly stamps: Stamps
  readonly prices: ReadonlyMap<string, Tariff>
}

/** Whatever goes wrong with a guess is tried again without one, unless it may have been stored. */
async function decideKnown(
  place: Place,
  { memory, announce, tell, time }: Deciding,
  { facts, stamps, prices }: Known,
  calls: readonly Call[],
): Promise<Verdicts> {
  try {
    const { verdicts, writes } = fold(facts, prices, calls)
    const stamp = newId()
    const prepared = writingStatements(writes, facts.organizations, stamp)
    memory.keep(facts, writes, prepared.length > 0 ? stampEach(facts, stamp) : stamps)
    const known = [
      listOf(stamps.keys()),
      JSON.stringify(Object.fromEntries(stamps)),
      time() === null ? `${facts.now}` : null,
    ]
    await storeKnown(place, [[STATEMENTS.lockKnown, known], ...prepared])
    memory.confirm(stamps.keys())
    announce(writes.changed)
    tell(writes)
    return verdicts
  } catch (error) {
    if (error instanceof UnansweredCommit) throw error
    // Behind a failed one it was decided on what never came to be: that is nobody else's doing.
    if (errorCode(error) === CHANGED && !(await place.isOvertaken())) memory.doubt(changedOnes(error))
    throw new OutdatedFacts(error)
  }
}

async function readAndDecide(
  place: Place,
  { tariffs, memory, announce, tell, time }: Deciding,
  named: NamedRows,
  calls: readonly Call[],
): Promise<Verdicts> {
  const { client } = place
  let committing = false
  try {
    const { facts, stamps } = await readFacts(client, named, time)
    if (await place.isOvertaken()) throw new OutdatedFacts(new Error('The transaction ahead of this one failed'))
    memory.see(facts, stamps)
    const { verdicts, writes } = fold(facts, await tariffs.load(client, versionsOf(facts)), calls)
    const stamp = newId()
    const prepared = writingStatements(writes, facts.organizations, stamp)
    memory.keep(facts, writes, prepared.length > 0 ? stampEach(facts, stamp) : stamps)
    committing = true
    await storeAndCommit(place, [], prepared)
    announce(writes.changed)
    tell(writes)
    return verdicts
  } catch (error) {
    // Whoever comes next on this connection waits for it; if it is lost, he hears so himself.
    if (!committing) await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** A whole transaction in one round trip. What the server does not know yet it learns by statements of their own. */
function storeKnown(place: Place, statements: readonly Prepared[]): Promise<void> {
  const { client, sent } = place
  if (isArmed('money.in-transaction') || !arePrepared(client, statements)) {
    return storeAndCommit(place, [client.query('begin')], statements)
  }
  return untilStored(async () => {
    const stored = storeTogether(client, statements)
    sent()
    await stored
  })
}

/** Sends all writes and COMMIT behind whatever was asked before, in one breath. */
function storeAndCommit(
  { client, sent }: Place,
  before: readonly Promise<unknown>[],
  prepared: readonly Prepared[],
): Promise<void> {
  return untilStored(async () => {
    const asked = [...before, ...prepared.map(([statement, values]) => ask(client, statement, values))]
    if (isArmed('money.in-transaction')) await standStill(client, asked)
    const committed = client.query('commit')
    sent()
    await allOf([...asked, committed])
  })
}

/** @throws UnansweredCommit where it may have been stored */
async function untilStored(store: () => Promise<void>): Promise<void> {
  try {
    await store()
    failpoint('money.after-commit')
  } catch (error) {
    throw mayBeStored(error) ? new UnansweredCommit(error as Error) : error
  }
}

/** The place between the writes and COMMIT; whoever fails there leaves no open transaction behind. */
async function standStill(client: pg.ClientBase, asked: readonly Promise<unknown>[]): Promise<void> {
  try {
    await allOf(asked)
    failpoint('money.in-transaction')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

const stampEach = ({ organizations }: Facts, stamp: string): Stamps =>
  new Map(organizations.map(({ id }) => [id, stamp]))

/** The tariff versions that rows may be decided by. */
export function versionsOf({ organizations, jobs, featureCharges }: Facts): readonly string[] {
  const periods = organizations.flatMap((organization) => organization.periods)
  const next = organizations.map(({ nextTariffVersionId }) => ({ tariffVersionId: nextTariffVersionId }))
  const pinned = [...organizations, ...next, ...periods, ...jobs, ...featureCharges]
  return pinned.flatMap(({ tariffVersionId }) => tariffVersionId ?? [])
}

function changedOnes(error: unknown): readonly string[] {
  const { detail } = error as { detail?: string }
  return detail === undefined ? [] : (JSON.parse(detail) as readonly string[])
}
