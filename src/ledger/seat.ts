import type { Nano } from '../pricing/money.ts'
import type { Book } from './book.ts'
import type { Asked, Calls, Verdicts } from './calls.ts'
import type { MemberRow, OrganizationRow } from './facts.ts'
import { businessKey } from './keys.ts'
import { unusedShare } from './period.ts'
import { seatPrice } from './seat-price.ts'

/** Adds a member: a seat that is paid and free costs nothing, a new one the rest of its period; unpaid, it waits. */
export function addMember(book: Book, call: Calls['add_member']): Verdicts['add_member'] {
  const organization = book.organization(call.organizationId)
  const { currency } = organization
  const known = book.team.member(call.organizationId, call.userId)
  if (known && known.state !== 'removed') {
    // The same operation again: its answer was lost with the connection.
    const kind = known.operation === call.operation ? 'added' : 'known'
    return { kind, member: shownMember(known, organization), currency }
  }
  if (organization.tariffVersionId === null) return { kind: 'no-tariff' }
  const limit = book.tariff(organization.tariffVersionId).maxTeamMembers
  // Who waits for money has a place in the limit, too: a seat that can never come must be refused now.
  const taken = organization.seatsUsed + book.team.pending(organization.id).length
  if (limit !== null && taken >= limit) return { kind: 'seat-limit', limit }
  const member: MemberRow = {
    organizationId: call.organizationId,
    userId: call.userId,
    role: call.role,
    state: 'pending_payment',
    operation: call.operation,
    charged: 0n,
    needed: null,
    missing: null,
    addedAt: book.now,
    spendingLimit: call.spendingLimit ?? null,
    // Whoever comes back has spent what they spent: leaving and returning renews no limit.
    committed: known?.committed ?? 0n,
    committedPeriod: known?.committedPeriod ?? null,
  }
  book.team.add(member)
  if (!takeSeat(book, organization, member)) organization.waiting = true
  return { kind: 'added', member: shownMember(member, organization), currency }
}

/** Gives a member another role or limit. What is asked for already stands is no change, and no error. */
export function changeMember(book: Book, call: Asked<'change_member'>): Verdicts['change_member'] {
  const organization = book.organization(call.organizationId)
  const member = book.team.member(call.organizationId, call.userId)
  if (!member || member.state === 'removed') return { kind: 'unknown' }
  const { role = member.role, spendingLimit = member.spendingLimit } = call
  const isDone = role === member.role && spendingLimit === member.spendingLimit
  // A repeated call finds its own work; nobody was faster.
  if (isStale(member, call) && !(call.repeated && isDone)) return { kind: 'stale' }
  if (role !== 'owner' && book.team.isLastOwner(member)) return { kind: 'last-owner' }
  if (!isDone) {
    if (isHigher(spendingLimit, member.spendingLimit)) book.wakeLater(organization)
    member.role = role
    member.spendingLimit = spendingLimit
    book.team.touch(member)
  }
  return { kind: 'changed', member: shownMember(member, organization), currency: organization.currency }
}

function isStale(member: MemberRow, { seen }: Calls['change_member']): boolean {
  if (seen === undefined) return false
  if (seen === null) return true
  const { role, state, spendingLimit } = seen
  return role !== member.role || state !== member.state || spendingLimit !== member.spendingLimit
}

function isHigher(limit: Nano | null, former: Nano | null): boolean {
  return former !== null && (limit === null || limit > former)
}

/** A copy, since what later calls of the batch do to the row is not this call's answer; without a figure of the past. */
export function shownMember(member: MemberRow, { periodStart }: OrganizationRow): MemberRow {
  return member.committedPeriod === periodStart ? { ...member } : { ...member, committed: 0n, committedPeriod: null }
}

/**
 * Removes a member; the paid seat stays free for somebody else until the period ends. An organisation that has an owner
 * keeps one.
 */
export function removeMember(book: Book, call: Asked<'remove_member'>): Verdicts['remove_member'] {
  const member = book.team.member(call.organizationId, call.userId)
  if (call.repeated && member?.state === 'removed') return { kind: 'removed' }
  if (!member || member.state === 'removed') return { kind: 'unknown' }
  if (book.team.isLastOwner(member)) return { kind: 'last-owner' }
  const organization = book.organization(call.organizationId)
  if (member.state === 'active') {
    organization.seatsUsed -= 1
    book.touchOrganization(organization)
    // The paid seat is free now: whoever waits for one may have it.
    book.wakeLater(organization)
  }
  member.state = 'removed'
  member.needed = null
  member.missing = null
  book.team.touch(member)
  return { kind: 'removed' }
}

/** Gives waiting members their seats, oldest first, as far as limit and money reach. Returns their user ids. */
export function activatePending(book: Book, organization: OrganizationRow): readonly string[] {
  if (organization.tariffVersionId === null) return []
  const limit = book.tariff(organization.tariffVersionId).maxTeamMembers
  return book.team.pending(organization.id).flatMap((member) => {
    if (limit !== null && organization.seatsUsed >= limit) return []
    return takeSeat(book, organization, member) ? [member.userId] : []
  })
}

function takeSeat(book: Book, organization: OrganizationRow, member: MemberRow): boolean {
  const paid = organization.seatsPaid > organization.seatsUsed
  const fee = paid ? 0n : seatFee(book, organization)
  const spendable = book.spendable(organization)
  if (fee > spendable || organization.status !== 'active') {
    member.needed = fee
    member.missing = fee > spendable ? fee - spendable : 0n
    book.team.touch(member)
    return false
  }
  if (fee > 0n) {
    const key = businessKey.seat(organization.id, member.operation)
    book.post(organization, {
      kind: 'seat_fee',
      debit: 'available',
      credit: 'revenue',
      amount: fee,
      key,
      reference: member.userId,
    })
  }
  if (!paid) organization.seatsPaid += 1
  organization.seatsUsed += 1
  book.touchOrganization(organization)
  member.state = 'active'
  member.charged = fee
  member.needed = null
  member.missing = null
  book.team.touch(member)
  return true
}

/** Price of one seat for what is left of the period, in nano-units. */
function seatFee(book: Book, organization: OrganizationRow): Nano {
  const period = { start: organization.periodStart, end: organization.periodEnd }
  return unusedShare(seatPrice(book, organization), period, book.now)
}
