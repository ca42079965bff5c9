import type { Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Book } from './book.ts'
import type { Asked, Verdicts } from './calls.ts'
import type { OrganizationRow } from './facts.ts'
import { businessKey } from './keys.ts'
import { periodAt, startOfDay, unusedShare } from './period.ts'
import type { PeriodEdge, PeriodRow } from './period-row.ts'
import { seatPrice } from './seat-price.ts'

const DAY_MS = 86_400_000

/**
 * Does what time brings, before any call of a batch is decided: one page for each boundary that was passed, with its own
 * fees, and the status that arrears have led to. Who looks first after midnight turns the page; however late that is, each
 * period is renewed once and costs what it would have cost in time.
 */
export function turnPages(book: Book, organization: OrganizationRow): void {
  while (book.now >= organization.periodEnd) {
    changePlan(book, organization, organization.periodEnd - 1)
    const boundary = organization.periodEnd
    judgeArrears(book, organization, boundary)
    const { start, end } = periodAt(organization.periodAnchor, boundary)
    changeVersion(book, organization)
    // Who is suspended owes no more than he did: nothing was sold to him.
    const owes = organization.status !== 'suspended'
    turnPage(book, organization, { start, end, dueAt: boundary, owes, credit: 0n })
    payArrears(book, organization)
  }
  changePlan(book, organization, book.now)
  judgeArrears(book, organization, book.now)
}

/** Pays what is owed as far as money reaches, and says what is left. */
export function renew(book: Book, call: Asked<'renew'>): Verdicts['renew'] {
  const organization = book.organization(call.organizationId)
  payArrears(book, organization)
  return { status: organization.status, owed: owedBy(organization) }
}

/**
 * Pays the fees that are owed, the oldest period's first and each whole or not at all. With the last of them the
 * organisation is active again; a suspended one begins a new subscription today.
 */
export function payArrears(book: Book, organization: OrganizationRow): void {
  if (organization.dueSince === null || organization.status === 'frozen') return
  for (const period of unpaid(organization)) {
    if (period.planFee + period.seatFee > book.spendable(organization) + period.credit) break
    payFees(book, organization, period)
  }
  noteArrears(book, organization)
  const wasSuspended = organization.status === 'suspended'
  if (organization.status === 'active' || !mayGoOn(book, organization)) return
  organization.status = 'active'
  noteArrears(book, organization)
  book.touchSubscription(organization)
  book.wakeAllLater(organization)
  if (wasSuspended) beginAgain(book, organization)
}

/** Whether what is still owed is within its grace; who was suspended pays all of it first. */
function mayGoOn(book: Book, organization: OrganizationRow): boolean {
  const [oldest] = unpaid(organization)
  if (!oldest) return true
  if (organization.status === 'suspended' || oldest.tariffVersionId === null) return false
  return book.now < oldest.dueAt + book.tariff(oldest.tariffVersionId).graceDays * DAY_MS
}

/** Nano-units of all periods whose fees are not paid. */
function owedBy(organization: OrganizationRow): Nano {
  return unpaid(organization).reduce((sum, { planFee, seatFee, credit }) => sum + planFee + seatFee - credit, 0n)
}

const unpaid = ({ periods }: OrganizationRow): readonly PeriodRow[] => periods.filter(({ paidAt }) => paidAt === null)

function payFees(book: Book, organization: OrganizationRow, period: PeriodRow): void {
  const { number, planFee, seatFee, seats, credit } = period
  const reference = new Date(period.start).toISOString().slice(0, 10)
  if (credit > 0n) {
    const key = businessKey.unusedFee(organization.id, number - 1)
    book.post(organization, { kind: 'reversal', debit: 'revenue', credit: 'available', amount: credit, key, reference })
  }
  const pay = (kind: 'plan_fee' | 'seat_fee', amount: Nano, key: string, what: string): void => {
    if (amount === 0n) return
    book.post(organization, { kind, debit: 'available', credit: 'revenue', amount, key, reference: what })
  }
  pay('plan_fee', planFee, businessKey.planFee(organization.id, number), reference)
  pay('seat_fee', seatFee, businessKey.periodSeats(organization.id, number), `${reference}, ${seats} seats`)
  period.paidAt = book.now
  book.touchPeriod(period)
}

interface Page {
  readonly start: number
  readonly end: number
  readonly dueAt: number
  /** Whether its fees are owed. */
  readonly owes: boolean
  readonly credit: Nano
}

/** Closes the running period where the ledger stands, and opens the next one there. */
function turnPage(book: Book, organization: OrganizationRow, { start, end, dueAt, owes, credit }: Page): void {
  const edge: PeriodEdge = { seq: organization.seq, available: organization.available, held: organization.held }
  const running = organization.periods.find(({ number }) => number === organization.periodNumber)
  if (running) {
    running.end = start
    running.closing = edge
    running.closedAt = book.now
    book.touchPeriod(running)
  }
  const tariff = tariffOf(book, organization)
  const seats = organization.seatsUsed
  const planFee = owes ? (tariff?.pricePerMonth ?? 0n) : 0n
  const seatFee = owes ? (tariff?.memberPrice ?? 0n) * BigInt(seats) : 0n
  const next: PeriodRow = {
    organizationId: organization.id,
    number: organization.periodNumber + 1,
    start,
    end,
    tariffVersionId: organization.tariffVersionId,
    planFee,
    seats,
    seatFee,
    credit,
    dueAt,
    paidAt: planFee + seatFee + credit === 0n ? dueAt : null,
    opening: edge,
    closing: null,
    closedAt: null,
  }
  book.touchPeriod(next)
  organization.periods = [...organization.periods.filter(({ paidAt }) => paidAt === null), next]
  organization.periodNumber = next.number
  organization.periodStart = start
  organization.periodEnd = end
  organization.seatsPaid = seats
  noteArrears(book, organization)
  book.touchSubscription(organization)
  // All included units are there again.
  book.wakeAllLater(organization)
}

