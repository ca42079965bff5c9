import { defineEntity, p } from '@mikro-orm/core'

const AuditHeadSchema = defineEntity({
  name: 'AuditHead',
  tableName: 'audit_head',
  properties: {
    id: p.smallint().primary().autoincrement(false),
    seq: p.bigint('number'),
    hash: p.blob(),
  },
  checks: [
    { name: 'audit_head_only_one', expression: 'id = 1' },
    { name: 'audit_head_hash_is_sha256', expression: 'octet_length(hash) = 32' },
  ],
})

/** Where the audit log ends: number and hash of its last entry. One row, which each append locks. */
class AuditHead extends AuditHeadSchema.class {}
AuditHeadSchema.setClass(AuditHead)

export { AuditHeadSchema }
