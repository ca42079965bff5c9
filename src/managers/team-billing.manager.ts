import type { EntityManager } from '@mikro-orm/postgresql'
import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, NotFoundError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import type { MemberRow } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { notAMember } from '../ledger/team.ts'
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
  /** For the jobs of each period; null: none of the member's own. */
  readonly spendingLimit: Nano | null
  /** What the member's jobs of the running period hold and were charged, less what was reversed. */
  readonly committed: Nano
}

/** What may be changed of a member. */
export interface MemberTerms {
  readonly role?: MemberRow['role']
  readonly spendingLimit?: Nano | null
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
   * @param spendingLimit for the member's jobs of each period, in nano-units; null: none of the member's own
   * @throws NotFoundError; ConflictError `seat-limit` above the plan's limit, `no-tariff` without a plan
   */
  async addMember(
    organizationId: string,
    userId: string,
    role: MemberRow['role'] = 'member',
    spendingLimit: Nano | null = null,
  ): Promise<{ readonly created: boolean; readonly member: MemberView }> {
    const call = { organizationId, userId, role, spendingLimit, operation: newId() }
    const verdict = await this.#money.decide('add_member', call)
    if (verdict.kind === 'seat-limit') {
      throw new ConflictError(
        'seat-limit',
        `The tariff allows ${verdict.limit} members; remove one, or move ${organizationId} to a larger tariff`,
      )
    }
    if (verdict.kind === 'no-tariff') {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    return { created: verdict.kind === 'added', member: viewOf(verdict) }
  }

  /**
   * Gives a member another role or limit; what is left out stays. A higher limit, or none, resumes what it parked.
   * @throws NotFoundError for whoever is no member; ConflictError `last-owner`
   */
  async changeMember(organizationId: string, userId: string, terms: MemberTerms): Promise<MemberView> {
    const verdict = await this.#money.decide('change_member', { organizationId, userId, ...terms })
    if (verdict.kind === 'unknown') throw noMember(organizationId, userId)
    if (verdict.kind === 'last-owner') throw lastOwner(organizationId, userId)
    return viewOf(verdict)
  }

  /**
   * Removes a member; the paid seat stays free for another until the period ends.
   * @throws NotFoundError for whoever is no member; ConflictError `last-owner`
   */
  async removeMember(organizationId: string, userId: string): Promise<void> {
    const verdict = await this.#money.decide('remove_member', { organizationId, userId })
    if (verdict.kind === 'unknown') throw noMember(organizationId, userId)
    if (verdict.kind === 'last-owner') throw lastOwner(organizationId, userId)
  }

  /** @throws NotFoundError for whoever is no member, or was removed */
  async member(em: EntityManager, organizationId: string, userId: string): Promise<MemberView> {
    const organization = await em.findOne(Organization, { id: organizationId })
    if (!organization) throw unknownOrganization(organizationId)
    const member = await em.findOne(TeamMember, { organizationId, userId, state: { $ne: 'removed' } })
    if (!member) throw noMember(organizationId, userId)
    return storedView(member, organization)
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
    const members = found.slice(0, limit).map((member) => storedView(member, organization))
    return { members, more: found.length > limit }
  }
}

function viewOf({ member, currency }: { readonly member: MemberRow; readonly currency: string }): MemberView {
  return { ...member, currency, addedAt: new Date(member.addedAt) }
}

function storedView(member: TeamMember, organization: Organization): MemberView {
  const { organizationId, userId, role, state, charged, needed, missing, addedAt, spendingLimit } = member
  const [{ currency }, committed] = [organization, committedBy(member, organization.periodStart)]
  return {
    ...{ organizationId, userId, role, state, charged, needed, missing },
    ...{ currency, addedAt, spendingLimit, committed },
  }
}

/** In nano-units; of another period than it was counted in it says nothing. */
function committedBy({ committed, committedPeriod }: TeamMember, periodStart: Date): Nano {
  return committedPeriod?.getTime() === periodStart.getTime() ? committed : 0n
}

/** What is left of a member's limit in a period, in nano-units; null without a limit. */
export function limitLeft(member: TeamMember | null, periodStart: Date): Nano | null {
  if (member === null || member.spendingLimit === null) return null
  return member.spendingLimit - committedBy(member, periodStart)
}

function noMember(organizationId: string, userId: string): NotFoundError {
  return new NotFoundError(`${userId} is no member of ${organizationId}`)
}

function lastOwner(organizationId: string, userId: string): ConflictError {
  return new ConflictError(
    'last-owner',
    `${userId} is the last owner of ${organizationId}; make another active member an owner first`,
  )
}

/**
 * Refuses a job in the name of somebody without a seat.
 * @returns the member; null where the job names none
 * @throws ForbiddenError `not-a-member`
 */
export async function requireMember(
  em: EntityManager,
  { organizationId, userId }: { readonly organizationId: string; readonly userId: string | null },
): Promise<TeamMember | null> {
  if (userId === null) return null
  const member = await em.findOne(TeamMember, { organizationId, userId })
  if (member?.state === 'active') return member
  throw notAMember(organizationId, userId, member?.state ?? null)
}
