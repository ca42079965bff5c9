import type { EntityManager } from '@mikro-orm/postgresql'
import type { BalanceReader } from '../database/balance-reader.ts'
import { ConflictError, TollkeeperError, ValidationError } from '../foundation/errors.ts'
import type { Answered, Calls, Delivery, Funding, Standing, Verdicts } from '../ledger/calls.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Balance, FundingResult } from './balance-view.ts'
import { balanceToJson, fundingToJson } from './contract-json.ts'
import { type LedgerPart, type LedgerQuestion, readLedger } from './ledger-entries.ts'
import { answered, type MandatedMoney, type Order } from './mandated-money.ts'

interface TopUp {
  readonly amount: Nano
  readonly reference: string
  readonly note: string | null
}

interface Adjustment extends TopUp {
  readonly direction: 'credit' | 'debit'
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
  readonly #money: MandatedMoney
  readonly #enqueue: (resumed: readonly Delivery[]) => Promise<void>
  readonly #reader: Pick<BalanceReader, 'read'>

  /** @param enqueue puts the jobs that a payment resumed into the queue, after COMMIT; the sweep repairs its loss */
  constructor(
    money: MandatedMoney,
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
   * @param order on whose word, and how it is answered there; by default this program's own
   * @returns what it did; to whoever ordered it the answer, given now or under the same key before
   * @throws NotFoundError, ConflictError `reference-conflict` where the reference paid another amount before
   */
  topUp(organizationId: string, topUp: TopUp, order: Order<FundingResult>): Promise<Answered>
  topUp(organizationId: string, topUp: TopUp): Promise<FundingResult>
  topUp(organizationId: string, { amount, reference, note }: TopUp, order?: Order<FundingResult>) {
    return this.#fund('top_up', 'top-up.create', { organizationId, amount, reference, note }, order)
  }

  /**
   * Corrects a balance by hand, once per reference; ordered and answered as a top-up is.
   * @throws NotFoundError, ConflictError `reference-conflict`, TollkeeperError 402 `insufficient-balance`
   */
  adjust(organizationId: string, adjustment: Adjustment, order: Order<FundingResult>): Promise<Answered>
  adjust(organizationId: string, adjustment: Adjustment): Promise<FundingResult>
  adjust(organizationId: string, adjustment: Adjustment, order?: Order<FundingResult>) {
    return this.#fund('adjust', 'adjustment.create', { organizationId, ...adjustment }, order)
  }

  /** A part of the ledger of an organisation in the order of `seq`. @throws NotFoundError */
  ledger(em: EntityManager, organizationId: string, question: LedgerQuestion): Promise<LedgerPart> {
    return readLedger(em, organizationId, question)
  }

  async #fund<K extends 'top_up' | 'adjust'>(
    kind: K,
    action: string,
    call: Calls[K],
    order: Order<FundingResult> | undefined,
  ): Promise<FundingResult | Answered> {
    const { organizationId, reference } = call
    const result = (verdict: FundingVerdict): FundingResult | undefined =>
      verdict.kind === 'funded' ? fundingResult(organizationId, reference, verdict) : undefined
    const record = (funding: FundingResult, before: Standing) => ({
      action,
      organizationId,
      target: reference,
      before: balanceToJson({ organizationId, ...before.balance }),
      after: fundingToJson(funding),
    })
    const verdict: FundingVerdict | Answered = await this.#money.carryOut({ kind, call, result, record }, order)
    if (verdict.kind === 'answered') return verdict
    if (verdict.kind !== 'funded') throw refusalOf(verdict, reference)
    if (verdict.resumed.length > 0 && !order?.mandate.dryRun) await this.#enqueue(verdict.resumed)
    return answered(fundingResult(organizationId, reference, verdict), order)
  }
}

type FundingVerdict = Verdicts['top_up' | 'adjust']

function fundingResult(
  organizationId: string,
  reference: string,
  { replayed, entryId, seq, amount, details, createdAt }: Extract<Funding, { kind: 'funded' }>,
): FundingResult {
  const { note, direction, resumedJobs, activatedMembers } = details
  const balance = { organizationId, ...details.balance }
  const { currency } = balance
  const answer = { organizationId, entryId, seq, amount, currency, reference, direction, note, balance }
  return { replayed, ...answer, createdAt: new Date(createdAt), resumedJobs, activatedMembers }
}

function refusalOf(verdict: Exclude<FundingVerdict, { kind: 'funded' }>, reference: string): TollkeeperError {
  switch (verdict.kind) {
    case 'refused': {
      const available = formatAmount(verdict.available)
      return new TollkeeperError('insufficient-balance', 402, `Only ${available} is available; take no more than that`)
    }
    case 'conflict': {
      const detail = `"${reference}" was used for ${formatAmount(verdict.amount)} before; use another reference for another payment`
      return new ConflictError('reference-conflict', detail)
    }
    case 'too-much':
      return ValidationError.of(
        '/amount',
        'out-of-range',
        'The balance would grow beyond what can be stored; pay in less',
      )
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
