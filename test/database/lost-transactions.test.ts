import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

describe('a transaction of the unit of work whose server process ends', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
  })
  afterAll(() => world.close())

  it('fails by itself and keeps no connection, however often it happens', { timeout: 60_000 }, async () => {
    const { inTransaction } = tollkeeper
    const lose = () => inTransaction((em) => em.execute('select pg_terminate_backend(pg_backend_pid())'))
    // Each is tried five times, each time on a connection that is lost: together far more than the pool has.
    for (let index = 0; index < 3; index += 1) await expect(lose()).rejects.toMatchObject({ code: 'unavailable' })
    const [row] = await inTransaction((em) => em.execute<{ one: number }[]>('select 1 as one'))
    expect(row).toEqual({ one: 1 })
  })

  it('rolls back all the same where only a statement fails', async () => {
    const { inTransaction } = tollkeeper
    const failing = inTransaction(async (em) => {
      await em.execute(`insert into tollkeeper.tariff_plans (id, currency) values (gen_random_uuid(), 'USD')`)
      await em.execute('select 1 / 0')
    })
    await expect(failing).rejects.toThrow()
    const [row] = await inTransaction((em) => em.execute('select count(*)::int as plans from tollkeeper.tariff_plans'))
    expect(row).toEqual({ plans: 0 })
  })
})
