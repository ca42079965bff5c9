import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workOffAll } from '../managers/plan-world.ts'
import { type Answer, type Door, expectProblem, openDoor } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const NOBODY = '00000000-0000-7000-8000-000000000000'
const INPUT = { key: 'in', kind: 'input_tokens', price: '0.15', per: 1, included: 10 }

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const create = async (body: object) =>
  (await door.ask(TARIFFS, { body: { name: 'Plan', publish: true, ...body } })).body
const patch = (id: string, body: object) => door.ask(`${TARIFFS}/${id}`, { method: 'PATCH', body })
const publish = (id: string, body?: object, query = '') =>
  door.ask(`${TARIFFS}/${id}/publish${query}`, body ? { body } : { method: 'POST' })
const organization = async (id: string, tariff: string) => {
  const answer = await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
  expect(answer.status).toBe(201)
}
const versionOf = async (id: string) => (await door.ask(`${ORGANIZATIONS}/${id}`)).body.tariff_version
/** The rows of `traces`, and what of plans they leave out. */
const traces = async () => [
  await door.traces(),
  await door.tollkeeper.em().execute('select * from tollkeeper.tariff_versions order by id'),
  await door.tollkeeper.em().execute('select * from tollkeeper.plan_moves order by id'),
]
const moveIn = ({ body }: Answer) => body.move as { id: string }

