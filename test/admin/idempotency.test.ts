import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectBooksToBalance } from '../support/books.ts'
import { type Answer, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const JOBS = '/api/v1/jobs'

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask, { max_team_members: null, member_price: '1.00' })
  for (const id of ['acme', 'rival']) {
    await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
    await door.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body: { amount: '10.00', reference: 'first' } })
    await door.ask(`${ORGANIZATIONS}/${id}/members`, { body: { user_id: 'u0', role: 'owner' } })
  }
})
afterAll(() => door.close())

const keyed = (key: string) => ({ 'Idempotency-Key': key })
const replayed = ({ headers }: Answer) => headers.get('Idempotent-Replayed')
const send = (path: string, key: string, body: unknown, { method = 'POST', id = 'acme' } = {}) =>
  door.ask(`${ORGANIZATIONS}/${id}${path}`, { method, body, headers: keyed(key) })
const expectWhole = async () => {
  await expectBooksToBalance(door.database)
  expect(await door.tollkeeper.verifier.verify({})).toMatchObject({ ok: true, violations: [] })
}

describe('a request under an Idempotency-Key', () => {
  test.each<[string, string, string, unknown, unknown, number]>([
    [
      'a top-up',
      '/top-ups',
      'POST',
      { amount: '5.00', reference: 'a', note: 'é' },
      { amount: '6.00', reference: 'b' },
      201,
    ],
    [
      'an adjustment',
      '/adjustments',
      'POST',
      { amount: 1, direction: 'debit', reference: 'a' },
      { amount: 2, direction: 'debit', reference: 'b' },
      201,
    ],
    ['a member who is added', '/members', 'POST', { user_id: 'u1' }, { user_id: 'u2' }, 201],
    ['a member who is changed', '/members/u0', 'PATCH', { spending_limit: '3.00' }, { spending_limit: null }, 200],
    ['a member who is removed', '/members/u1', 'DELETE', undefined, undefined, 204],
  ])('is answered again with the same bytes: %s', async (name, path, method, body, other, status) => {
    const first = await send(path, name, body, { method })
    expect([first.status, replayed(first)]).toEqual([status, null])
    const before = await door.traces()
    const again = await send(path, name, body, { method })
    expect([again.status, again.text, replayed(again)]).toEqual([status, first.text, 'true'])
    for (const header of ['Location', 'Content-Type', 'ETag']) {
      expect(again.headers.get(header), header).toBe(first.headers.get(header))
    }
    if (other) expectProblem(await send(path, name, other, { method }), 422, 'idempotency-mismatch')
    const elsewhere = method === 'DELETE' ? '/members/u2' : '/members'
    const method2 = method === 'DELETE' ? 'DELETE' : 'POST'
    const wrong = path === '/members' ? { user_id: 'u9' } : method === 'DELETE' ? undefined : { user_id: 'u1' }
    expectProblem(await send(elsewhere, name, wrong, { method: method2 }), 422, 'idempotency-mismatch')
    expect(await door.traces()).toEqual(before)
    await expectWhole()
  })

  test('is the same whatever the order of its fields, and another where a number is written otherwise', async () => {
    const first = await send('/top-ups', 'order', '{"amount":2.5,"reference":"order"}')
    const again = await send('/top-ups', 'order', '{ "reference": "order", "amount": 2.5 }')
    expect([again.text, replayed(again)]).toEqual([first.text, 'true'])
    const otherwise = await send('/top-ups', 'order', '{"amount":2.50,"reference":"order"}')
    expectProblem(otherwise, 422, 'idempotency-mismatch')
  })

  test('is another one in another organisation', async () => {
    const [one, other] = await Promise.all([
      send('/top-ups', 'both', { amount: '1.00', reference: 'both' }),
      send('/top-ups', 'both', { amount: '2.00', reference: 'both' }, { id: 'rival' }),
    ])
    expect([one.status, other.status, replayed(other)]).toEqual([201, 201, null])
    await expectWhole()
  })

  test('that is sent 100 times at once pays once, and each hears the same', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => send('/top-ups', 'race', { amount: '0.01', reference: 'race' })),
    )
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1)
    const { data } = (await door.ask(`${ORGANIZATIONS}/acme/ledger?limit=200`)).body
    expect(data.filter(({ reference }) => reference === 'race')).toHaveLength(1)
    await expectWhole()
  })

  test('that was refused is free to be sent again', async () => {
    const debit = { amount: '100.00', direction: 'debit', reference: 'large' }
    expectProblem(await send('/adjustments', 'refused', debit), 402, 'insufficient-balance')
    await send('/top-ups', 'for it', { amount: '100.00', reference: 'for it' })
    const done = await send('/adjustments', 'refused', debit)
    expect([done.status, replayed(done)]).toEqual([201, null])
    await expectWhole()
  })

  test('is rehearsed without a trace, before and after it is done', async () => {
    const path = `${ORGANIZATIONS}/acme/top-ups`
    const body = { amount: '3.00', reference: 'rehearsed' }
    const before = await door.traces()
    const dry = await door.ask(`${path}?dry_run=true`, { body, headers: keyed('rehearsed') })
    expect([dry.status, dry.body.amount]).toEqual([201, '3.00'])
    expect(await door.traces()).toEqual(before)
    const done = await door.ask(path, { body, headers: keyed('rehearsed') })
    const drawn = { id: '', created_at: '' }
    expect({ ...done.body, ...drawn }).toEqual({ ...dry.body, ...drawn })
    const after = await door.traces()
    const again = await door.ask(`${path}?dry_run=true`, { body, headers: keyed('rehearsed') })
    expect([again.text, replayed(again)]).toEqual([done.text, 'true'])
    const other = await door.ask(`${path}?dry_run=true`, { body: { ...body, reference: 'other' } })
    expect(other.status).toBe(201)
    expect(await door.traces()).toEqual(after)
    await expectWhole()
  })

  test('for a job answers the job as it was submitted, whatever became of it', async () => {
    const body = { organization_id: 'acme', text: 'A text', agents: ['summarizer', 'extractor'], external_id: 'x-1' }
    const submit = (more: object = {}) => door.ask(JOBS, { body: { ...body, ...more }, headers: keyed('job') })
    const first = await submit()
    expect([first.status, replayed(first)]).toEqual([202, null])
    const { id } = first.body
    expect((await door.ask(`${JOBS}/${id}`, { method: 'DELETE' })).body.state).toBe('cancelled')
    const again = await submit()
    expect([again.status, again.text, replayed(again)]).toEqual([202, first.text, 'true'])
    expect(again.headers.get('Location')).toBe(first.headers.get('Location'))
    expectProblem(await submit({ text: 'Another text' }), 422, 'idempotency-mismatch')
    expect((await door.ask(`${JOBS}/${id}`)).body.state).toBe('cancelled')
    expect((await door.ask(`${JOBS}?organization_id=acme`)).body.data).toHaveLength(1)
  })
})
