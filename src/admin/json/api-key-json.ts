import { z } from 'zod'
import type { NewApiKey, NewSecret, Rotation } from '../../managers/api-key.manager.ts'
import { prefixOf } from '../../managers/api-key-secret.ts'
import type { ApiKeyView } from '../../managers/api-key-view.ts'
import { accountId, integer, label } from '../fields.ts'
import * as answers from './answer-fields.ts'

/** How long an old key lives beside its successor unless a request says otherwise: a day, and a month at most. */
const OVERLAP_SECONDS = 86_400
const OVERLAP_SECONDS_MAX = 2_592_000

const instant = z.iso
  .datetime({ offset: true, error: 'Give a time with its zone, such as 2027-02-28T13:00:00Z' })
  .transform((text) => new Date(text))
const expiry = z.nullable(instant).optional()

/** A key for an organisation, or for one member of it. */
export const newOrganizationKey = z
  .strictObject({ name: label(), user_id: z.nullable(accountId).optional(), expires_at: expiry })
  .transform(({ name, user_id: userId, expires_at: expiresAt }): NewApiKey => {
    return { role: 'organization', name, userId: userId ?? null, expiresAt: expiresAt ?? null }
  })

/** A key for people who run this installation. */
export const newAdminKey = z
  .strictObject({ name: label(), role: z.enum(['admin', 'operator']), expires_at: expiry })
  .transform(({ name, role, expires_at: expiresAt }): NewApiKey => {
    return { role, name, userId: null, expiresAt: expiresAt ?? null }
  })

export const rotation = z
  .strictObject({ overlap_seconds: integer(0, OVERLAP_SECONDS_MAX).optional(), expires_at: expiry })
  .transform(({ overlap_seconds: overlap = OVERLAP_SECONDS, expires_at: expiresAt }): Rotation => {
    return { overlapMs: overlap * 1_000, expiresAt }
  })

export function apiKeyToJson(key: ApiKeyView) {
  return {
    id: key.id,
    role: key.role,
    organization_id: key.organizationId,
    user_id: key.userId,
    name: key.name,
    prefix: prefixOf(key.role),
    hint: key.hint,
    state: key.state,
    created_at: key.createdAt.toISOString(),
    created_by: key.createdBy,
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    rotated_from: key.rotatedFrom,
    next: null,
  }
}

/** With the secret, this once. @param next what to ask next, as a request line */
export function newSecretToJson({ key, secret }: NewSecret, next: string) {
  return { ...apiKeyToJson(key), secret, next }
}

export const apiKeyAnswer = z
  .strictObject({
    id: answers.uuid,
    role: answers.word('admin', 'operator', 'organization'),
    organization_id: answers.accountId.nullable(),
    user_id: answers.accountId.nullable().meta({ description: 'The one member that it acts for' }),
    name: z.string(),
    prefix: z.string(),
    hint: z.string().meta({ description: 'The last four characters of the secret' }),
    state: answers.word('active', 'rotating', 'expired', 'revoked'),
    created_at: answers.time,
    created_by: z.string().meta({ description: 'The key that made it, or the role of whoever showed none' }),
    expires_at: answers.time.nullable(),
    last_used_at: answers.time.nullable().meta({ description: 'To the minute' }),
    revoked_at: answers.time.nullable(),
    rotated_from: answers.uuid.nullable(),
    next: answers.next,
  })
  .meta({ id: 'ApiKey' })

export const newApiKeyAnswer = apiKeyAnswer
  .extend({ secret: z.string().meta({ description: 'Shown this once; only a hash of it is kept' }) })
  .meta({ id: 'NewApiKey' })
