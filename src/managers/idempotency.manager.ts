import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import { ConflictError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import type { Mandate } from '../foundation/mandate.ts'
import type { Answer } from '../ledger/answer-row.ts'
import { idempotencyMismatch, lifeFrom } from '../ledger/slip.ts'
import { IdempotencyKey } from '../models/idempotency-key.model.ts'
import type { DatabaseTime } from './database-time.ts'

/** Answers that one look removes. */
const FORGOTTEN_MAX = 5_000

const TRY_LOCK = 'select pg_try_advisory_xact_lock(hashtextextended(?, 0)) as locked'
const FORGET = `
with old as (
  select scope, key from tollkeeper.idempotency_keys where expires_at <= coalesce(?::timestamptz, now())
  order by expires_at limit ${FORGOTTEN_MAX})
delete from tollkeeper.idempotency_keys k using old where k.scope = old.scope and k.key = old.key
returning k.scope`

/**
 * Requests that are answered once under their client's key, where they are transactions of the unit of work. What moves money
 * keeps its answers by itself, on the money path and in the same table.
 */
export class IdempotencyManager {
  readonly #time: DatabaseTime

  constructor(time: DatabaseTime) {
    this.#time = time
  }

  /**
   * Looks whether a request was answered before, and keeps others with its key out until the transaction ends. Asked first,
   * before anything is changed.
   * @param scope the organisation that the request concerns; empty for none
   * @returns what was answered; null where the request has no key, or nothing was answered under it
   * @throws ConflictError `idempotency-in-progress`; TollkeeperError 422 `idempotency-mismatch`
   */
  async replay(em: EntityManager, { idempotency }: Mandate, scope: string): Promise<Answer | null> {
    if (idempotency === null) return null
    const { key, hash } = idempotency
    const [row] = await em.execute<{ locked: boolean }[]>(TRY_LOCK, [`answer ${scope} ${key}`])
    if (!row?.locked) {
      const message = `A request with the key "${key}" is being answered; send it again in a second`
      throw new ConflictError('idempotency-in-progress', message)
    }
    // A statement of its own: it sees what whoever had the lock before has committed.
    const known = await em.findOne(IdempotencyKey, { scope, key })
    if (!known) return null
    if (known.requestHash !== hash) throw idempotencyMismatch(key)
    const { status, location, body } = known
    return { status, location, body }
  }

  /** Keeps an answer, in the transaction of what it tells. Refusals are not kept: nothing happened, and a correction may follow. */
  async store(em: EntityManager, { idempotency }: Mandate, scope: string, answer: Answer): Promise<void> {
    if (idempotency === null) return
    const { createdAt, expiresAt } = lifeFrom((await this.#time.now(em)).getTime())
    await em.insert(IdempotencyKey, {
      scope,
      key: idempotency.key,
      requestHash: idempotency.hash,
      slipId: newId(),
      ...answer,
      createdAt: new Date(createdAt),
      expiresAt: new Date(expiresAt),
    })
  }

  /** Removes a page of the answers whose time is over. @returns how many, and whether there may be more */
  async forget(em: EntityManager): Promise<{ readonly forgotten: number; readonly more: boolean }> {
    const rows = await em.execute<unknown[]>(FORGET, [this.#time.given()])
    return { forgotten: rows.length, more: rows.length === FORGOTTEN_MAX }
  }
}

/**
 * A hash of all that a request says, SHA-256 in hex. The order of fields does not matter; null is not the same as left out,
 * and a number is what was written.
 * @param body as it was read: JSON values, or a symbol for a number, which describes how it was written; undefined for none
 */
export function requestHash(method: string, path: string, body: unknown): string {
  return createHash('sha256')
    .update(`${method} ${path}\n${written(body)}`)
    .digest('hex')
}

function written(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'symbol') return value.description ?? ''
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(written).join()}]`
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${written(field)}`).join()}}`
}
