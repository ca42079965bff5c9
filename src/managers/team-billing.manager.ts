import type { EntityManager } from '@mikro-orm/postgresql'
import { ConflictError, NotFoundError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import type { Answered, Standing, Verdicts } from '../ledger/calls.ts'
import type { MemberRow } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { notAMember } from '../ledger/team.ts'
import { Organization } from '../models/organization.model.ts'
import { TeamMember } from '../models/team-member.model.ts'
import type { Nano } from '../pricing/money.ts'
import { memberToJson } from './contract-json.ts'
import { answered, type MandatedMoney, type Order } from './mandated-money.ts'
import type { MemberView } from './member-view.ts'

/** What may be changed of a member. */
export interface MemberTerms {
  readonly role?: MemberRow['role']
  readonly spendingLimit?: Nano | null
  /** As the asker saw the member; null: what they saw is gone already. */
  readonly seen?: Pick<MemberRow, 'role' | 'state' | 'spendingLimit'> | null
}

/** A member, and whether it was added just now. */
export interface AddedMember {
  readonly created: boolean
  readonly member: MemberView
}

/** Sells places in a team: seats, not people. */
export class TeamBillingManager {
  readonly #money: MandatedMoney

  constructor(money: MandatedMoney) {
    this.#money = money
  }

  /**
   * Adds a member and charges the seat for what is left of the period; a seat that is paid and free costs nothing. Added
   * again, the stored answer comes back. Without enough balance the member waits in `pending_payment`, without access.
   * @param spendingLimit for the member's jobs of each period, in nano-units; null: none of the member's own
   * @param order on whose word, and how it is answered there; by default this program's own
   * @throws NotFoundError; ConflictError `seat-limit` above the plan's limit, `no-tariff` without a plan
   */
  addMember(
    organizationId: string,
    userId: string,
    role: MemberRow['role'] | undefined,
    spendingLimit: Nano | null,
    order: Order<AddedMember>,
  ): Promise<Answered>
  addMember(
    organizationId: string,
    userId: string,
    role?: MemberRow['role'],
    spendingLimit?: Nano | null,
  ): Promise<AddedMember>
  async addMember(
    organizationId: string,
    userId: string,
    role: MemberRow['role'] = 'member',
    spendingLimit: Nano | null = null,
    order?: Order<AddedMember>,
  ): Promise<AddedMember | Answered> {
    const call = { organizationId, userId, role, spendingLimit, operation: newId() }
    const record = ({ member }: AddedMember, before: Standing) => auditOf('member.add', member, before, member)
    const verdict = await this.#money.carryOut({ kind: 'add_member', call, result: addedMember, record }, order)
    if (verdict.kind === 'answered') return verdict
    if (verdict.kind === 'seat-limit') {
      throw new ConflictError(
        'seat-limit',
        `The tariff allows ${verdict.limit} members; remove one, or move ${organizationId} to a larger tariff`,
      )
    }
    if (verdict.kind === 'no-tariff') {
      throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
    }
    return answered({ created: verdict.kind === 'added', member: viewOf(verdict) }, order)
  }

  /**
   * Gives a member another role or limit; what is left out stays. A higher limit, or none, resumes what it parked.
   * @throws NotFoundError for whoever is no member; ConflictError `last-owner`, `stale-version` (it is not as it was seen)
   */
  changeMember(of: string, userId: string, terms: MemberTerms, order: Order<MemberView>): Promise<Answered>
  changeMember(of: string, userId: string, terms: MemberTerms): Promise<MemberView>
  async changeMember(
    organizationId: string,
    userId: string,
    terms: MemberTerms,
    order?: Order<MemberView>,
  ): Promise<MemberView | Answered> {
    const call = { organizationId, userId, ...terms }
    const result = (verdict: Verdicts['change_member']) => (verdict.kind === 'changed' ? viewOf(verdict) : undefined)
    const record = (member: MemberView, before: Standing) => auditOf('member.change', member, before, member)
    const verdict = await this.#money.carryOut({ kind: 'change_member', call, result, record }, order)
    if (verdict.kind === 'answered') return verdict
    if (verdict.kind === 'unknown') throw noMember(organizationId, userId)
    if (verdict.kind === 'last-owner') throw lastOwner(organizationId, userId)
    if (verdict.kind !== 'changed') {
      throw new ConflictError(
        'stale-version',
        `${userId} changed since you looked; GET the member again and decide anew`,
      )
    }
    return answered(viewOf(verdict), order)
  }

  /**
   * Removes a member; the paid seat stays free for another until the period ends.
   * @throws NotFoundError for whoever is no member; ConflictError `last-owner`
   */
  removeMember(organizationId: string, userId: string, order: Order<null>): Promise<Answered>
  removeMember(organizationId: string, userId: string): Promise<null>
  async removeMember(organizationId: string, userId: string, order?: Order<null>): Promise<null | Answered> {
    const call = { organizationId, userId }
    const result = (verdict: Verdicts['remove_member']) => (verdict.kind === 'removed' ? null : undefined)
    const record = (_: null, before: Standing) => auditOf('member.remove', call, before, null)
    const verdict = await this.#money.carryOut({ kind: 'remove_member', call, result, record }, order)
    if (verdict.kind === 'answered') return verdict
    if (verdict.kind === 'unknown') throw noMember(organizationId, userId)
    if (verdict.kind === 'last-owner') throw lastOwner(organizationId, userId)
    return answered(null, order)
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

function addedMember(verdict: Verdicts['add_member']): AddedMember | undefined {
  if (verdict.kind === 'seat-limit' || verdict.kind === 'no-tariff') return undefined
  return { created: verdict.kind === 'added', member: viewOf(verdict) }
}

function auditOf(
  action: string,
  { organizationId, userId }: Pick<MemberView, 'organizationId' | 'userId'>,
  { balance: { currency }, member }: Standing,
  after: MemberView | null,
) {
  const before = member && memberToJson(viewOf({ member, currency }))
  return { action, organizationId, target: userId, before, after: after && memberToJson(after) }
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
