import type { EntityManager } from '@mikro-orm/postgresql'
import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, ForbiddenError, NotFoundError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import type { MemberRow } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { Organization } from '../models/organization.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import type { Nano } from '../pricing/money.ts'

/** A member as the doors show it; amounts in nano-units, `needed` and `missing` only while the seat waits for money. */
export interface MemberView {
  readonly organizationId: string
  readonly userId: string
  readonly role: MemberRow['role']
  readonly state: MemberRow['state']
  readonly charged: Nano
  readonly needed: Nano | null
  readonly missing: Nano | null
  readonly currency: string
  readonly addedAt: Date
}

/** Sells places in a team: seats, not people. */
export class TeamBillingManager {
  readonly #money: MoneyPath

  constructor(money: MoneyPath) {
    this.#money = money
  }

  /**
   * Adds a member and charges the seat for what is left of the period; a seat that is paid and free costs nothing. Added
   * again, the stored answer comes back. Without enough balance the member waits in `pending_payment`, without access.
   * @throws NotFoundError; ConflictError `seat-limit` above the plan's limit, `no-tariff` without a plan
   */
  async addMember(
    organizationId: string,
    userId: string,
    role: MemberRow['role'] = 'member',
  ): Promise<{ readonly created: boolean; readonly member: MemberView }> {
    const verdict = await this.#money.decide('add_member', { organizationId, userId, role, operation: newId() })
    if (verdict.kind === 'seat-limit') {
      throw new ConflictError(
        'seat-limit',
        `The tariff allows ${verdict.limit} members; remove one, or move ${organizationId} to a larger tariff`,
      )
    }
    if (verdict.kind === 'no-tariff') {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    const { member, currency } = verdict
    return { created: verdict.kind === 'added', member: { ...member, currency, addedAt: new Date(member.addedAt) } }
  }

  /**
   * Removes a member; the paid seat stays free for another until the period ends.
   * @throws NotFoundError for whoever is no member
   */
  async removeMember(organizationId: string, userId: string): Promise<void> {
    const verdict = await this.#money.decide('remove_member', { organizationId, userId })
    if (verdict.kind === 'unknown') throw new NotFoundError(`${userId} is no member of ${organizationId}`)
  }

  /** The members of an organisation, newest first, from behind `before`. Removed ones are not listed. */
  async members(
    em: EntityManager,
    organizationId: string,
    {
      limit,
      before,
    }: { readonly limit: number; readonly before: { readonly addedAt: Date; readonly userId: string } | null },
  ): Promise<{ readonly members: readonly MemberView[]; readonly more: boolean }> {
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization) throw unknownOrganization(organizationId)
    const older = before && {
      $or: [{ addedAt: { $lt: before.addedAt } }, { addedAt: before.addedAt, userId: { $lt: before.userId } }],
    }
    const found = await em.find(
      TeamMember,
      { organizationId, state: { $ne: 'removed' }, ...older },
      { orderBy: { addedAt: 'desc', userId: 'desc' }, limit: limit + 1 },
    )
    const members = found.slice(0, limit).map((member) => {
      const { userId, role, state, charged, needed, missing, addedAt } = member
      const { currency } = organization
      return { organizationId, userId, role, state, charged, needed, missing, currency, addedAt }
    })
    return { members, more: found.length > limit }
  }
}

/** Refuses a job in the name of somebody without a seat. @throws ForbiddenError `not-a-member` */
export async function requireMember(
  em: EntityManager,
  { organizationId, userId }: { readonly organizationId: string; readonly userId: string | null },
): Promise<void> {
  if (userId === null) return
  const member = await em.findOne(TeamMember, { organizationId, userId })
  if (member?.state === 'active') return
  const why = member?.state === 'pending_payment' ? 'has a seat that is not paid yet' : 'is not a member'
  throw new ForbiddenError('not-a-member', `${userId} ${why} of ${organizationId}; add the member or pay the seat`)
}
