import type { InTenantSnapshot, Snapshot } from '../database/snapshot.ts'
import type { Tenant } from '../database/tenant.ts'
import { NotFoundError } from '../foundation/errors.ts'
import { invariant } from '../foundation/invariant.ts'
import { Turnstile } from '../foundation/turnstile.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import type { Nano } from '../pricing/money.ts'
import {
  type Edge,
  type EntryGroup,
  MOVEMENTS,
  type MovementKind,
  readEntryGroups,
  readPeriodNumber,
  readPeriods,
  type StatedPeriod,
} from './statement-rows.ts'

/** Each reads through one of the few connections that the money path's reads share. */
const AT_ONCE = 1
/** Entries that one SQL statement sums: some tenths of a second, so that a period of any length is told in bounded steps. */
const ENTRIES_AT_ONCE = 50_000
const WAITING_MAX = 20

/**
 * All entries of one kind. `amount` is what moved, of `holds` what more is set aside than before; `available` and `held` are
 * what that did to them. Nano-units.
 */
export interface Movement {
  readonly kind: MovementKind
  readonly entries: number
  readonly amount: Nano
  readonly available: Nano
  readonly held: Nano
}

/** What jobs and features cost under one name: charged less reversed, in nano-units; null: under none. */
export interface Share {
  readonly name: string | null
  readonly quantity: number
  readonly amount: Nano
}

export interface Statement extends StatedPeriod {
  /** One for each kind, in a fixed order, also where nothing moved. */
  readonly movements: readonly Movement[]
  /** Each of the four comes to charges + features − reversals. */
  readonly shares: Readonly<Record<ShareOf, readonly Share[]>>
}

export const SHARES = ['component', 'agent', 'model', 'member'] as const
export type ShareOf = (typeof SHARES)[number]

/**
 * What moved in a billing period, from its opening to its closing balance, by the ledger alone: an entry belongs to the
 * period in which it was posted. So what is closed never changes. Only reads.
 */
export class StatementManager {
  readonly #inTenantSnapshot: InTenantSnapshot
  readonly #entriesAtOnce: number
  readonly #turnstile = new Turnstile({ atOnce: AT_ONCE, waitingMax: WAITING_MAX })

  constructor(inTenantSnapshot: InTenantSnapshot, entriesAtOnce = ENTRIES_AT_ONCE) {
    this.#inTenantSnapshot = inTenantSnapshot
    this.#entriesAtOnce = entriesAtOnce
  }

  /** The periods of an organisation, newest first, from below `before`. @throws NotFoundError */
  list(
    organizationId: string,
    { limit, before }: { readonly limit: number; readonly before: number | null },
  ): Promise<{ readonly periods: readonly StatedPeriod[]; readonly next: number | null }> {
    return this.#inTenantSnapshot(whole(organizationId), async (snapshot) => {
      const current = await currentPeriod(snapshot, organizationId)
      const newest = before === null ? current : Math.min(before - 1, current)
      const found = await readPeriods(snapshot, organizationId, newest, limit + 1)
      const periods = found.slice(0, limit)
      return { periods, next: found.length > limit ? (periods.at(-1)?.number ?? null) : null }
    })
  }

  /**
   * @param period its number, or the running one
   * @throws NotFoundError; UnavailableError where too many ask. An invariant error, where the entries do not lead from the
   *         opening to the closing balance, or the period before does not end where this one begins: that is never shown
   */
  statement(organizationId: string, period: number | 'current'): Promise<Statement> {
    return this.#turnstile.pass(() =>
      this.#inTenantSnapshot(whole(organizationId), async (snapshot) => {
        const number = period === 'current' ? await currentPeriod(snapshot, organizationId) : period
        const [stated, former] = await readPeriods(snapshot, organizationId, number, 2)
        if (stated?.number !== number) throw await missing(snapshot, organizationId)
        if (former) requireSame(former.closing, stated.opening, `period ${number} begins where ${former.number} ended`)
        return summed(stated, readEntryGroups(snapshot, stated, this.#entriesAtOnce))
      }),
    )
  }
}

/** Statements are the organisation's, not a member's: with some of its entries hidden no period would add up. */
const whole = (organizationId: string): Tenant => ({ organizationId, userId: null })

async function currentPeriod(snapshot: Snapshot, organizationId: string): Promise<number> {
  const number = await readPeriodNumber(snapshot, organizationId)
  if (number === null) throw unknownOrganization(organizationId)
  return number
}

async function missing(snapshot: Snapshot, organizationId: string): Promise<NotFoundError> {
  await currentPeriod(snapshot, organizationId)
  return new NotFoundError('This organisation has no such period; GET its statements for those that it has')
}

async function summed(period: StatedPeriod, groups: AsyncIterable<EntryGroup>): Promise<Statement> {
  const movements = new Map(MOVEMENTS.map((kind) => [kind, { kind, entries: 0, amount: 0n, available: 0n, held: 0n }]))
  const shares = { component: new Shares(), agent: new Shares(), model: new Shares(), member: new Shares() }
  for await (const group of groups) {
    const movement = movements.get(group.kind)
    invariant(movement, 'each kind of movement is listed')
    movement.entries += group.entries
    movement.amount += group.amount
    movement.available += group.available
    movement.held += group.held
    for (const of of SHARES) shares[of].add(group[of], group)
  }
  const moved = [...movements.values()]
  const holds = movements.get('holds')
  if (holds) holds.amount = holds.held
  requireSame(endOf(period.opening, moved), period.closing, `the entries of period ${period.number} lead to its end`)
  return {
    ...period,
    movements: moved,
    shares: {
      component: shares.component.sorted(),
      agent: shares.agent.sorted(),
      model: shares.model.sorted(),
      member: shares.member.sorted(),
    },
  }
}

function endOf({ seq, available, held }: Edge, movements: readonly Movement[]): Edge {
  return {
    seq: movements.reduce((sum, { entries }) => sum + entries, seq),
    available: movements.reduce((sum, movement) => sum + movement.available, available),
    held: movements.reduce((sum, movement) => sum + movement.held, held),
  }
}

function requireSame(one: Edge, other: Edge, what: string): void {
  invariant(one.seq === other.seq && one.available === other.available && one.held === other.held, what)
}

/** What was paid under each name. */
class Shares {
  readonly #sums = new Map<string | null, { quantity: number; amount: Nano }>()

  add(name: string | null, { kind, quantity, amount }: EntryGroup): void {
    if (kind !== 'charge' && kind !== 'feature' && kind !== 'reversal') return
    const sign = kind === 'reversal' ? -1 : 1
    const sum = this.#sums.get(name) ?? { quantity: 0, amount: 0n }
    this.#sums.set(name, { quantity: sum.quantity + sign * quantity, amount: sum.amount + BigInt(sign) * amount })
  }

  /** In the order of their names, what has none last: a statement reads the same whenever it is made. */
  sorted(): readonly Share[] {
    const shares = [...this.#sums].map(([name, sum]) => ({ name, ...sum }))
    return shares.sort((a, b) => (a.name === null ? 1 : b.name === null || a.name < b.name ? -1 : 1))
  }
}
