import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { PlanMoveView } from '../../src/managers/plan-move.manager.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { manyOrganizations, publishAndOrder, publishedPlan, recordMoves, standings, workOffAll } from './plan-world.ts'

describe('moving the organisations of a plan to a new version', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
  })
  afterAll(() => world.close())

  const one = async (id: string, tariffId: string, tariffVersion = 1) => {
    const { inTransaction, organizations } = tollkeeper
    const terms = { currency: 'USD', tariffId, tariffVersion, overdraftLimit: 0n }
    await inTransaction((em) => organizations.create(em, { id, name: id, ...terms }))
  }
  const moveOf = (planId: string, id: string): Promise<PlanMoveView> =>
    tollkeeper.planMoves.find(tollkeeper.em(), planId, id)
  const choose = (id: string, versionId: string) =>
    world.database.query('update tollkeeper.organizations set next_tariff_version_id = $2 where id = $1', [
      id,
      versionId,
    ])
  const versionId = async (planId: string, version: number) => {
    const [row] = await world.database.query<{ id: string }>(
      'select id from tollkeeper.tariff_versions where plan_id = $1 and version = $2',
      [planId, version],
    )
    return row?.id ?? ''
  }

  it('moves each once, page by page, and nobody of another plan or on the new version already', async () => {
    const [planId, other] = [await publishedPlan(tollkeeper), await publishedPlan(tollkeeper)]
    await manyOrganizations(world, { planId, version: 1, prefix: 'many', count: 230 })
    await manyOrganizations(world, { planId: other, version: 1, prefix: 'aside', count: 3 })
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    await manyOrganizations(world, { planId, version: 2, prefix: 'many-new', count: 2 })
    expect(await moveOf(planId, id)).toMatchObject({ state: 'running', total: 230, moved: 0, finishedAt: null })
    const moved = await recordMoves(world)
    expect(await workOffAll(tollkeeper)).toBe(3)
    const done = await moveOf(planId, id)
    expect(done).toMatchObject({ state: 'done', toVersion: 2, total: 230, moved: 230, skipped: 0 })
    expect(done.finishedAt?.getTime()).toBeGreaterThanOrEqual(done.createdAt.getTime())
    const seen = await moved()
    expect([seen.length, new Set(seen).size]).toEqual([230, 230])
    expect((await standings(world, 'many')).every(({ version, next }) => version === 2 && next === null)).toBe(true)
    expect((await standings(world, 'aside')).every(({ version }) => version === 1)).toBe(true)
    expect(await workOffAll(tollkeeper)).toBe(0)
  })

  it('for the next period chooses the version and leaves the present one', async () => {
    const planId = await publishedPlan(tollkeeper)
    const other = await publishedPlan(tollkeeper)
    for (const id of ['next-plain', 'next-chosen', 'next-leaving']) await one(id, planId)
    await choose('next-chosen', await versionId(planId, 1))
    await choose('next-leaving', await versionId(other, 1))
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'next_period')
    await workOffAll(tollkeeper)
    // Who chose another plan for the next period goes there.
    expect(await standings(world, 'next')).toEqual([
      { id: 'next-chosen', version: 1, next: 2 },
      { id: 'next-leaving', version: 1, next: 1 },
      { id: 'next-plain', version: 1, next: 2 },
    ])
    expect(await moveOf(planId, id)).toMatchObject({ total: 2, moved: 2, skipped: 0 })
    // What is chosen is not chosen again: nobody is moved twice by an order that comes twice.
    const again = await tollkeeper.inTransaction(async (em) => {
      const { tariff } = await tollkeeper.tariffs.publish(em, planId)
      return tollkeeper.planMoves.order(em, tariff, 'next_period')
    })
    expect(again).toMatchObject({ toVersion: 2, total: 0 })
    await workOffAll(tollkeeper)
  })

  it('now: an older version of the plan is chosen no more, another plan still is', async () => {
    const planId = await publishedPlan(tollkeeper)
    const other = await publishedPlan(tollkeeper)
    for (const id of ['now-older', 'now-leaving']) await one(id, planId)
    await choose('now-older', await versionId(planId, 1))
    await choose('now-leaving', await versionId(other, 1))
    await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    await workOffAll(tollkeeper)
    expect(await standings(world, 'now')).toEqual([
      { id: 'now-leaving', version: 2, next: 1 },
      { id: 'now-older', version: 2, next: null },
    ])
  })

  it('goes on after a crash where it stood', async () => {
    const planId = await publishedPlan(tollkeeper)
    await manyOrganizations(world, { planId, version: 1, prefix: 'crash', count: 150 })
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    const moved = await recordMoves(world)
    const killed = await world.open()
    expect(await killed.inTransaction((em) => killed.planMoves.workOff(em))).toEqual({ moved: 100, overdue: [] })
    const dying = killed.inTransaction(async (em) => {
      expect(await killed.planMoves.workOff(em)).toEqual({ moved: 50, overdue: [] })
      throw new Error('killed before its COMMIT')
    })
    await expect(dying).rejects.toThrow('killed before its COMMIT')
    expect(await moveOf(planId, id)).toMatchObject({ state: 'running', moved: 100 })
    await workOffAll(tollkeeper)
    expect(await moveOf(planId, id)).toMatchObject({ state: 'done', total: 150, moved: 150 })
    expect((await moved()).length).toBe(150)
    expect(new Set(await moved()).size).toBe(150)
  })

  it('is worked off once, however many work at the same time', async () => {
    const planId = await publishedPlan(tollkeeper)
    await manyOrganizations(world, { planId, version: 1, prefix: 'race', count: 250 })
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    const moved = await recordMoves(world)
    const processes = await Promise.all([world.open(), world.open()])
    await Promise.all([...processes, tollkeeper].map((each) => workOffAll(each)))
    expect(await moveOf(planId, id)).toMatchObject({ state: 'done', moved: 250, skipped: 0 })
    expect((await moved()).length).toBe(250)
  })

  it('leaves a team that is too large where it is, says why, and moves the others', async () => {
    const planId = await publishedPlan(tollkeeper)
    for (const id of ['seat-a', 'seat-b', 'seat-c']) await one(id, planId)
    for (const user of ['u1', 'u2']) await tollkeeper.teams.addMember('seat-b', user)
    await tollkeeper.teams.addMember('seat-c', 'u1')
    const id = await publishAndOrder(tollkeeper, planId, { maxTeamMembers: 1 }, 'now')
    await workOffAll(tollkeeper)
    expect((await standings(world, 'seat')).map(({ version }) => version)).toEqual([2, 1, 2])
    expect(await moveOf(planId, id)).toMatchObject({ state: 'done', total: 3, moved: 2, skipped: 1 })
    const { problems } = await tollkeeper.planMoves.problems(tollkeeper.em(), id, { limit: 10, after: null })
    const detail = 'This tariff allows 1 members, 2 are active; remove some'
    expect(problems).toMatchObject([{ organizationId: 'seat-b', code: 'seat-limit', detail }])
    expect(await tollkeeper.balances.balance(tollkeeper.em(), 'seat-b')).toMatchObject({ maxTeamMembers: null })
    // Once it fits it can be moved by the same order.
    await tollkeeper.teams.removeMember('seat-b', 'u2')
    await tollkeeper.inTransaction(async (em) => {
      const { tariff } = await tollkeeper.tariffs.publish(em, planId)
      await tollkeeper.planMoves.order(em, tariff, 'now')
    })
    await workOffAll(tollkeeper)
    expect((await standings(world, 'seat')).map(({ version }) => version)).toEqual([2, 2, 2])
  })

  it('a newer move ends an older one, which keeps what it did; the same order again is the same move', async () => {
    const planId = await publishedPlan(tollkeeper)
    await manyOrganizations(world, { planId, version: 1, prefix: 'newer', count: 150 })
    const first = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'next_period')
    await tollkeeper.inTransaction((em) => tollkeeper.planMoves.workOff(em))
    const second = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 6n }, 'now')
    const again = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 6n }, 'now')
    expect(again).toBe(second)
    expect(await moveOf(planId, first)).toMatchObject({ state: 'cancelled', toVersion: 2, moved: 100 })
    await workOffAll(tollkeeper)
    expect(await moveOf(planId, second)).toMatchObject({ state: 'done', toVersion: 3, total: 150, moved: 150 })
    expect((await standings(world, 'newer')).every(({ version, next }) => version === 3 && next === null)).toBe(true)
    const { moves } = await tollkeeper.planMoves.list(tollkeeper.em(), planId, { limit: 10, before: null })
    expect(moves.map(({ id }) => id)).toEqual([second, first])
  })

  it('ends where it is when it is cancelled, also while a page waits for its organisations', async () => {
    const planId = await publishedPlan(tollkeeper)
    await manyOrganizations(world, { planId, version: 1, prefix: 'stop', count: 120 })
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    const { inTransaction, planMoves } = tollkeeper
    await inTransaction((em) => planMoves.workOff(em))
    const { promise: cancelled, resolve: onCancelled } = Promise.withResolvers<void>()
    const { promise: locked, resolve: onLocked } = Promise.withResolvers<void>()
    const holding = inTransaction(async (em) => {
      await em.execute(`select 1 from tollkeeper.organization_balances where organization_id = 'stop-0110' for update`)
      onLocked()
      await cancelled
    })
    await locked
    const page = inTransaction((em) => planMoves.workOff(em))
    await world.database.query('select pg_sleep(0.2)')
    expect(await inTransaction((em) => planMoves.cancel(em, planId, id))).toMatchObject({
      state: 'cancelled',
      moved: 100,
    })
    onCancelled()
    await holding
    expect(await page).toEqual({ moved: 0, overdue: [] })
    expect(await workOffAll(tollkeeper)).toBe(0)
    const all = await standings(world, 'stop')
    expect(all.map(({ version }) => version)).toEqual(all.map((_, index) => (index < 100 ? 2 : 1)))
    const ended = await moveOf(planId, id)
    expect(await inTransaction((em) => planMoves.cancel(em, planId, id))).toEqual(ended)
    expect(ended.moved).toBe(100)
  })

  it('who is moved by hand meanwhile stays there', async () => {
    const planId = await publishedPlan(tollkeeper)
    const other = await publishedPlan(tollkeeper)
    await one('hand', planId)
    await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'now')
    const { inTransaction, organizations } = tollkeeper
    await inTransaction((em) => organizations.update(em, 'hand', { tariffId: other }))
    await workOffAll(tollkeeper)
    expect(await organizations.find(tollkeeper.em(), 'hand')).toMatchObject({ tariffId: other, tariffVersion: 1 })
  })

  it('a plan that is archived in between is moved to its end: who is on it stays on it, and nobody new comes', async () => {
    const planId = await publishedPlan(tollkeeper)
    await one('shelf', planId)
    const id = await publishAndOrder(tollkeeper, planId, { pricePerMonth: 5n }, 'next_period')
    const { inTransaction, tariffs, organizations } = tollkeeper
    await inTransaction((em) => tariffs.archive(em, planId))
    await workOffAll(tollkeeper)
    expect(await moveOf(planId, id)).toMatchObject({ state: 'done', moved: 1 })
    expect(await standings(world, 'shelf')).toEqual([{ id: 'shelf', version: 1, next: 2 }])
    await expect(one('late', planId, 2)).rejects.toMatchObject({ code: 'tariff-not-published' })
    const assign = inTransaction((em) => organizations.update(em, 'shelf', { tariffVersion: 2 }))
    await expect(assign).rejects.toMatchObject({ code: 'tariff-not-published' })
  })
})
