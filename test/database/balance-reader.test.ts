import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const PRICES = [component('input', { kind: 'input_tokens' }, '0.15')]
const IDS = ['acme', 'rival', 'third']

let world: World
let tollkeeper: Tollkeeper
beforeAll(async () => {
  world = await openWorld('postgres')
  tollkeeper = await world.open()
  const terms = { memberPrice: '0.10', maxTeamMembers: 5 }
  for (const [index, id] of IDS.entries()) await fundedOrganization(tollkeeper, id, `${index + 1}.00`, PRICES, terms)
  await tollkeeper.teams.addMember('rival', 'ann')
  await tollkeeper.inTransaction((em) =>
    tollkeeper.organizations.create(em, {
      ...{ id: 'bare', name: 'bare', currency: 'EUR', tariffId: null, tariffVersion: null },
      overdraftLimit: 7n,
    }),
  )
})
afterAll(() => world.close())

describe('balances that are asked for at one moment', () => {
  it('are everybody’s own, the same as one that is read by itself, and none of an unknown organisation', async () => {
    const asked = ['third', 'nobody', 'acme', 'bare', 'rival', 'acme']
    const read = await Promise.allSettled(asked.map((id) => tollkeeper.balances.present(id)))
    for (const [index, id] of asked.entries()) {
      const answer = read[index]
      if (id === 'nobody') expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'not-found' } })
      else
        expect(answer).toEqual({ status: 'fulfilled', value: await tollkeeper.balances.balance(tollkeeper.em(), id) })
    }
  })

  it('count the jobs that are parked', async () => {
    const { id } = await tollkeeper.service.submit({ organizationId: 'third', text: 'text' })
    await world.database.query(
      `update tollkeeper.jobs set state = 'rejected_for_balance', parked_at = now(), stage = 'input' where id = $1`,
      [id],
    )
    const parked = await Promise.all(IDS.map(async (each) => (await tollkeeper.balances.present(each)).parked))
    expect(parked).toEqual([0, 0, 1])
  })

  it('say what was paid in before they were asked for, however many others are being read', async () => {
    const others = Array.from({ length: 50 }, () => tollkeeper.balances.present('rival'))
    const { balance } = await tollkeeper.balances.topUp('acme', {
      amount: parseAmount('0.50'),
      reference: 'more',
      note: null,
    })
    expect(await tollkeeper.balances.present('acme')).toEqual(balance)
    expect(new Set((await Promise.all(others)).map(({ available }) => available)).size).toBe(1)
  })
})
