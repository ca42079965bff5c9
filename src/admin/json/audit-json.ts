import { z } from 'zod'
import type { AuditEntryView } from '../../managers/audit-log.manager.ts'
import { accountId, time } from './answer-fields.ts'

const stored = z.unknown().meta({
  description:
    'As the answer of the route shows it; long texts and lists are cut with a mark. Null where there is nothing',
})

export const auditEntryAnswer = z
  .strictObject({
    seq: z.int(),
    at: time,
    actor: z.strictObject({
      role: z.string().nullable().meta({
        description:
          'What the key is for; `open`: no key was needed; `system`: a command or the library; `nobody`: refused',
      }),
      key_id: z.string().nullable(),
      user_id: z.string().nullable(),
    }),
    action: z.string().meta({ examples: ['top-up.create'] }),
    organization_id: accountId.nullable(),
    target: z.string().nullable(),
    before: stored,
    after: stored,
    request_id: z.string().nullable(),
    hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'SHA-256 in hex of the hash before, the number and the entry, each on a line' }),
  })
  .meta({ id: 'AuditEntry' })

export function auditEntryToJson(entry: AuditEntryView) {
  return {
    seq: entry.seq,
    at: entry.at.toISOString(),
    actor: { role: entry.role, key_id: entry.keyId, user_id: entry.userId },
    action: entry.action,
    organization_id: entry.organizationId,
    target: entry.target,
    before: entry.before,
    after: entry.after,
    request_id: entry.requestId,
    hash: entry.hash,
  }
}
