import { defineEntity, p } from '@mikro-orm/core'

const AuditEntrySchema = defineEntity({
  name: 'AuditEntry',
  tableName: 'audit_log',
  properties: {
    seq: p.bigint('number').primary().autoincrement(false),
    entry: p.text(),
    prevHash: p.blob(),
    hash: p.blob(),
    // What the log is searched by. The entry says the same; whatever differs is found by a verification.
    at: p.datetime(3),
    action: p.text(),
    organizationId: p.string().length(64).strictNullable(),
    keyId: p.text().strictNullable(),
  },
  indexes: [
    { name: 'audit_log_of_organization', properties: ['organizationId', 'seq'] },
    { name: 'audit_log_of_action', properties: ['action', 'seq'] },
    { name: 'audit_log_of_key', properties: ['keyId', 'seq'] },
    { name: 'audit_log_of_time', properties: ['at'] },
  ],
  checks: [
    { name: 'audit_log_hashes_are_sha256', expression: 'octet_length(prev_hash) = 32 and octet_length(hash) = 32' },
  ],
})

/**
 * Who changed what, written once: `entry` is the text that was hashed, chained to the entry before by `prevHash`. Written by
 * `tollkeeper.append_audit` alone; a trigger and the roles refuse every change.
 */
export class AuditEntry extends AuditEntrySchema.class {}
AuditEntrySchema.setClass(AuditEntry)

export { AuditEntrySchema }
