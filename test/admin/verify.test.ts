import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const KEY = 'a-key-of-the-operator-of-32-characters'

describe('GET /api/v1/admin/verify', () => {
  let door: Door
  beforeAll(async () => {
    door = await openDoor()
    const tariffId = await publishedTariff(door.ask)
    for (const id of ['acme', 'other']) {
      await door.ask('/api/v1/admin/organizations', { body: { id, tariff_id: tariffId } })
      const topUp = await door.ask(`/api/v1/admin/organizations/${id}/top-ups`, {
        body: { amount: '5.00', reference: 'a' },
      })
      expect(topUp.status).toBe(201)
    }
  })
  afterAll(() => door.close())

  it('says that the books balance, and of how many', async () => {
    const answer = await door.ask('/api/v1/admin/verify')
    expect(answer.status).toBe(200)
    const books = { organizations: 2, entries: 2, violations: [], warnings: [], frozen: [] }
    const [head] = await door.database.query(`select seq::int, encode(hash, 'hex') as hash from tollkeeper.audit_head`)
    expect(answer.body).toEqual({ ok: true, ...books, audit_log: head })
    expect((await door.ask('/api/v1/admin/verify?organization_id=acme')).body).toMatchObject({
      organizations: 1,
      entries: 1,
    })
  })

  it('names what is broken with 200, and freezes nothing', async () => {
    const em = door.tollkeeper.em()
    await em.execute(
      `update tollkeeper.organization_balances set available = available - 1 where organization_id = 'acme'`,
    )
    const before = await door.traces()
    const answer = await door.ask('/api/v1/admin/verify')
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      ok: false,
      violations: [
        { invariant: 1, organization_id: 'acme', detail: 'balance: available is 4.999999999, the entries make 5.00' },
      ],
    })
    expect(await door.traces()).toEqual(before)
  })

  it('refuses what it does not take, who is not there, and who has no key', async () => {
    expectProblem(await door.ask('/api/v1/admin/verify?freeze=true'), 400, 'invalid-query')
    expectProblem(await door.ask('/api/v1/admin/verify?organization_id=nobody'), 404, 'not-found')
    expectProblem(await door.ask('/api/v1/admin/verify', { method: 'POST', body: {} }), 404, 'not-found')
    const { ask } = await door.withKey(KEY)
    expectProblem(await ask('/api/v1/admin/verify'), 401, 'unauthorized')
  })
})