/** A subscription that was suspended begins anew on the day on which its arrears were paid. */
function beginAgain(book: Book, organization: OrganizationRow): void {
  organization.periodAnchor = startOfDay(book.now)
  const page = periodAt(organization.periodAnchor, book.now)
  turnPage(book, organization, { ...page, dueAt: book.now, owes: true, credit: 0n })
  payArrears(book, organization)
  // Without any grace it may be past due at once: asked again, nothing is left to change.
  judgeArrears(book, organization, book.now)
}

/**
 * Goes over to another tariff at once. Another plan is a new subscription from that day on: what was paid for the rest of
 * the former one comes back with the new one's fees; of a fee that was not paid, the used share stays owed.
 */
function changePlan(book: Book, organization: OrganizationRow, now: number): void {
  const { nextTariffAt } = organization
  if (organization.nextTariffVersionId === null || nextTariffAt === null || now < nextTariffAt) return
  judgeArrears(book, organization, nextTariffAt)
  const former = tariffOf(book, organization)
  const formerSeat = seatPrice(book, organization)
  changeVersion(book, organization)
  const tariff = tariffOf(book, organization)
  if (!tariff || former?.planId === tariff.planId) return
  const running = organization.periods.find(({ number }) => number === organization.periodNumber)
  // Seats that were bought since it opened are paid, each for its own rest of it.
  const bought = BigInt(Math.max(0, organization.seatsPaid - (running?.seats ?? 0)))
  const credit = running
    ? leaveUnused(book, running, nextTariffAt) + unusedShare(formerSeat * bought, running, nextTariffAt)
    : 0n
  organization.periodAnchor = startOfDay(nextTariffAt)
  const page = periodAt(organization.periodAnchor, nextTariffAt)
  turnPage(book, organization, { ...page, dueAt: nextTariffAt, owes: true, credit })
  payArrears(book, organization)
}

/** What was paid for the rest of a period that ends now; where nothing was, the rest is not owed any more. */
function leaveUnused(book: Book, period: PeriodRow, at: number): Nano {
  const planRest = unusedShare(period.planFee, period, at)
  const seatRest = unusedShare(period.seatFee, period, at)
  if (period.paidAt !== null) return planRest + seatRest
  period.planFee -= planRest
  period.seatFee -= seatRest
  book.touchPeriod(period)
  return 0n
}

/** Goes over to the version that was chosen, unless the team has outgrown it meanwhile. */
function changeVersion(book: Book, organization: OrganizationRow): void {
  const { nextTariffVersionId } = organization
  if (nextTariffVersionId === null) return
  const { maxTeamMembers } = book.tariff(nextTariffVersionId)
  organization.nextTariffVersionId = null
  organization.nextTariffAt = null
  book.touchSubscription(organization)
  book.wakeAllLater(organization)
  if (maxTeamMembers === null || organization.seatsUsed <= maxTeamMembers) {
    organization.tariffVersionId = nextTariffVersionId
  }
}

/** What arrears have led to by a moment: past due when the grace is over, suspended some time after that. */
function judgeArrears(book: Book, organization: OrganizationRow, at: number): void {
  // Nothing ends by time while spending is frozen.
  if (organization.status === 'frozen') noteArrears(book, organization)
  for (;;) {
    const { status, statusUntil } = organization
    if (statusUntil === null || at < statusUntil) return
    organization.status = status === 'active' ? 'past_due' : 'suspended'
    noteArrears(book, organization)
    book.touchSubscription(organization)
  }
}

/** Since when something is owed, and until when that is without consequence. */
function noteArrears(book: Book, organization: OrganizationRow): void {
  const [oldest] = unpaid(organization)
  const dueSince = oldest?.dueAt ?? null
  const statusUntil = oldest ? statusEnd(book, organization, oldest) : null
  if (dueSince === organization.dueSince && statusUntil === organization.statusUntil) return
  organization.dueSince = dueSince
  organization.statusUntil = statusUntil
  // A payment, and money that comes back from a hold, goes to the arrears first.
  if (dueSince !== null) organization.waiting = true
  book.touchSubscription(organization)
}

function statusEnd(book: Book, organization: OrganizationRow, { tariffVersionId, dueAt }: PeriodRow): number | null {
  if (tariffVersionId === null || organization.status === 'suspended' || organization.status === 'frozen') return null
  const { graceDays, suspendAfterDays } = book.tariff(tariffVersionId)
  const days = organization.status === 'active' ? graceDays : graceDays + suspendAfterDays
  return dueAt + days * DAY_MS
}

function tariffOf(book: Book, { tariffVersionId }: OrganizationRow): Tariff | null {
  return tariffVersionId === null ? null : book.tariff(tariffVersionId)
}
