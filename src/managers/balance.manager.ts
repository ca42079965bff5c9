import type { EntityManager } from '@mikro-orm/postgresql'
import type { BalanceReader } from '../database/balance-reader.ts'
import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, TollkeeperError, ValidationError } from '../foundation/errors.ts'
import type { Delivery, Funding } from '../ledger/calls.ts'
import type { BalanceView } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { LedgerEntry } from '../models/ledger-entry.model.ts'
import { Organization } from '../models/organization.model.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'

/** What an organisation has, in nano-units of its currency, as of ledger entry `asOfSeq`. */
export interface Balance extends BalanceView {
  readonly organizationId: string
}

/** What a top-up or an adjustment did; a replay of the same reference answers the same. */
export interface FundingResult {
  readonly replayed: boolean
  readonly organizationId: string
  readonly currency: string
  readonly entryId: string
  readonly seq: number
  readonly amount: Nano
  readonly reference: string
  readonly direction: 'credit' | 'debit' | null
  readonly note: string | null
  readonly resumedJobs: readonly string[]
  readonly activatedMembers: readonly string[]
  readonly balance: Balance
  readonly createdAt: Date
}

interface TopUp {
  readonly amount: Nano
  readonly reference: string
  readonly note: string | null
}

const BALANCE = `
select o.id as "organizationId", o.currency, b.available::text, b.held::text, b.overdraft_limit::text as "overdraftLimit",
  b.seats_used as "seatsUsed", b.seats_paid as "seatsPaid", v.max_team_members as "maxTeamMembers",
  (select count(*)::int from tollkeeper.jobs j
    where j.organization_id = o.id and j.state = 'rejected_for_balance') as parked, b.seq::int8 as "asOfSeq"
from tollkeeper.organizations o
join tollkeeper.organization_balances b on b.organization_id = o.id
left join tollkeeper.tariff_versions v on v.id = o.tariff_version_id
where o.id in (?)`

/** Money in and out by hand, and what is there. */
export class BalanceManager {
  readonly #money: MoneyPath
  readonly #enqueue: (resumed: readonly Delivery[]) => Promise<void>
  readonly #reader: Pick<BalanceReader, 'read'>

  /** @param enqueue puts the jobs that a payment resumed into the queue, after COMMIT; the sweep repairs its loss */
  constructor(
    money: MoneyPath,
    enqueue: (resumed: readonly Delivery[]) => Promise<void>,
    reader: Pick<BalanceReader, 'read'>,
  ) {
    this.#money = money
    this.#enqueue = enqueue
    this.#reader = reader
  }

  /** What an organisation has now, read together with what others ask for at the same moment. @throws NotFoundError */
  async present(organizationId: string): Promise<Balance> {
    const balance = await this.#reader.read(organizationId)
    if (!balance) throw unknownOrganization(organizationId)
    return { organizationId, ...balance }
  }

  /** @throws NotFoundError */
  async balance(em: EntityManager, organizationId: string): Promise<Balance> {
    const balance = (await this.balances(em, [organizationId])).get(organizationId)
    if (!balance) throw unknownOrganization(organizationId)
    return balance
  }

  /** The balances of those of the organisations that exist, by id. */
  async balances(em: EntityManager, organizationIds: readonly string[]): Promise<ReadonlyMap<string, Balance>> {
    const rows = await em.execute<Record<keyof Balance, string | number | null>[]>(BALANCE, [[...organizationIds]])
    return new Map(rows.map((row) => [String(row.organizationId), toBalance(row)] as const))
  }

  /**
   * Puts money in, once per reference, and resumes what waits for it: pending seats first, then parked jobs.
   * @throws NotFoundError, ConflictError `reference-conflict` where the reference paid another amount before
   */
  async topUp(organizationId: string, { amount, reference, note }: TopUp): Promise<FundingResult> {
    const verdict = await this.#money.decide('top_up', { organizationId, amount, reference, note })
    return this.#finish(organizationId, reference, verdict)
  }

  /**
   * Corrects a balance by hand, once per reference.
   * @throws NotFoundError, ConflictError `reference-conflict`, TollkeeperError 402 `insufficient-balance`
   */
  async adjust(
    organizationId: string,
    adjustment: TopUp & { readonly direction: 'credit' | 'debit' },
  ): Promise<FundingResult> {
    const verdict = await this.#money.decide('adjust', { organizationId, ...adjustment })
    if (verdict.kind === 'refused') {
      const available = formatAmount(verdict.available)
      throw new TollkeeperError('insufficient-balance', 402, `Only ${available} is available; take no more than that`)
    }
    return this.#finish(organizationId, adjustment.reference, verdict)
  }

  /** The ledger of an organisation in the order of `seq`, from behind `after`. */
  async ledger(
    em: EntityManager,
    organizationId: string,
    { limit, after }: { readonly limit: number; readonly after: number | null },
  ): Promise<{ readonly entries: readonly LedgerEntry[]; readonly next: number | null }> {
    if (!(await em.count(Organization, { id: organizationId }))) throw unknownOrganization(organizationId)
    const found = await em.find(
      LedgerEntry,
      { organizationId, ...(after === null ? {} : { seq: { $gt: after } }) },
      { orderBy: { seq: 'asc' }, limit: limit + 1 },
    )
    const entries = found.slice(0, limit)
    return { entries, next: found.length > limit ? (entries.at(-1)?.seq ?? null) : null }
  }

  async #finish(organizationId: string, reference: string, verdict: Funding): Promise<FundingResult> {
    if (verdict.kind === 'too-much') {
      throw ValidationError.of(
        '/amount',
        'out-of-range',
        'The balance would grow beyond what can be stored; pay in less',
      )
    }
    if (verdict.kind === 'conflict') {
      throw new ConflictError(
        'reference-conflict',
        `"${reference}" was used for ${formatAmount(verdict.amount)} before; use another reference for another payment`,
      )
    }
    if (verdict.resumed.length > 0) await this.#enqueue(verdict.resumed)
    const { replayed, entryId, seq, amount, details } = verdict
    const { note, direction, resumedJobs, activatedMembers } = details
    const balance = { organizationId, ...details.balance }
    const createdAt = new Date(verdict.createdAt)
    const { currency } = balance
    const answer = { organizationId, entryId, seq, amount, currency, reference, direction, note, balance, createdAt }
    return { replayed, ...answer, resumedJobs, activatedMembers }
  }
}

function toBalance(row: Record<keyof Balance, string | number | null>): Balance {
  return {
    organizationId: String(row.organizationId),
    currency: String(row.currency),
    available: BigInt(row.available ?? 0),
    held: BigInt(row.held ?? 0),
    overdraftLimit: BigInt(row.overdraftLimit ?? 0),
    seatsUsed: Number(row.seatsUsed),
    seatsPaid: Number(row.seatsPaid),
    maxTeamMembers: row.maxTeamMembers === null ? null : Number(row.maxTeamMembers),
    parked: Number(row.parked),
    asOfSeq: Number(row.asOfSeq),
  }
}
