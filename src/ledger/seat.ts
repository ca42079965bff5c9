import { divideHalfUp, type Nano } from '../pricing/money.ts'
import type { Book } from './book.ts'
import type { Asked, Calls, Verdicts } from './calls.ts'
import type { MemberRow, OrganizationRow } from './facts.ts'
import { businessKey } from './keys.ts'
import { seatPrice } from './seat-price.ts'

/** Adds a member: a seat that is paid and free costs nothing, a new one the rest of its period; unpaid, it waits. */
export function addMember(book: Book, call: Calls['add_member']): Verdicts['add_member'] {
  const organization = book.organization(call.organizationId)
  const { currency } = organization
  const known = book.member(call.organizationId, call.userId)
  if (known && known.state !== 'removed') {
    // The same operation again: its answer was lost with the connection.
    const kind = known.operation === call.operation ? 'added' : 'known'
    return { kind, member: { ...known }, currency }
  }
  if (organization.tariffVersionId === null) return { kind: 'no-tariff' }
  const limit = book.tariff(organization.tariffVersionId).maxTeamMembers
  // Who waits for money has a place in the limit, too: a seat that can never come must be refused now.
  const taken = organization.seatsUsed + book.pendingMembers(organization.id).length
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
  }
  book.addMember(member)
  if (!takeSeat(book, organization, member)) organization.waiting = true
  // A copy: what later calls of the batch do to the row is not this call's answer.
  return { kind: 'added', member: { ...member }, currency }
}

/** Removes a member; the paid seat stays free for somebody else until the period ends. */
export function removeMember(book: Book, call: Asked<'remove_member'>): Verdicts['remove_member'] {
  const member = book.member(call.organizationId, call.userId)
  if (call.repeated && member?.state === 'removed') return { kind: 'removed' }
  if (!member || member.state === 'removed') return { kind: 'unknown' }
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
  book.touchMember(member)
  return { kind: 'removed' }
}

/** Gives waiting members their seats, oldest first, as far as limit and money reach. Returns their user ids. */
export function activatePending(book: Book, organization: OrganizationRow): readonly string[] {
  if (organization.tariffVersionId === null) return []
  const limit = book.tariff(organization.tariffVersionId).maxTeamMembers
  return book.pendingMembers(organization.id).flatMap((member) => {
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
    book.touchMember(member)
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
  book.touchMember(member)
  return true
}

/** Price of one seat for what is left of the period, to the millisecond, in nano-units. */
function seatFee(book: Book, organization: OrganizationRow): Nano {
  const left = BigInt(Math.max(0, organization.periodEnd - book.now))
  return divideHalfUp(seatPrice(book, organization) * left, BigInt(organization.periodEnd - organization.periodStart))
}