describe('publishing over HTTP', () => {
  test('a version has a hash of what it says from its publication on, and a draft has none', async () => {
    const plan = await create({ components: [INPUT] })
    expect(plan.content_hash).toMatch(/^[0-9a-f]{64}$/)
    const twin = await create({ components: [INPUT] })
    expect(twin.content_hash).toBe(plan.content_hash)
    expect((await patch(plan.id, { member_price: '1' })).body.content_hash).toBeNull()
    const second = (await publish(plan.id)).body
    expect(second).toMatchObject({ version: 2, move: null })
    expect(second.content_hash).not.toBe(plan.content_hash)
    expect((await door.ask(`${TARIFFS}/${plan.id}?version=1`)).body.content_hash).toBe(plan.content_hash)
  })

  test('a draft that says nothing new goes, and takes no number', async () => {
    const plan = await create({ components: [INPUT] })
    await patch(plan.id, { price_per_month: '5' })
    await patch(plan.id, { price_per_month: '0' })
    const answer = await publish(plan.id)
    expect(answer.body).toEqual({ ...plan, move: null })
    expect((await door.ask(`${TARIFFS}/${plan.id}/versions`)).body.data).toEqual([plan])
    await patch(plan.id, { name: 'Renamed' })
    expect((await publish(plan.id)).body).toMatchObject({ version: 2, name: 'Renamed' })
  })

  test('nobody is moved unless it is asked for', async () => {
    const plan = await create({ components: [INPUT] })
    await organization('stays', plan.id)
    await patch(plan.id, { price_per_month: '5' })
    for (const body of [undefined, {}, { apply_to: 'new' }, { dry_run: false }]) {
      expect((await publish(plan.id, body)).body).toMatchObject({ version: 2, move: null })
    }
    await workOffAll(door.tollkeeper)
    expect(await versionOf('stays')).toBe(1)
    expect((await door.ask(`${TARIFFS}/${plan.id}/moves`)).body).toEqual({ data: [], next_cursor: null })
  })

  test('now: the answer names the move, which tells how far it is and whom it left behind', async () => {
    const plan = await create({ components: [INPUT] })
    for (const id of ['far-a', 'far-b', 'far-c']) await organization(id, plan.id)
    for (const user of ['u1', 'u2']) {
      await door.ask(`${ORGANIZATIONS}/far-b/members`, { body: { user_id: user } })
      await door.ask(`${ORGANIZATIONS}/far-c/members`, { body: { user_id: user } })
    }
    await patch(plan.id, { max_team_members: 1 })
    const answer = await publish(plan.id, { apply_to: 'now' })
    const ordered = {
      id: expect.any(String),
      tariff_id: plan.id,
      to_version: 2,
      apply_to: 'now',
      state: 'running',
      total: 3,
      moved: 0,
      skipped: 0,
      created_at: expect.stringMatching(/Z$/),
      finished_at: null,
    }
    expect(answer.body).toMatchObject({ version: 2, state: 'published', move: ordered })
    const { id } = moveIn(answer)
    const at = `${TARIFFS}/${plan.id}/moves/${id}`
    const empty = { data: [], next_cursor: null }
    expect((await door.ask(at)).body).toEqual({ ...ordered, id, problems: empty })
    expect((await door.ask(`${TARIFFS}/${plan.id}/moves`)).body.data).toEqual([{ ...ordered, id }])
    expect(await versionOf('far-a')).toBe(1)

    await workOffAll(door.tollkeeper)
    expect([await versionOf('far-a'), await versionOf('far-b'), await versionOf('far-c')]).toEqual([2, 1, 1])
    const detail = 'This tariff allows 1 members, 2 are active; remove some'
    const problems = ['far-b', 'far-c'].map((each) => ({ organization_id: each, code: 'seat-limit', detail }))
    const done = (await door.ask(at)).body
    expect(done).toMatchObject({ state: 'done', total: 3, moved: 1, skipped: 2, finished_at: expect.any(String) })
    expect(done.problems).toEqual({ data: problems, next_cursor: null })
    const first = (await door.ask(`${at}?limit=1`)).body.problems as { data: object[]; next_cursor: string }
    expect(first.data).toEqual(problems.slice(0, 1))
    const rest = (await door.ask(`${at}?limit=1&cursor=${first.next_cursor}`)).body.problems
    expect(rest).toEqual({ data: problems.slice(1), next_cursor: null })
  })

  test('a move is cancelled once, and shown where it ended; another plan has no such move', async () => {
    const [plan, other] = [await create({}), await create({})]
    await organization('waits', plan.id)
    await patch(plan.id, { price_per_month: '5' })
    const { id } = moveIn(await publish(plan.id, { apply_to: 'next_period' }))
    expect(moveIn(await publish(plan.id, { apply_to: 'next_period' })).id).toBe(id)
    const at = `${TARIFFS}/${plan.id}/moves/${id}`
    const cancelled = await door.ask(`${at}/cancel`, { method: 'POST' })
    expect(cancelled.body).toMatchObject({ id, state: 'cancelled', moved: 0, apply_to: 'next_period' })
    expect((await door.ask(`${at}/cancel`, { method: 'POST' })).body).toEqual(cancelled.body)
    await workOffAll(door.tollkeeper)
    expect(await versionOf('waits')).toBe(1)
    for (const path of [
      `${other.id}/moves/${id}`,
      `${plan.id}/moves/${NOBODY}`,
      `${plan.id}/moves/x`,
      `${NOBODY}/moves`,
    ]) {
      expectProblem(await door.ask(`${TARIFFS}/${path}`), 404, 'not-found')
    }
    expectProblem(await door.ask(`${TARIFFS}/${other.id}/moves/${id}/cancel`, { method: 'POST' }), 404, 'not-found')
    expectProblem(await door.ask(`${at}/cancel`, { body: { force: true } }), 422, 'validation')
    expectProblem(await door.ask(`${TARIFFS}/${plan.id}/moves?state=done`), 400, 'invalid-query')
  })

  test.each([
    [{ apply_to: 'yesterday' }, '/apply_to', 'invalid-value'],
    [{ apply_to: 1 }, '/apply_to', 'invalid-type'],
    [{ apply_to: null }, '/apply_to', 'invalid-type'],
    [{ dry_run: 'true' }, '/dry_run', 'invalid-type'],
    [{ apply_to: 'now', organizations: ['acme'] }, '/organizations', 'unknown-field'],
    [[], '', 'invalid-type'],
  ])('%j publishes nothing', async (body, pointer, code) => {
    const plan = await create({})
    await patch(plan.id, { price_per_month: '5' })
    const before = await traces()
    const answer = await publish(plan.id, body)
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors[0]).toMatchObject({ pointer, code })
    expectProblem(await publish(plan.id, undefined, '?limit=5'), 400, 'invalid-query')
    expectProblem(await publish(plan.id, { dry_run: true }, '?cursor=abc'), 400, 'invalid-cursor')
    expect(await traces()).toEqual(before)
  })

  test('an archived plan is neither published nor previewed, and keeps the move that was ordered', async () => {
    const plan = await create({})
    await organization('kept', plan.id)
    await patch(plan.id, { price_per_month: '5' })
    const { id } = moveIn(await publish(plan.id, { apply_to: 'now' }))
    await door.ask(`${TARIFFS}/${plan.id}`, { method: 'DELETE' })
    for (const body of [{ apply_to: 'now' }, { apply_to: 'now', dry_run: true }]) {
      expectProblem(await publish(plan.id, body), 409, 'tariff-not-published')
      expectProblem(await publish(NOBODY, body), 404, 'not-found')
    }
    await workOffAll(door.tollkeeper)
    expect((await door.ask(`${TARIFFS}/${plan.id}/moves/${id}`)).body).toMatchObject({ state: 'done', moved: 1 })
    expect(await versionOf('kept')).toBe(2)
  })
})
