import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { periodAt, startOfDay } from '../../src/ledger/period.ts'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const NOBODY = '00000000-0000-7000-8000-000000000000'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

async function create(id: string, more: object = {}) {
  const answer = await door.ask(ORGANIZATIONS, { body: { id, ...more } })
  expect(answer.status).toBe(201)
  return answer.body
}
const patch = (id: string, body: object) => door.ask(`${ORGANIZATIONS}/${id}`, { method: 'PATCH', body })
const topUp = (id: string, body: object) => door.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body })
const midnight = (at: unknown) => String(at).endsWith('T00:00:00.000Z')

describe('organisations over HTTP', () => {
  test('an organisation needs only an id, and pins the newest published version of its tariff', async () => {
    const tariff = await publishedTariff(door.ask, { max_team_members: 7 })
    const bare = await create('bare')
    expect(bare).toMatchObject({ id: 'bare', name: 'bare', currency: 'USD', tariff_id: null, tariff_version: null })
    await door.ask(`${TARIFFS}/${tariff}`, { method: 'PATCH', body: { name: 'A draft that nobody gets' } })
    const answer = await door.ask(ORGANIZATIONS, {
      body: { id: 'Full.One_2-x', name: 'Łódź <b>&', tariff_id: tariff.toUpperCase(), overdraft_limit: 2.5 },
    })
    expect([answer.status, answer.headers.get('Location')]).toEqual([201, `${ORGANIZATIONS}/Full.One_2-x`])
    const { period_start: start, period_end: end, created_at: made, ...rest } = answer.body
    expect(rest).toEqual({
      id: 'Full.One_2-x',
      name: 'Łódź <b>&',
      currency: 'USD',
      tariff_id: tariff,
      tariff_version: 1,
      status: 'active',
      next_tariff_version: null,
      due_since: null,
      balance: {
        organization_id: 'Full.One_2-x',
        currency: 'USD',
        available: '0.00',
        held: '0.00',
        overdraft_limit: '2.50',
        seats_used: 0,
        seats_paid: 0,
        max_team_members: 7,
        parked: 0,
        as_of_seq: 0,
      },
      next: 'POST /api/v1/jobs',
    })
    expect([midnight(start), midnight(end)]).toEqual([true, true])
    expect(Date.parse(String(start))).toBeLessThanOrEqual(Date.parse(String(made)))
    expect(Date.parse(String(end))).toBeGreaterThan(Date.parse(String(made)))
    expect((await door.ask(`${ORGANIZATIONS}/Full.One_2-x`)).body).toEqual(answer.body)
  })

  test('whatever is created says where it can be read', async () => {
    await create('located', { tariff_id: await publishedTariff(door.ask) })
    const at = `${ORGANIZATIONS}/located`
    const credit = { amount: '1.00', reference: 'l-2', direction: 'credit', note: 'goodwill' }
    for (const [path, body, location] of [
      ['top-ups', { amount: '5.00', reference: 'l-1' }, `${at}/ledger`],
      ['adjustments', credit, `${at}/ledger`],
      ['members', { user_id: 'ada' }, `${at}/members/ada`],
    ] as const) {
      const made = await door.ask(`${at}/${path}`, { body })
      expect([made.status, made.headers.get('Location')]).toEqual([201, location])
      expect((await door.ask(location)).status).toBe(200)
      const again = await door.ask(`${at}/${path}`, { body })
      expect([again.status, again.headers.get('Location')]).toEqual([200, null])
    }
  })

  test('an id is taken once, also by ten at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => door.ask(ORGANIZATIONS, { body: { id: 'once' } })),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(made).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 201)) expectProblem(answer, 409, 'already-exists')
    expect((await door.ask(`${ORGANIZATIONS}/once`)).body).toEqual(made[0]?.body)
  })

  test('only a published tariff of the same currency can be assigned', async () => {
    const draft = (await door.ask(TARIFFS, { body: { name: 'Draft' } })).body.id
    const archived = await publishedTariff(door.ask)
    await door.ask(`${TARIFFS}/${archived}`, { method: 'DELETE' })
    const euro = await publishedTariff(door.ask, { currency: 'EUR' })
    const known = await publishedTariff(door.ask)
    await create('picky')
    const before = await door.traces()
    const refused = [
      [{ tariff_id: draft }, 409, 'tariff-not-published'],
      [{ tariff_id: draft, tariff_version: 1 }, 409, 'tariff-not-published'],
      [{ tariff_id: archived }, 409, 'tariff-not-published'],
      [{ tariff_id: archived, tariff_version: 1 }, 409, 'tariff-not-published'],
      [{ tariff_id: euro }, 409, 'currency-mismatch'],
      [{ tariff_id: NOBODY }, 404, 'not-found'],
      [{ tariff_id: known, tariff_version: 2 }, 404, 'not-found'],
      [{ tariff_version: 1 }, 422, 'validation'],
    ] as const
    for (const [body, status, code] of refused) {
      expectProblem(await patch('picky', body), status, code)
      expectProblem(await door.ask(ORGANIZATIONS, { body: { id: 'other', ...body } }), status, code)
    }
    expect(await door.traces()).toEqual(before)
    expect((await patch('picky', { tariff_id: known })).body).toMatchObject({ tariff_id: known, tariff_version: 1 })
  })

  test('who is on an archived tariff stays on it, and may name it again', async () => {
    const tariff = await publishedTariff(door.ask)
    const organization = await create('faithful', { tariff_id: tariff })
    await door.ask(`${TARIFFS}/${tariff}`, { method: 'DELETE' })
    expect((await door.ask(`${ORGANIZATIONS}/faithful`)).body).toEqual(organization)
    expect((await patch('faithful', { name: 'faithful', tariff_id: tariff, tariff_version: 1 })).body).toEqual(
      organization,
    )
    expect((await patch('faithful', { tariff_id: null })).body).toMatchObject({ tariff_id: null, tariff_version: null })
  })

  test('another version goes on in the running period, another plan begins a new one', async () => {
    const [first, second] = [await publishedTariff(door.ask), await publishedTariff(door.ask)]
    await door.ask(`${TARIFFS}/${first}`, { method: 'PATCH', body: { price_per_month: '1' } })
    await door.ask(`${TARIFFS}/${first}/publish`, { method: 'POST' })
    await create('mover', { tariff_id: first, tariff_version: 1 })
    const anchor = Date.UTC(2020, 0, 31)
    const { start, end } = periodAt(anchor, Date.now())
    const period = { period_start: new Date(start).toISOString(), period_end: new Date(end).toISOString() }
    await door.tollkeeper
      .em()
      .execute(
        `update tollkeeper.organizations set period_anchor = ?, period_start = ?, period_end = ? where id = 'mover'`,
        [new Date(anchor).toISOString(), period.period_start, period.period_end],
      )
    const moved = await patch('mover', { tariff_version: 2 })
    expect(moved.body).toMatchObject({ tariff_id: first, tariff_version: 2, ...period })
    const { body } = await patch('mover', { tariff_id: second })
    expect(body).toMatchObject({ tariff_id: second, tariff_version: 1 })
    const today = [startOfDay(Date.now() - 60_000), startOfDay(Date.now())]
    expect(today).toContain(Date.parse(String(body.period_start)))
  })

  test('a tariff with fewer seats than members is refused', async () => {
    const [large, small] = [await publishedTariff(door.ask), await publishedTariff(door.ask, { max_team_members: 1 })]
    await create('crowd', { tariff_id: large })
    for (const user of ['u1', 'u2']) {
      const added = await door.ask(`${ORGANIZATIONS}/crowd/members`, { body: { user_id: user } })
      expect([added.status, added.body.state]).toEqual([201, 'active'])
    }
    expectProblem(await patch('crowd', { tariff_id: small }), 409, 'seat-limit')
    await door.ask(`${ORGANIZATIONS}/crowd/members/u2`, { method: 'DELETE' })
    expect((await patch('crowd', { tariff_id: small })).body).toMatchObject({ tariff_id: small })
  })

  test('a top-up counts once per reference, whatever is asked again', async () => {
    await create('payer')
    const paid = await topUp('payer', { amount: '10.00', reference: 'invoice-17', note: 'thanks' })
    expect(paid.status).toBe(201)
    expect(paid.body).toMatchObject({
      organization_id: 'payer',
      amount: '10.00',
      currency: 'USD',
      reference: 'invoice-17',
      seq: 1,
      balance: { available: '10.00', as_of_seq: 1 },
      resumed_jobs: [],
      activated_members: [],
    })
    const again = await topUp('payer', { amount: 10, reference: 'invoice-17' })
    expect([again.status, again.body]).toEqual([200, paid.body])
    expectProblem(await topUp('payer', { amount: '10.01', reference: 'invoice-17' }), 409, 'reference-conflict')
    expectProblem(await topUp('nobody', { amount: '1', reference: 'x' }), 404, 'not-found')
    const ledger = await door.ask(`${ORGANIZATIONS}/payer/ledger`)
    expect(ledger.body.data).toHaveLength(1)
    expect(ledger.body).toEqual((await door.ask('/api/v1/ledger?organization_id=payer')).body)
    expect((await door.ask('/api/v1/balance?organization_id=payer')).body).toEqual(paid.body.balance)
  })

  test('adjustments go up and down, but never below the limit', async () => {
    await create('fixed')
    const adjust = (body: object) => door.ask(`${ORGANIZATIONS}/fixed/adjustments`, { body })
    const credit = await adjust({ amount: '3', direction: 'credit', reference: 'a', note: 'sorry' })
    expect([credit.status, credit.body.direction]).toEqual([201, 'credit'])
    const debit = await adjust({ amount: '2', direction: 'debit', reference: 'b', note: null })
    expect(debit.body).toMatchObject({ amount: '2.00', direction: 'debit', balance: { available: '1.00' } })
    expectProblem(await adjust({ amount: '1.01', direction: 'debit', reference: 'c' }), 402, 'insufficient-balance')
    expect((await door.ask('/api/v1/balance?organization_id=fixed')).body).toMatchObject({
      available: '1.00',
      as_of_seq: 2,
    })
    const pages = ['?limit=1', ''].map((query) => door.ask(`${ORGANIZATIONS}/fixed/ledger${query}`))
    const [page, all] = await Promise.all(pages)
    expect(all?.body.data.map(({ seq }) => seq)).toEqual([1, 2])
    const rest = await door.ask(`${ORGANIZATIONS}/fixed/ledger?cursor=${page?.body.next_cursor}`)
    expect([...(page?.body.data ?? []), ...rest.body.data]).toEqual(all?.body.data)
  })

  test('the overdraft limit follows what is owed', async () => {
    await create('debtor', { overdraft_limit: '5' })
    const debit = { amount: '4', direction: 'debit', reference: 'owed' }
    expect((await door.ask(`${ORGANIZATIONS}/debtor/adjustments`, { body: debit })).status).toBe(201)
    const refused = await patch('debtor', { overdraft_limit: '3.999999999' })
    expectProblem(refused, 422, 'validation')
    expect(refused.body.errors[0]).toMatchObject({ pointer: '/overdraft_limit', code: 'invalid-value' })
    expect((await patch('debtor', { overdraft_limit: '4' })).body.balance).toMatchObject({
      available: '-4.00',
      overdraft_limit: '4.00',
    })
  })

  test('members are added once, listed newest first, and removed once', async () => {
    const tariff = await publishedTariff(door.ask, { max_team_members: 2, member_price: '1000000' })
    await create('team')
    const members = `${ORGANIZATIONS}/team/members`
    const add = (userId: string) => door.ask(members, { body: { user_id: userId } })
    expectProblem(await add('u1'), 409, 'no-tariff')
    await patch('team', { tariff_id: tariff })
    const waiting = await add('u1')
    expect(waiting.status).toBe(202)
    expect(waiting.body).toMatchObject({ user_id: 'u1', role: 'member', state: 'pending_payment', charged: '0.00' })
    expect(waiting.body.needed).toBe(waiting.body.missing)
    expect(await add('u1')).toMatchObject({ status: 200, body: waiting.body })

    const paid = await topUp('team', { amount: '2000000', reference: 'seats' })
    expect(paid.body).toMatchObject({ activated_members: ['u1'], balance: { seats_used: 1, seats_paid: 1 } })
    const second = await door.ask(members, { body: { user_id: 'u2', role: 'admin' } })
    expect([second.status, second.body.role, second.body.state]).toEqual([201, 'admin', 'active'])
    expectProblem(await add('u3'), 409, 'seat-limit')
    const list = await door.ask(members)
    expect(list.body.data.map((member) => member.user_id)).toEqual(['u2', 'u1'])
    const page = await door.ask(`${members}?limit=1`)
    expect((await door.ask(`${members}?cursor=${page.body.next_cursor}`)).body.data).toEqual(list.body.data.slice(1))

    expect((await door.ask(`${members}/u2`, { method: 'DELETE' })).status).toBe(204)
    expectProblem(await door.ask(`${members}/u2`, { method: 'DELETE' }), 404, 'not-found')
    expect((await add('u3')).body).toMatchObject({ state: 'active', charged: '0.00' })
  })

  test('organisations are listed from the newest to the oldest', async () => {
    const made = [await create('z-first'), await create('a-second'), await create('m-third')]
    const page = await door.ask(`${ORGANIZATIONS}?limit=2`)
    expect(page.body.data).toEqual([made[2], made[1]])
    const next = await door.ask(`${ORGANIZATIONS}?limit=1&cursor=${page.body.next_cursor}`)
    expect(next.body.data).toEqual([made[0]])
  })

  test('a raised limit wakes whom it may help', async () => {
    await create('sleeper')
    const woken: string[] = []
    const { wake } = door.tollkeeper.waker
    door.tollkeeper.waker.wake = (id, scope) => {
      woken.push(`${id} ${scope}`)
      return wake.call(door.tollkeeper.waker, id, scope)
    }
    await patch('sleeper', { overdraft_limit: '1' })
    await patch('sleeper', { name: 'Sleeper' })
    expect(woken).toEqual(['sleeper fitting'])
  })
})
