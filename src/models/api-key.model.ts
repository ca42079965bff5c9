import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'
import { TeamMember } from './team-member.model.ts'

const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  tableName: 'api_keys',
  properties: {
    id: p.uuid().primary(),
    role: p.text().$type<KeyRole>(),
    organizationId: () =>
      p
        .manyToOne(Organization)
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('api_keys_organization_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    /** Organisation and user, or null for a key of the whole organisation; of the two it writes `user_id`. */
    member: () =>
      p
        .manyToOne(TeamMember)
        .mapToPk()
        .joinColumns('organization_id', 'user_id')
        .ownColumns('user_id')
        .foreignKeyName('api_keys_member_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    /** The adding of the member (`team_members.operation`) that the key was made under: it ends with it, for good. */
    membership: p.uuid().strictNullable(),
    name: p.text(),
    hash: p.blob(),
    hint: p.string().length(4),
    createdAt: p.datetime(3),
    createdBy: p.text(),
    expiresAt: p.datetime(3).strictNullable(),
    retiresAt: p.datetime(3).strictNullable(),
    revokedAt: p.datetime(3).strictNullable(),
    lastUsedAt: p.datetime(3).strictNullable(),
    /** The first key of those that follow one another, itself for that one. */
    lineId: p.uuid(),
    rotatedFrom: p.uuid().strictNullable(),
  },
  uniques: [{ name: 'api_keys_hash_unique', properties: ['hash'] }],
  indexes: [
    { name: 'api_keys_of_organization', properties: ['organizationId', 'id'] },
    { name: 'api_keys_line', properties: ['lineId'] },
  ],
  checks: [
    { name: 'api_keys_role_known', expression: `role in ('admin', 'operator', 'organization')` },
    { name: 'api_keys_owner', expression: `(role = 'organization') = (organization_id is not null)` },
    { name: 'api_keys_member', expression: `(user_id is null) = (membership is null)` },
    { name: 'api_keys_hash_size', expression: 'octet_length(hash) = 32' },
  ],
})

export type KeyRole = 'admin' | 'operator' | 'organization'

/**
 * An API key, without its secret: only a hash of that is kept. It ends at the earliest of `expiresAt`, `retiresAt` (the end of
 * the time that a rotated key lives beside its successor) and `revokedAt`. Keys are never deleted.
 */
export class ApiKey extends ApiKeySchema.class {}
ApiKeySchema.setClass(ApiKey)

export { ApiKeySchema }
