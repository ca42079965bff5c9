import { ForbiddenError } from '../foundation/errors.ts'
import type { Nano } from '../pricing/money.ts'
import type { MemberRow, OrganizationRow } from './facts.ts'

/** What a member's jobs of the present period hold and were charged, in nano-units. */
export function committedNow(member: MemberRow, { periodStart }: Pick<OrganizationRow, 'periodStart'>): Nano {
  return member.committedPeriod === periodStart ? member.committed : 0n
}

/** What is left of a member's limit in the present period, below 0 where it was lowered since; null without one. */
export function leftOf(member: MemberRow, organization: OrganizationRow): Nano | null {
  return member.spendingLimit === null ? null : member.spendingLimit - committedNow(member, organization)
}

const keyOf = (organizationId: string, userId: string): string => `${organizationId} ${userId}`

/** The members that one batch has read or made. */
export class Team {
  readonly #rows: Map<string, MemberRow>
  readonly #touched: Set<MemberRow>
  /** What was left of each limit when it was read; of members with a limit only. */
  readonly #leftAtFirst = new Map<string, Nano>()

  /** @param touched takes what is changed */
  constructor(
    rows: readonly MemberRow[],
    organizations: ReadonlyMap<string, OrganizationRow>,
    touched: Set<MemberRow>,
  ) {
    this.#touched = touched
    this.#rows = new Map(rows.map((row) => [keyOf(row.organizationId, row.userId), row]))
    for (const [key, row] of this.#rows) {
      const organization = organizations.get(row.organizationId)
      const left = organization ? leftOf(row, organization) : null
      if (left !== null) this.#leftAtFirst.set(key, left)
    }
  }

  member(organizationId: string, userId: string): MemberRow | undefined {
    return this.#rows.get(keyOf(organizationId, userId))
  }

  /** Whoever waits for a seat, oldest first. */
  pending(organizationId: string): readonly MemberRow[] {
    return this.#of(organizationId)
      .filter((row) => row.state === 'pending_payment')
      .sort((a, b) => a.addedAt - b.addedAt || (a.userId < b.userId ? -1 : 1))
  }

  /** Whether nobody but this member owns the organisation. Who has no seat yet has no access, and owns nothing. */
  isLastOwner(member: MemberRow): boolean {
    const owns = (row: MemberRow): boolean => row.role === 'owner' && row.state === 'active'
    return owns(member) && !this.#of(member.organizationId).some((row) => row !== member && owns(row))
  }

  /** @returns null where there was no limit */
  leftAtFirst({ organizationId, userId }: MemberRow): Nano | null {
    return this.#leftAtFirst.get(keyOf(organizationId, userId)) ?? null
  }

  /** A new row for a member; one that was removed in this very batch is written as the new one only. */
  add(row: MemberRow): void {
    const key = keyOf(row.organizationId, row.userId)
    const former = this.#rows.get(key)
    if (former) this.#touched.delete(former)
    this.#rows.set(key, row)
    this.#touched.add(row)
  }

  touch(row: MemberRow): void {
    this.#touched.add(row)
  }

  #of(organizationId: string): MemberRow[] {
    return [...this.#rows.values()].filter((row) => row.organizationId === organizationId)
  }
}

/** 403: nobody works for an organisation who has no paid seat there. @param state of the member, null where there is none */
export function notAMember(organizationId: string, userId: string, state: string | null): ForbiddenError {
  const why = state === 'pending_payment' ? 'has a seat that is not paid yet' : 'is not a member'
  return new ForbiddenError('not-a-member', `${userId} ${why} of ${organizationId}; add the member or pay the seat`)
}
