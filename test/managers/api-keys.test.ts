import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { newId } from '../../src/foundation/ids.ts'
import { SYSTEM } from '../../src/foundation/mandate.ts'
import type { KeyOwner, NewApiKey, NewSecret, Rotation } from '../../src/managers/api-key.manager.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { CONTRACT_COMPONENTS, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const START = '2027-01-10T12:00:00Z'
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const OF_ACME: NewApiKey = { role: 'organization', name: 'backend', userId: null, expiresAt: null }
const DAY: Rotation = { overlapMs: DAY_MS }

let world: World
let tollkeeper: Tollkeeper
const clock = new SettableClock(START)
beforeAll(async () => {
  world = await openWorld('postgres')
  tollkeeper = await world.open([], { clock })
  await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS)
  await fundedOrganization(tollkeeper, 'other', '10.00', CONTRACT_COMPONENTS)
  for (const user of ['ann', 'bob']) await tollkeeper.teams.addMember('acme', user)
})
afterAll(() => world.close())
beforeEach(() => clock.set(START))

const later = (ms: number): void => clock.set(new Date(clock.now().getTime() + ms).toISOString())
const { principal } = SYSTEM

const create = (input: Partial<NewApiKey> = {}, owner: KeyOwner = 'acme'): Promise<NewSecret> =>
  tollkeeper.inTransaction((em) => tollkeeper.apiKeys.create(em, owner, { ...OF_ACME, ...input }, principal))
const rotate = (id: string, terms: Rotation = DAY, owner: KeyOwner = 'acme') =>
  tollkeeper.inTransaction((em) => tollkeeper.apiKeys.rotate(em, owner, id, terms, principal))
const revoke = (id: string, owner: KeyOwner = 'acme') =>
  tollkeeper.inTransaction((em) => tollkeeper.apiKeys.revoke(em, owner, id))
const find = (id: string, owner: KeyOwner = 'acme') =>
  tollkeeper.inTransaction((em) => tollkeeper.apiKeys.find(em, owner, id))

/** Whom a secret stands for as the database has it now. */
function whoHas(secret: string) {
  tollkeeper.apiKeys.forget()
  return tollkeeper.apiKeys.authenticate(secret)
}

/** Everything of every key but its use, which is written whenever there is time. */
const rows = () => world.database.query(`select to_jsonb(k) - 'last_used_at' from tollkeeper.api_keys k order by id`)

describe('a key', () => {
  it.each([
    ['admin', null],
    ['operator', null],
    ['organization', 'acme'],
  ] as const)('for %s stands for just that', async (role, owner) => {
    const { key, secret } = await create({ role }, owner)
    expect(key).toMatchObject({ state: 'active', hint: secret.slice(-4), createdBy: 'system', lastUsedAt: null })
    expect(await find(key.id, owner)).toEqual(key)
    expect(await whoHas(secret)).toEqual({ role, keyId: key.id, organizationId: owner, userId: null })
  })

  it('is stored without its secret', async () => {
    const { secret } = await create()
    expect(JSON.stringify(await rows())).not.toContain(secret.slice(8, -6))
  })

  it('is nobody’s for another owner', async () => {
    const { key, secret } = await create()
    const before = await rows()
    for (const owner of ['other', null]) {
      await expect(find(key.id, owner)).rejects.toMatchObject({ code: 'not-found' })
      await expect(revoke(key.id, owner)).rejects.toMatchObject({ code: 'not-found' })
      await expect(rotate(key.id, DAY, owner)).rejects.toMatchObject({ code: 'not-found' })
    }
    expect(await rows()).toEqual(before)
    expect(await whoHas(secret)).not.toBeNull()
  })

  it('is made for nobody who is not there', async () => {
    const before = await rows()
    await expect(create({}, 'nobody')).rejects.toMatchObject({ code: 'not-found' })
    await expect(create({ userId: 'zoe' })).rejects.toMatchObject({ code: 'not-a-member' })
    await expect(create({ userId: 'ann' }, 'other')).rejects.toMatchObject({ code: 'not-a-member' })
    await expect(create({ expiresAt: clock.now() })).rejects.toMatchObject({ errors: [{ pointer: '/expires_at' }] })
    expect(await rows()).toEqual(before)
  })

  it('ends when it expires, and not before', async () => {
    const { key, secret } = await create({ expiresAt: new Date(clock.now().getTime() + MINUTE_MS) })
    later(MINUTE_MS - 1)
    expect(await whoHas(secret)).not.toBeNull()
    later(1)
    expect(await whoHas(secret)).toBeNull()
    expect((await find(key.id)).state).toBe('expired')
  })

  it('ends when it is revoked, once; what was revoked stays as it is', async () => {
    const { key, secret } = await create()
    const { before, after } = await revoke(key.id)
    expect([before.state, after.state]).toEqual(['active', 'revoked'])
    later(MINUTE_MS)
    expect(await revoke(key.id)).toEqual({ before: after, after })
    expect(await whoHas(secret)).toBeNull()
  })

  it('says to the minute when it was used last', async () => {
    const { key, secret } = await create()
    const lastUse = async () => (await find(key.id)).lastUsedAt?.getTime() ?? null
    const used = async (at: number) => {
      await whoHas(secret)
      await eventually(lastUse, (seen) => seen === at)
    }
    const first = clock.now().getTime()
    await used(first)
    later(MINUTE_MS)
    await whoHas(secret)
    // Written behind the request: what a second look-up waited for, the first had time for.
    await used(first)
    later(1)
    await used(first + MINUTE_MS + 1)
  })

  it('works for an organisation that is suspended: what it may do is the routes’ question', async () => {
    const { secret } = await create({}, 'other')
    await world.database.query(`update tollkeeper.organizations set status = 'suspended' where id = 'other'`)
    expect(await whoHas(secret)).not.toBeNull()
  })
})

