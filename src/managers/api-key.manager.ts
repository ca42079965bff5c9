import { timingSafeEqual } from 'node:crypto'
import { type EntityManager, LockMode } from '@mikro-orm/postgresql'
import type { ApiKeyReader } from '../database/api-key-reader.ts'
import { ConflictError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { newId } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Principal } from '../foundation/mandate.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { ApiKey, type KeyRole } from '../models/api-key.model.ts'
import { Organization } from '../models/organization.model.ts'
import { hashOfSecret, hintOf, newSecret } from './api-key-secret.ts'
import { type ApiKeyView, endOf, keyViews } from './api-key-view.ts'
import type { DatabaseTime } from './database-time.ts'
import { RememberedAnswers } from './remembered-answers.ts'
import { requireMember } from './team-billing.manager.ts'

/** A revoked key is refused everywhere within this time, also where its notice is lost; in milliseconds. */
const REMEMBERED_MS = 500
/** Keys in use at once in one process, and wrong ones: some hundred bytes each. */
const FOUND_MAX = 10_000
const MISSED_MAX = 1_000
/** Of one line: the key that goes and the one that comes. */
const LIVING_MAX = 2

const TELL = `select pg_notify('tollkeeper_keys', ?)`

/** Whose keys: an organisation's, by its id, or null for those of admins and operators. */
export type KeyOwner = string | null

/** A key to be made; of an organisation's owner the role is `organization`, else one of the others. */
export interface NewApiKey {
  readonly role: KeyRole
  readonly name: string
  /** null: for the whole organisation. */
  readonly userId: string | null
  /** null: never. */
  readonly expiresAt: Date | null
}

export interface Rotation {
  /** How long the old key lives beside the new one, in milliseconds; 0: it ends at once. */
  readonly overlapMs: number
  /** Of the successor; null: never; undefined: after as long as the key that it follows was made for. */
  readonly expiresAt?: Date | null | undefined
}

/** A key that was made just now: the only time that its secret is known. */
export interface NewSecret {
  readonly key: ApiKeyView
  readonly secret: string
}

/** What a change made of a key. */
export interface ChangedKey {
  readonly before: ApiKeyView
  readonly after: ApiKeyView
}

/** Who may come in: keys, their lives, and whom a secret stands for. */
export class ApiKeyManager {
  readonly #time: DatabaseTime
  readonly #reader: Pick<ApiKeyReader, 'read'>
  readonly #principals: RememberedAnswers<Principal>

  constructor(time: DatabaseTime, reader: Pick<ApiKeyReader, 'read'>) {
    this.#time = time
    this.#reader = reader
    const bounds = { ageMs: REMEMBERED_MS, foundMax: FOUND_MAX, missedMax: MISSED_MAX }
    this.#principals = new RememberedAnswers((hash) => this.#principalOf(Buffer.from(hash, 'hex')), bounds)
  }

  /**
   * Whom a secret stands for. A mistyped one is told by its checksum, without a look-up; the others are looked up by their
   * hash, and remembered for half a second.
   * @returns null for one that is unknown, expired, rotated out, revoked, or of somebody who is no member any more
   * @throws UnavailableError
   */
  async authenticate(secret: string): Promise<Principal | null> {
    const hash = hashOfSecret(secret)
    return hash === null ? null : this.#principals.of(hash.toString('hex'))
  }

  /** Looks every key up again: some were changed. */
  forget(): void {
    this.#principals.forget()
  }

  /**
   * @param principal who makes it
   * @throws NotFoundError (the organisation); ForbiddenError `not-a-member` (the user); ValidationError at `/expires_at`
   */
  async create(em: EntityManager, owner: KeyOwner, input: NewApiKey, principal: Principal): Promise<NewSecret> {
    await requireOwner(em, owner)
    const id = newId()
    return this.#store(em, owner, { ...input, id, lineId: id, rotatedFrom: null }, principal)
  }

  /** @throws NotFoundError also for a key of another owner */
  async find(em: EntityManager, owner: KeyOwner, id: string): Promise<ApiKeyView> {
    return this.#view(em, owner, await keyOf(em, owner, id))
  }

