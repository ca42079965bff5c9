import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { jobToJson, quoteToJson } from '../../src/managers/contract-json.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

describe('a member with a spending limit', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open([repeater])
    const fee = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
    await fundedOrganization(tollkeeper, 'acme', '100.00', fee)
    await tollkeeper.teams.addMember('acme', 'ann', 'member', parseAmount('2.50'))
    await tollkeeper.startWorkers()
  })
  afterAll(() => world.close())

  const of = (userId: string | null) => ({ organizationId: 'acme', userId, text: 'text', agents: ['repeater'] })
  const submit = async (userId: string | null): Promise<string> => (await tollkeeper.service.submit(of(userId))).id
  const rested = (id: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state !== 'queued' && state !== 'processing',
    )
  const quote = (userId: string | null) => tollkeeper.service.quote({ ...of(userId), maxCost: null })

  it('is charged up to it; what is above is parked, says so, and goes on when the limit is raised', async () => {
    expect(quoteToJson(await quote('ann'))).toMatchObject({ affordable: true, upper: '1.00' })
    for (let job = 0; job < 2; job += 1) expect(await rested(await submit('ann'))).toMatchObject({ state: 'charged' })
    const third = await submit('ann')
    const parked = await rested(third)
    expect(jobToJson(parked)).toMatchObject({
      ...{ state: 'rejected_for_balance', user_id: 'ann', held: '0.00', charged: '0.00' },
      rejection: { reason: 'member_limit', stage: 'input', needed: '1.00', available: '0.50', missing: '0.50' },
    })
    expect(jobToJson(parked).rejection?.detail).toMatch(
      /^needs 1\.00 USD, the member's spending limit leaves 0\.50, short by 0\.50; a higher limit/,
    )
    expect(await rested(await submit(null)), 'of nobody').toMatchObject({ state: 'charged' })
    const { affordable, warnings } = quoteToJson(await quote('ann'))
    expect(affordable).toBe(false)
    expect(warnings.find(({ code }) => code === 'member_limit')?.detail).toMatch(/leaves 0\.50 USD of this period/)
    expect(quoteToJson(await quote(null))).toMatchObject({ affordable: true })
    const topUp = { amount: parseAmount('5.00'), reference: 'helps nobody', note: null }
    expect((await tollkeeper.balances.topUp('acme', topUp)).resumedJobs).toEqual([])

    expect(await tollkeeper.teams.changeMember('acme', 'ann', { spendingLimit: parseAmount('3.00') })).toMatchObject({
      committed: parseAmount('2.00'),
    })
    const charged = await eventually(
      () => tollkeeper.service.find(third),
      ({ state }) => state === 'charged',
    )
    expect(charged).toMatchObject({ charged: parseAmount('1.00'), rejection: null })
    expect(await tollkeeper.teams.member(tollkeeper.em(), 'acme', 'ann')).toMatchObject({
      committed: parseAmount('3.00'),
    })
    expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [], warnings: [] })
    await expectBooksToBalance(world.database)
  })
})