describe('a key for one member', () => {
  it('stands for that member, and ends with the membership for good', async () => {
    const { key, secret } = await create({ userId: 'ann' })
    const whole = await create()
    expect(await whoHas(secret)).toEqual({
      role: 'organization',
      keyId: key.id,
      organizationId: 'acme',
      userId: 'ann',
    })
    await tollkeeper.teams.removeMember('acme', 'ann')
    expect(await whoHas(secret)).toBeNull()
    expect(await find(key.id)).toMatchObject({ state: 'revoked', revokedAt: null })
    await expect(rotate(key.id)).rejects.toMatchObject({ code: 'cannot-rotate' })
    await tollkeeper.teams.addMember('acme', 'ann')
    expect(await whoHas(secret)).toBeNull()
    expect(await whoHas(whole.secret)).not.toBeNull()
    const again = await create({ userId: 'ann' })
    expect(await whoHas(again.secret)).toMatchObject({ userId: 'ann' })
  })

  it('keeps its life while the member gets another role or limit, and is nothing while a seat is not paid', async () => {
    const { secret } = await create({ userId: 'bob' })
    await tollkeeper.teams.changeMember('acme', 'bob', { role: 'admin', spendingLimit: 5n })
    expect(await whoHas(secret)).toMatchObject({ userId: 'bob' })
    await world.database.query(`update tollkeeper.team_members set state = 'pending_payment' where user_id = 'bob'`)
    expect(await whoHas(secret)).toBeNull()
    await world.database.query(`update tollkeeper.team_members set state = 'active' where user_id = 'bob'`)
    expect(await whoHas(secret)).toMatchObject({ userId: 'bob' })
  })

  it('is refused by the table where no such member ever was', async () => {
    const insert = world.database.query(
      `insert into tollkeeper.api_keys (id, role, organization_id, user_id, membership, name, hash, hint, created_at,
         created_by, line_id)
       select gen_random_uuid(), 'organization', 'other', 'ann', gen_random_uuid(), 'x', sha256('x'), 'xxxx', now(), 'x',
         gen_random_uuid()`,
    )
    await expect(insert).rejects.toMatchObject({ constraint: 'api_keys_member_fk' })
  })
})

