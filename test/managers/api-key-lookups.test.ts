import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { ApiKeyReader } from '../../src/database/api-key-reader.ts'
import { NO_CLOCK } from '../../src/database/money/database-clock.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { SYSTEM } from '../../src/foundation/mandate.ts'
import { ApiKeyManager } from '../../src/managers/api-key.manager.ts'
import { newSecret } from '../../src/managers/api-key-secret.ts'
import { DatabaseTime } from '../../src/managers/database-time.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

const quiet = createLogger('silent')

let world: World
let tollkeeper: Tollkeeper
let pool: pg.Pool
let reader: ApiKeyReader
let keys: ApiKeyManager
let lookups = 0
beforeAll(async () => {
  world = await openWorld('postgres')
  tollkeeper = await world.open()
  pool = openMoneyPool(world.database.appUrl, 2)
  reader = new ApiKeyReader(pool, NO_CLOCK, quiet)
  keys = new ApiKeyManager(new DatabaseTime(NO_CLOCK), {
    read(hash) {
      lookups += 1
      return reader.read(hash)
    },
  })
})
afterAll(async () => {
  await reader.drain()
  await pool.end()
  await world.close()
})
beforeEach(() => {
  lookups = 0
})

async function aKey(): Promise<{ readonly id: string; readonly secret: string }> {
  const input = { role: 'operator', name: 'x', userId: null, expiresAt: null } as const
  const made = await tollkeeper.inTransaction((em) => keys.create(em, null, input, SYSTEM.principal))
  return { id: made.key.id, secret: made.secret }
}

describe('the work for a secret', () => {
  it('is no look-up where it is mistyped, and one for every other wrong one: the time tells no more than its form', async () => {
    const revoked = await aKey()
    await tollkeeper.inTransaction((em) => keys.revoke(em, null, revoked.id))
    const expired = await aKey()
    await world.database.query('update tollkeeper.api_keys set expires_at = now() where id = $1', [expired.id])
    for (const [secret, cost] of [
      ['', 0],
      ['x'.repeat(16_000), 0],
      [`${revoked.secret.slice(0, -1)}-`, 0],
      [newSecret('operator'), 1],
      [newSecret('admin'), 1],
      [revoked.secret, 1],
      [expired.secret, 1],
    ] as const) {
      lookups = 0
      expect(await keys.authenticate(secret)).toBeNull()
      expect(lookups).toBe(cost)
    }
  })

  it('is one look-up for a thousand requests at once, and none for those that follow', async () => {
    const { id, secret } = await aKey()
    const found = await Promise.all(Array.from({ length: 1_000 }, () => keys.authenticate(secret)))
    expect(new Set(found).size).toBe(1)
    expect(found[0]).toEqual({ role: 'operator', keyId: id, organizationId: null, userId: null })
    expect(lookups).toBe(1)
  })

  it('is shared among five thousand wrong ones at once: a few statements', async () => {
    let statements = 0
    pool.on('acquire', () => {
      statements += 1
    })
    const wrong = Array.from({ length: 5_000 }, () => newSecret('admin'))
    expect(await Promise.all(wrong.map((each) => keys.authenticate(each)))).toEqual(wrong.map(() => null))
    expect(lookups).toBe(wrong.length)
    expect(statements).toBeLessThan(5)
  })
})

it('while the database is away nobody is taken for somebody, nor told that the key is wrong', {
  timeout: 15_000,
}, async () => {
  const nowhere = openMoneyPool('postgres://nobody@127.0.0.1:1/nowhere', 1)
  const blind = new ApiKeyManager(new DatabaseTime(NO_CLOCK), new ApiKeyReader(nowhere, NO_CLOCK, quiet))
  await expect(blind.authenticate(newSecret('admin'))).rejects.toMatchObject({ code: 'unavailable', status: 503 })
  expect(await blind.authenticate('tk_admin_mistyped')).toBeNull()
  await nowhere.end()
})
