import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TollkeeperError } from '../../src/foundation/errors.ts'
import { type Door, openDoor, publishedTariff } from '../admin/open-door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const NEW = { currency: 'USD', tariffId: null, tariffVersion: null, overdraftLimit: 0n }

describe('the organisation manager', () => {
  test('loses no payment that comes in while a limit is changed', async () => {
    const { inTransaction, organizations, balances, em } = door.tollkeeper
    await inTransaction((manager) => organizations.create(manager, { ...NEW, id: 'busy', name: 'Busy' }))
    const payments = Array.from({ length: 20 }, (_, index) =>
      balances.topUp('busy', { amount: 1n, reference: `r${index}`, note: null }),
    )
    const changes = Array.from({ length: 20 }, (_, index) =>
      inTransaction((manager) => organizations.update(manager, 'busy', { overdraftLimit: BigInt(index) })),
    )
    await Promise.all([...payments, ...changes])
    const last = await inTransaction((manager) => organizations.update(manager, 'busy', { overdraftLimit: 7n }))
    expect(last).toMatchObject({ id: 'busy', status: 'active' })
    expect(await balances.balance(em(), 'busy')).toMatchObject({ available: 20n, overdraftLimit: 7n, asOfSeq: 20 })
  })

  test('never pins a version of a plan that is archived at the same moment', async () => {
    const { inTransaction, organizations, tariffs, em } = door.tollkeeper
    for (let round = 0; round < 5; round += 1) {
      const id = `racer-${round}`
      const tariffId = await publishedTariff(door.ask)
      await inTransaction((manager) => organizations.create(manager, { ...NEW, id, name: id }))
      const assigning = inTransaction((manager) => organizations.update(manager, id, { tariffId })).catch(
        (error: TollkeeperError) => error.code,
      )
      const [assigned] = await Promise.all([assigning, inTransaction((manager) => tariffs.archive(manager, tariffId))])
      // Another plan is noted with the change, and begins with the next call on the organisation's money.
      await organizations.renew(id)
      const { tariffId: pinned } = await organizations.find(em(), id)
      if (typeof assigned === 'string') expect([assigned, pinned]).toEqual(['tariff-not-published', null])
      else expect(pinned).toBe(tariffId)
    }
  })

  test('makes no organisation without a balance, whatever fails', async () => {
    const { inTransaction, organizations, em } = door.tollkeeper
    const before = await door.traces()
    const failing = inTransaction(async (manager) => {
      await organizations.create(manager, { ...NEW, id: 'half', name: 'Half' })
      throw new Error('the caller fails')
    })
    await expect(failing).rejects.toThrow('the caller fails')
    await expect(organizations.find(em(), 'half')).rejects.toMatchObject({ code: 'not-found' })
    expect(await door.traces()).toEqual(before)
  })
})
