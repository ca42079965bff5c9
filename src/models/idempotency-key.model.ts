import { defineEntity, p } from '@mikro-orm/core'

const IdempotencyKeySchema = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_keys',
  properties: {
    scope: p.string().length(64).primary(),
    key: p.text().primary(),
    requestHash: p.text(),
    slipId: p.uuid(),
    status: p.integer(),
    location: p.text().strictNullable(),
    body: p.text(),
    createdAt: p.datetime(3),
    expiresAt: p.datetime(3),
  },
  indexes: [{ name: 'idempotency_keys_expiry', properties: ['expiresAt'] }],
  checks: [
    { name: 'idempotency_keys_of_success', expression: 'status >= 200 and status < 300' },
    { name: 'idempotency_keys_life', expression: 'expires_at > created_at' },
  ],
})

/**
 * The answer to a request under its client's key, as bytes: asked again, it is sent again, and nothing is done. `scope` is
 * the organisation that the request concerns, or empty; `slipId` the request that was answered. Written once, removed late.
 */
export class IdempotencyKey extends IdempotencyKeySchema.class {}
IdempotencyKeySchema.setClass(IdempotencyKey)

export { IdempotencyKeySchema }
