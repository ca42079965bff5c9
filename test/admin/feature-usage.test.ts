import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, openDoor } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const components = [{ key: 'pages', kind: 'feature', feature: 'ocr-page', price: '0.10', included: 2 }]
  const tariff = await door.ask('/api/v1/admin/tariffs', { body: { name: 'Pages', components, publish: true } })
  await door.ask(ORGANIZATIONS, { body: { id: 'acme', tariff_id: tariff.body.id } })
  await door.ask(`${ORGANIZATIONS}/acme/top-ups`, { body: { amount: '5.00', reference: 'first' } })
  await door.ask(`${ORGANIZATIONS}/acme/members`, { body: { user_id: 'ann' } })
  await charge('free', 2, null)
  await charge('of ann', 3, 'ann')
  await charge('of nobody', 1, null)
})
afterAll(() => door.close())

async function charge(key: string, quantity: number, userId: string | null): Promise<void> {
  const body = { organization_id: 'acme', feature: 'ocr-page', quantity, key, user_id: userId }
  const { status } = await door.ask('/api/v1/feature-charges', { body })
  expect(status).toBe(201)
}

describe('what features cost outside of any job', () => {
  test('stands in the usage by member, with the free units', async () => {
    const { body } = await door.ask(`${ORGANIZATIONS}/acme/usage?group_by=kind,component,member`)
    const row = { component: 'pages', kind: 'feature', jobs: 0 }
    expect(body.data).toMatchObject([
      { ...row, member: 'ann', quantity: 3, included: 0, billed: 3, amount: '0.30' },
      { ...row, member: null, quantity: 3, included: 2, billed: 1, amount: '0.10' },
    ])
    expect(body.total).toMatchObject({ quantity: 6, included: 2, billed: 4, amount: '0.40', jobs: 0 })
    const before = await door.ask(`${ORGANIZATIONS}/acme/usage?from=2020-01-01&to=2020-02-01`)
    expect(before.body.data).toEqual([])
  })

  test('stands in the statement by component and member, as far as money moved', async () => {
    const { body } = await door.ask(`${ORGANIZATIONS}/acme/statements/current`)
    expect(body.movements).toContainEqual({
      kind: 'feature',
      entries: 2,
      amount: '0.40',
      available: '-0.40',
      held: '0.00',
    })
    expect(body.by_component).toEqual([{ component: 'pages', quantity: 4, amount: '0.40' }])
    expect(body.by_member).toEqual([
      { member: 'ann', amount: '0.30' },
      { member: null, amount: '0.10' },
    ])
    expect(body.closing).toMatchObject({ available: '4.60' })
  })
})
