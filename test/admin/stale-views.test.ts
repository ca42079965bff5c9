import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'

/** Two admins look at the same thing; the second one to write is told that it has changed. */
describe('whoever changes what somebody else has changed meanwhile is told so', () => {
  let door: Door
  beforeAll(async () => {
    door = await openDoor()
  })
  afterAll(() => door.close())

  const tagOf = async (path: string): Promise<string> => {
    const tag = (await door.ask(path)).headers.get('ETag') ?? ''
    expect(tag).toMatch(/^"[A-Za-z0-9_-]{22}"$/)
    return tag
  }
  const patch = (path: string, body: object, tag: string): Promise<Answer> => {
    return door.ask(path, { method: 'PATCH', body, headers: { 'If-Match': tag } })
  }

  test('of a plan, by any edit of its draft', async () => {
    const plan = `${TARIFFS}/${await publishedTariff(door.ask)}`
    const seen = await tagOf(plan)
    const first = await patch(plan, { name: 'First' }, seen)
    expect([first.status, first.body.name]).toEqual([200, 'First'])
    expect(await tagOf(plan)).toBe(first.headers.get('ETag'))

    const component = { key: 'in', kind: 'input_tokens', price: '0.15' }
    const headers = { 'If-Match': seen }
    const before = await door.traces()
    expectProblem(await patch(plan, { name: 'Second' }, seen), 409, 'stale-version')
    expectProblem(await door.ask(`${plan}/components`, { body: component, headers }), 409, 'stale-version')
    expectProblem(await door.ask(`${plan}/components/run`, { method: 'DELETE', headers }), 409, 'stale-version')
    expectProblem(await door.ask(`${plan}/publish`, { method: 'POST', headers }), 409, 'stale-version')
    expectProblem(await door.ask(plan, { method: 'DELETE', headers }), 409, 'stale-version')
    expect(await door.traces()).toEqual(before)

    const now = await tagOf(plan)
    const added = await door.ask(`${plan}/components`, { body: component, headers: { 'If-Match': `"x", ${now}` } })
    expect(added.status, 'one of several tags is enough').toBe(201)
    expect((await patch(plan, { name: 'Third' }, '*')).status, 'whatever it is').toBe(200)
  })

  test('of an organisation, by its terms and not by its balance', async () => {
    const tariff = await publishedTariff(door.ask)
    const made = await door.ask(ORGANIZATIONS, { body: { id: 'seen', tariff_id: tariff } })
    const at = `${ORGANIZATIONS}/seen`
    const seen = await tagOf(at)
    expect(made.headers.get('ETag')).toBe(seen)
    await door.ask(`${at}/top-ups`, { body: { amount: '5', reference: 'a' } })
    expect(await tagOf(at), 'money came in').toBe(seen)
    expect((await patch(at, { overdraft_limit: '3' }, seen)).status).toBe(200)
    expectProblem(await patch(at, { overdraft_limit: '100' }, seen), 409, 'stale-version')
    expect((await door.ask(at)).body).toMatchObject({ balance: { overdraft_limit: '3.00', available: '5.00' } })
  })

  test('of a member, by role and limit, also where twenty raise it at once', async () => {
    const tariff = await publishedTariff(door.ask, { max_team_members: 5 })
    await door.ask(ORGANIZATIONS, { body: { id: 'team', tariff_id: tariff } })
    await door.ask(`${ORGANIZATIONS}/team/members`, { body: { user_id: 'ann', spending_limit: '1' } })
    const at = `${ORGANIZATIONS}/team/members/ann`
    const seen = await tagOf(at)
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, index) => patch(at, { spending_limit: `${index + 2}` }, seen)),
    )
    const statuses = all.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    for (const answer of all.filter(({ status }) => status !== 200)) expectProblem(answer, 409, 'stale-version')
    expect((await door.ask(at)).body.spending_limit).toBe(`${statuses.indexOf(200) + 2}.00`)
  })

  test('and whose key was used is answered as before, whatever If-Match says by now', async () => {
    const at = `${ORGANIZATIONS}/team/members/ann`
    const headers = { 'If-Match': await tagOf(at), 'Idempotency-Key': 'raise' }
    const first = await door.ask(at, { method: 'PATCH', body: { spending_limit: '77' }, headers })
    const again = await door.ask(at, { method: 'PATCH', body: { spending_limit: '77' }, headers })
    expect([first.status, again.status, again.text]).toEqual([200, 200, first.text])
    expect(again.headers.get('Idempotent-Replayed')).toBe('true')
  })

  test('of a limit that twenty raise at once by what they have seen, one is raised', async () => {
    await door.ask(ORGANIZATIONS, { body: { id: 'raced' } })
    const at = `${ORGANIZATIONS}/raced`
    const seen = await tagOf(at)
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, index) => patch(at, { overdraft_limit: `${index + 1}` }, seen)),
    )
    const statuses = all.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 409)).toHaveLength(19)
    const limit = (await door.ask(at)).body.balance as { overdraft_limit: string }
    expect(limit.overdraft_limit).toBe(`${statuses.indexOf(200) + 1}.00`)
  })
})