describe('rotation', () => {
  it('makes a successor for the same, beside which the old key lives for the overlap', async () => {
    const first = await create({ userId: 'bob', name: 'of bob' })
    const { before, after, successor } = await rotate(first.key.id)
    const end = new Date(clock.now().getTime() + DAY_MS)
    expect(before).toEqual(first.key)
    expect(after).toEqual({ ...first.key, state: 'rotating', expiresAt: end })
    expect(successor.key).toMatchObject({ userId: 'bob', name: 'of bob', state: 'active', expiresAt: null })
    expect(successor.key.rotatedFrom).toBe(first.key.id)
    later(DAY_MS - 1)
    for (const { secret } of [first, successor]) expect(await whoHas(secret)).toMatchObject({ userId: 'bob' })
    later(1)
    expect(await whoHas(first.secret)).toBeNull()
    expect(await whoHas(successor.secret)).not.toBeNull()
  })

  it('without an overlap ends the old key at once', async () => {
    const first = await create()
    const { successor } = await rotate(first.key.id, { overlapMs: 0 })
    expect(await whoHas(first.secret)).toBeNull()
    expect(await whoHas(successor.secret)).not.toBeNull()
  })

  it('gives the successor the lifetime that the first key was made with, or another', async () => {
    const { key } = await create({ expiresAt: new Date(clock.now().getTime() + 10 * DAY_MS) })
    later(4 * DAY_MS)
    const { successor } = await rotate(key.id, { overlapMs: 0 })
    expect(successor.key.expiresAt).toEqual(new Date(clock.now().getTime() + 10 * DAY_MS))
    const endless = await rotate(successor.key.id, { overlapMs: 0, expiresAt: null })
    expect(endless.successor.key.expiresAt).toBeNull()
  })

  it('never lengthens the life of the old key', async () => {
    const expiresAt = new Date(clock.now().getTime() + MINUTE_MS)
    const { key, secret } = await create({ expiresAt })
    expect((await rotate(key.id)).after.expiresAt).toEqual(expiresAt)
    later(MINUTE_MS)
    expect(await whoHas(secret)).toBeNull()
  })

  it('is refused while two of a line live, and of a key that has ended; nothing is changed', async () => {
    const first = await create()
    const { successor } = await rotate(first.key.id)
    const before = await rows()
    for (const id of [first.key.id, successor.key.id]) {
      await expect(rotate(id)).rejects.toMatchObject({ status: 409, code: 'cannot-rotate' })
    }
    expect(await rows()).toEqual(before)
    // The secret of the successor was lost: it goes, and the first is rotated again.
    await revoke(successor.key.id)
    await expect(rotate(successor.key.id)).rejects.toMatchObject({ code: 'cannot-rotate' })
    const again = await rotate(first.key.id)
    expect(again.successor.key.rotatedFrom).toBe(first.key.id)
    later(DAY_MS)
    await expect(rotate(first.key.id)).rejects.toMatchObject({ code: 'cannot-rotate' })
    expect((await rotate(again.successor.key.id)).successor.key.state).toBe('active')
  })

  it('by ten at once makes one successor', async () => {
    // On connections that are open: else the first is done before the second has one.
    const ten = Array.from({ length: 10 }, () => null)
    await Promise.all(ten.map(() => tollkeeper.inTransaction((em) => em.execute('select pg_sleep(0.1)'))))
    for (let round = 0; round < 5; round += 1) {
      const { key } = await create()
      const outcomes = await Promise.allSettled(ten.map(() => rotate(key.id)))
      const line = await world.database.query('select id from tollkeeper.api_keys where line_id = $1', [key.id])
      expect(line).toHaveLength(2)
      const refused = outcomes.filter(({ status }) => status === 'rejected')
      expect(refused.map((outcome) => 'reason' in outcome && outcome.reason.code)).toEqual(
        Array(9).fill('cannot-rotate'),
      )
    }
  })
})

it('keys are listed page by page, newest first, those of one owner alone', async () => {
  await fundedOrganization(tollkeeper, 'listed', '0', CONTRACT_COMPONENTS)
  const made: string[] = []
  for (const name of ['a', 'b', 'c']) made.unshift((await create({ name }, 'listed')).key.id)
  const page = (before: string | null) =>
    tollkeeper.inTransaction((em) => tollkeeper.apiKeys.list(em, 'listed', { limit: 2, before }))
  const first = await page(null)
  expect([first.keys.map(({ id }) => id), first.more]).toEqual([made.slice(0, 2), true])
  const second = await page(made[1] ?? newId())
  expect([second.keys.map(({ id }) => id), second.more]).toEqual([made.slice(2), false])
})

it('nobody writes of a key but when it was used and when it ends', async () => {
  await create()
  const before = await rows()
  for (const change of [
    'hash = hash',
    `role = 'admin'`,
    'organization_id = null',
    'user_id = null',
    'expires_at = null',
  ]) {
    const asApp = tollkeeper.inTransaction((em) => em.execute(`update tollkeeper.api_keys set ${change}`))
    await expect(asApp, change).rejects.toMatchObject({ code: '42501' })
  }
  const deleted = tollkeeper.inTransaction((em) => em.execute('delete from tollkeeper.api_keys'))
  await expect(deleted).rejects.toMatchObject({ code: '42501' })
  expect(await rows()).toEqual(before)
})
