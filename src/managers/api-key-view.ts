import type { EntityManager } from '@mikro-orm/postgresql'
import type { ApiKey, KeyRole } from '../models/api-key.model.ts'
import { TeamMember } from '../models/team-member.model.ts'

/** `rotating`: alive beside its successor, until `expiresAt`. */
export type KeyState = 'active' | 'rotating' | 'expired' | 'revoked'

/** A key as the doors show it: never its secret, nor the hash of it. */
export interface ApiKeyView {
  readonly id: string
  readonly role: KeyRole
  readonly organizationId: string | null
  /** The one member that it acts for; null: for the whole organisation, or for none. */
  readonly userId: string | null
  readonly name: string
  /** The last four characters of the secret. */
  readonly hint: string
  readonly createdAt: Date
  /** The key that it was made with, by id, or the role of whoever showed none. */
  readonly createdBy: string
  /** When it ends by itself; null: never. */
  readonly expiresAt: Date | null
  /** To the minute; null: never yet. */
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
  /** The key that it followed. */
  readonly rotatedFrom: string | null
  readonly state: KeyState
}

/** What says whether a key lives. */
type Life = Pick<ApiKey, 'expiresAt' | 'retiresAt' | 'revokedAt'>

/** When a key ends by itself; null: never. */
export function endOf({ expiresAt, retiresAt }: Life): Date | null {
  if (expiresAt === null || retiresAt === null) return expiresAt ?? retiresAt
  return expiresAt < retiresAt ? expiresAt : retiresAt
}

/** @param isMember whether whom it acts for is still the member that it was made for; true for a key of no member */
function stateOf(key: Life, isMember: boolean, now: Date): KeyState {
  const end = endOf(key)
  if (key.revokedAt !== null || !isMember) return 'revoked'
  if (end !== null && end <= now) return 'expired'
  return key.retiresAt === null ? 'active' : 'rotating'
}

/** Keys of one owner, in their order. */
export async function keyViews(
  em: EntityManager,
  organizationId: string | null,
  keys: readonly ApiKey[],
  now: Date,
): Promise<readonly ApiKeyView[]> {
  const userIds = keys.flatMap(({ member }) => member?.[1] ?? [])
  const found = organizationId === null || userIds.length === 0 ? [] : await membersOf(em, organizationId, userIds)
  const memberships = new Set(found.map(({ operation }) => operation))
  return keys.map((key) => {
    const { id, role, name, hint, createdAt, createdBy, lastUsedAt, revokedAt, rotatedFrom } = key
    const isMember = key.membership === null || memberships.has(key.membership)
    return {
      ...{ id, role, organizationId: key.organizationId, userId: key.member?.[1] ?? null, name, hint },
      ...{ createdAt, createdBy, expiresAt: endOf(key), lastUsedAt, revokedAt, rotatedFrom },
      state: stateOf(key, isMember, now),
    }
  })
}

function membersOf(em: EntityManager, organizationId: string, userIds: readonly string[]): Promise<TeamMember[]> {
  return em.find(TeamMember, { organizationId, userId: { $in: [...userIds] }, state: 'active' })
}
