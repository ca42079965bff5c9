import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

/** An organisation whose seats cost nothing. @returns where its members are */
async function team(id: string): Promise<string> {
  const tariff = await publishedTariff(door.ask)
  expect((await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })).status).toBe(201)
  return `${ORGANIZATIONS}/${id}/members`
}
const add = (members: string, body: object) => door.ask(members, { body })
const patch = (member: string, body: unknown) => door.ask(member, { method: 'PATCH', body })

describe('a member over HTTP', () => {
  test('has a spending limit if one is given, and shows what is counted against it', async () => {
    const members = await team('limited')
    const ann = await add(members, { user_id: 'ann', role: 'admin', spending_limit: 5 })
    expect([ann.status, ann.body]).toEqual([
      201,
      {
        organization_id: 'limited',
        user_id: 'ann',
        role: 'admin',
        state: 'active',
        charged: '0.00',
        needed: null,
        missing: null,
        currency: 'USD',
        added_at: expect.any(String),
        spending_limit: '5.00',
        committed: '0.00',
        next: 'POST /api/v1/jobs',
      },
    ])
    const bob = await add(members, { user_id: 'bob' })
    expect(bob.body).toMatchObject({ role: 'member', spending_limit: null, committed: '0.00' })
    expect((await add(members, { user_id: 'eve', spending_limit: null })).body).toMatchObject({ spending_limit: null })
    expect((await door.ask(`${members}/ann`)).body).toEqual(ann.body)
    expect((await door.ask(members)).body.data[2]).toEqual(ann.body)
    const again = await add(members, { user_id: 'ann', spending_limit: '7.00' })
    expect([again.status, again.body], 'added again: the stored answer').toEqual([200, ann.body])
  })

  test('is changed by what is named, as often as it is asked', async () => {
    const members = await team('changed')
    const { body: first } = await add(members, { user_id: 'ann', spending_limit: '5.00' })
    const ledger = await door.ask(`${ORGANIZATIONS}/changed/ledger`)
    for (const [body, expected] of [
      [{ role: 'admin' }, { ...first, role: 'admin' }],
      [{ role: 'admin' }, { ...first, role: 'admin' }],
      [{ spending_limit: '0.000000001' }, { ...first, role: 'admin', spending_limit: '0.000000001' }],
      [{}, { ...first, role: 'admin', spending_limit: '0.000000001' }],
      [{ spending_limit: 0 }, { ...first, role: 'admin', spending_limit: '0.00' }],
      [
        { role: 'member', spending_limit: null },
        { ...first, spending_limit: null },
      ],
    ] as const) {
      const answer = await patch(`${members}/ann`, body)
      expect([answer.status, answer.body]).toEqual([200, expected])
      expect((await door.ask(`${members}/ann`)).body).toEqual(expected)
    }
    expect((await door.ask(`${ORGANIZATIONS}/changed/ledger`)).body, 'it costs nothing').toEqual(ledger.body)
  })

  test('is not changed by what makes no sense', async () => {
    const members = await team('stubborn')
    await add(members, { user_id: 'ann', spending_limit: '5.00' })
    const before = await door.traces()
    for (const [body, pointer, code] of [
      [{ spending_limit: '-1' }, '/spending_limit', 'invalid-amount'],
      [{ spending_limit: '0.0000000001' }, '/spending_limit', 'too-precise'],
      [{ spending_limit: true }, '/spending_limit', 'invalid-type'],
      [{ role: 'boss' }, '/role', 'invalid-value'],
      [{ role: null }, '/role', 'invalid-type'],
      [{ user_id: 'bob' }, '/user_id', 'unknown-field'],
      [{ state: 'active' }, '/state', 'unknown-field'],
    ] as const) {
      const answer = await patch(`${members}/ann`, body)
      expectProblem(answer, 422, 'validation')
      expect(answer.body.errors[0]?.pointer, JSON.stringify(body)).toBe(pointer)
      expect(answer.body.errors[0]?.code, JSON.stringify(body)).toBe(code)
    }
    expectProblem(await add(members, { user_id: 'bob', spending_limit: '-1' }), 422, 'validation')
    expect(await door.traces()).toEqual(before)
  })

  test('who is none, or none any more, is not found', async () => {
    const members = await team('strangers')
    await add(members, { user_id: 'ann' })
    await door.ask(`${members}/ann`, { method: 'DELETE' })
    const before = await door.traces()
    for (const member of [`${members}/ann`, `${members}/bob`, `${ORGANIZATIONS}/nowhere/members/ann`]) {
      expectProblem(await door.ask(member), 404, 'not-found')
      expectProblem(await patch(member, { role: 'owner' }), 404, 'not-found')
      expectProblem(await door.ask(member, { method: 'DELETE' }), 404, 'not-found')
    }
    expect(await door.traces()).toEqual(before)
  })

  test('who is the last owner stays one', async () => {
    const members = await team('owned')
    await add(members, { user_id: 'ann', role: 'owner' })
    await add(members, { user_id: 'bob', role: 'admin' })
    const before = await door.traces()
    const refused = [
      await patch(`${members}/ann`, { role: 'admin' }),
      await patch(`${members}/ann`, { role: 'member', spending_limit: '1.00' }),
      await door.ask(`${members}/ann`, { method: 'DELETE' }),
    ]
    for (const answer of refused) {
      expectProblem(answer, 409, 'last-owner')
      expect(answer.body.detail).toMatch(/make another active member an owner/)
    }
    expect(await door.traces()).toEqual(before)
    expect((await patch(`${members}/ann`, { spending_limit: '1.00' })).body).toMatchObject({ role: 'owner' })
    expect((await patch(`${members}/bob`, { role: 'owner' })).body).toMatchObject({ role: 'owner' })
    expect((await patch(`${members}/ann`, { role: 'member' })).status).toBe(200)
    expectProblem(await door.ask(`${members}/bob`, { method: 'DELETE' }), 409, 'last-owner')
    expect((await door.ask(`${members}/ann`, { method: 'DELETE' })).status).toBe(204)
  })

  test('added and removed thirty times in a period pays one seat', async () => {
    const tariff = await publishedTariff(door.ask, { max_team_members: 1, member_price: '20.00' })
    await door.ask(ORGANIZATIONS, { body: { id: 'restless', tariff_id: tariff } })
    await door.ask(`${ORGANIZATIONS}/restless/top-ups`, { body: { amount: '100.00', reference: 'first' } })
    const members = `${ORGANIZATIONS}/restless/members`
    for (let time = 0; time < 30; time += 1) {
      const added = await add(members, { user_id: `user-${time % 3}` })
      expect([added.status, added.body.state]).toEqual([201, 'active'])
      expect((await door.ask(`${members}/user-${time % 3}`, { method: 'DELETE' })).status).toBe(204)
    }
    const { data } = (await door.ask(`${ORGANIZATIONS}/restless/ledger`)).body
    expect(data.map(({ kind }) => kind)).toEqual(['top_up', 'seat_fee'])
    expect(await door.tollkeeper.verifier.verify({ organizationId: 'restless' })).toMatchObject({ ok: true })
  })

  test('who waits for money may leave: nothing is charged, and the place is free for the next', async () => {
    const tariff = await publishedTariff(door.ask, { max_team_members: 2, member_price: '1000000' })
    await door.ask(ORGANIZATIONS, { body: { id: 'waiting', tariff_id: tariff } })
    const members = `${ORGANIZATIONS}/waiting/members`
    for (const user of ['ann', 'bob']) expect((await add(members, { user_id: user })).status).toBe(202)
    expectProblem(await add(members, { user_id: 'eve' }), 409, 'seat-limit')
    expect((await patch(`${members}/bob`, { role: 'admin' })).body).toMatchObject({ state: 'pending_payment' })
    expect((await door.ask(`${members}/ann`, { method: 'DELETE' })).status).toBe(204)
    expect((await add(members, { user_id: 'eve' })).status).toBe(202)
    const body = { amount: '3000000', reference: 'seats' }
    const paid = await door.ask(`${ORGANIZATIONS}/waiting/top-ups`, { body })
    expect(paid.body).toMatchObject({ activated_members: ['bob', 'eve'], balance: { seats_used: 2, seats_paid: 2 } })
    expect(await door.tollkeeper.verifier.verify({ organizationId: 'waiting' })).toMatchObject({ ok: true })
  })
})