  /** Keys, newest first, ended ones too, from behind the one with the id `before`. @throws NotFoundError */
  async list(
    em: EntityManager,
    owner: KeyOwner,
    { limit, before }: { readonly limit: number; readonly before: string | null },
  ): Promise<{ readonly keys: readonly ApiKeyView[]; readonly more: boolean }> {
    await requireOwner(em, owner)
    const older = before === null ? {} : { id: { $lt: before } }
    const where = { organizationId: owner, ...older }
    const found = await em.find(ApiKey, where, { orderBy: { id: 'desc' }, limit: limit + 1 })
    const keys = await keyViews(em, owner, found.slice(0, limit), await this.#time.now(em))
    return { keys, more: found.length > limit }
  }

  /** Ends a key for good; one that was revoked stays as it is. @throws NotFoundError also for a key of another owner */
  async revoke(em: EntityManager, owner: KeyOwner, id: string): Promise<ChangedKey> {
    const { key } = await lockedLine(em, owner, id)
    const before = await this.#view(em, owner, key)
    if (key.revokedAt !== null) return { before, after: before }
    key.revokedAt = await this.#time.now(em)
    await em.flush()
    await tell(em, key)
    return { before, after: await this.#view(em, owner, key) }
  }

  /**
   * Makes the successor of a key, for the same role, organisation and member; the old one lives on for the overlap.
   * @throws NotFoundError also for a key of another owner; ConflictError `cannot-rotate` for a key that has ended, or beside
   *         which another of its line lives; ForbiddenError `not-a-member`; ValidationError at `/expires_at`
   */
  async rotate(
    em: EntityManager,
    owner: KeyOwner,
    id: string,
    { overlapMs, expiresAt }: Rotation,
    principal: Principal,
  ): Promise<ChangedKey & { readonly successor: NewSecret }> {
    const { key, line } = await lockedLine(em, owner, id)
    const now = await this.#time.now(em)
    const before = await this.#view(em, owner, key)
    const living = line.filter((each) => isAlive(each, now))
    if (before.state === 'expired' || before.state === 'revoked') throw hasEnded(before)
    const other = living.find((each) => each.id !== id)
    if (other && living.length >= LIVING_MAX) throw hasCompany(other)
    const lifetimeMs = key.expiresAt === null ? null : key.expiresAt.getTime() - key.createdAt.getTime()
    const end = lifetimeMs === null ? null : new Date(now.getTime() + lifetimeMs)
    const { role, name, lineId } = key
    const terms = { role, name, userId: before.userId, expiresAt: expiresAt === undefined ? end : expiresAt }
    key.retiresAt = new Date(now.getTime() + overlapMs)
    const successor = await this.#store(em, owner, { ...terms, id: newId(), lineId, rotatedFrom: id }, principal)
    await tell(em, key)
    return { before, after: await this.#view(em, owner, key), successor }
  }

  async #store(
    em: EntityManager,
    owner: KeyOwner,
    { role, name, userId, expiresAt, ...line }: NewApiKey & Pick<ApiKey, 'id' | 'lineId' | 'rotatedFrom'>,
    principal: Principal,
  ): Promise<NewSecret> {
    const now = await this.#time.now(em)
    if (expiresAt !== null && expiresAt <= now) {
      throw ValidationError.of('/expires_at', 'out-of-range', `Give expires_at as a time after ${now.toISOString()}`)
    }
    const member = owner === null ? null : await requireMember(em, { organizationId: owner, userId })
    const secret = newSecret(role)
    const hash = hashOfSecret(secret)
    invariant(hash, 'a new secret has the form of one')
    const key = em.create(ApiKey, {
      ...line,
      role,
      organizationId: owner,
      member: member && [member.organizationId, member.userId],
      membership: member?.operation ?? null,
      name,
      hash,
      hint: hintOf(secret),
      createdAt: now,
      createdBy: principal.keyId ?? principal.role,
      expiresAt,
      retiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    })
    await em.flush()
    return { key: await this.#view(em, owner, key), secret }
  }

  async #view(em: EntityManager, owner: KeyOwner, key: ApiKey): Promise<ApiKeyView> {
    const [view] = await keyViews(em, owner, [key], await this.#time.now(em))
    invariant(view, 'one key has one view')
    return view
  }

  async #principalOf(hash: Buffer): Promise<Principal | null> {
    const key = await this.#reader.read(hash)
    // Found by its hash already; compared once more in a time that says nothing, whatever an index does with equality.
    if (key === null || !timingSafeEqual(key.hash, hash)) return null
    const { role, id: keyId, organizationId, userId } = key
    return Object.freeze({ role, keyId, organizationId, userId })
  }
}

async function requireOwner(em: EntityManager, owner: KeyOwner): Promise<void> {
  if (owner !== null && (await em.count(Organization, { id: owner })) === 0) throw unknownOrganization(owner)
}

async function keyOf(em: EntityManager, owner: KeyOwner, id: string): Promise<ApiKey> {
  const key = await em.findOne(ApiKey, { id, organizationId: owner })
  if (!key) throw new NotFoundError()
  return key
}

/** A key and its line as they are behind the lock of the line's first key: one change of a line at a time. */
async function lockedLine(em: EntityManager, owner: KeyOwner, id: string) {
  const { lineId } = await keyOf(em, owner, id)
  await em.findOneOrFail(ApiKey, { id: lineId }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  const line = await em.find(ApiKey, { lineId }, { refresh: true })
  const key = line.find((each) => each.id === id)
  invariant(key, 'a key stands in its own line')
  return { key, line }
}

function isAlive(key: ApiKey, now: Date): boolean {
  const end = endOf(key)
  return key.revokedAt === null && (end === null || end > now)
}

/** Every process drops what it remembers; should the notice be lost, what it remembers is old soon. */
async function tell(em: EntityManager, { id }: ApiKey): Promise<void> {
  await em.execute(TELL, [id])
}

function hasEnded({ state, hint }: ApiKeyView): ConflictError {
  return new ConflictError('cannot-rotate', `The key …${hint} is ${state}; make a new one instead`)
}

function hasCompany(other: ApiKey): ConflictError {
  const until = endOf(other)
  const wait = until === null ? '' : `, or wait until ${until.toISOString()}`
  return new ConflictError(
    'cannot-rotate',
    `The key …${other.hint} of the same line lives beside this one; revoke it first${wait}`,
  )
}
