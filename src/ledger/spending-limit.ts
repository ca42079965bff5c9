import { invariant } from '../foundation/invariant.ts'
import type { Nano } from '../pricing/money.ts'
import type { Book } from './book.ts'
import type { JobRow, MemberRow } from './facts.ts'
import { committedNow, leftOf } from './team.ts'

/** In whose name money is spent, and of which period that is; null: of the present one. */
export type Spender = Pick<JobRow, 'organizationId' | 'userId' | 'periodStart'>

/** What the limit of a job's user leaves for it; null where nothing limits it: no user, no limit, an earlier period. */
export function leftFor(book: Book, of: Spender): Nano | null {
  const member = spenderOf(book, of)
  return member && leftOf(member, book.organization(of.organizationId))
}

/** What earlier calls of this batch freed of the limit of a job's user. */
export function freedFor(book: Book, of: Spender): Nano {
  const member = spenderOf(book, of)
  const [left, atFirst] = [leftFor(book, of), member && book.team.leftAtFirst(member)]
  return left !== null && atFirst !== null && left > atFirst ? left - atFirst : 0n
}

/**
 * Counts what a job of the present period holds more (or, below 0, less) against its user. A settlement moves what is
 * held to what is charged, and counts nothing; jobs of an earlier period leave the present figure alone.
 */
export function commit(book: Book, of: Spender, amount: Nano): void {
  const member = spenderOf(book, of)
  if (member === null || amount === 0n) return
  const organization = book.organization(of.organizationId)
  member.committed = committedNow(member, organization) + amount
  member.committedPeriod = organization.periodStart
  invariant(member.committed >= 0n, `${member.userId} gives back no more than was counted`)
  book.team.touch(member)
}

function spenderOf(book: Book, { organizationId, userId, periodStart }: Spender): MemberRow | null {
  if (userId === null) return null
  const present = book.organization(organizationId).periodStart
  if ((periodStart ?? present) !== present) return null
  const member = book.team.member(organizationId, userId)
  invariant(member, `${userId} of ${organizationId} is read with the job`)
  return member
}
