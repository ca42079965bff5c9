import { describe, expect, it } from 'vitest'
import type { MemberRow } from '../../src/ledger/facts.ts'
import type { World } from './world.ts'
import { ORG, plainTariff, topUp, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

let operations = 0
function add(world: World, userId: string, role: MemberRow['role']): void {
  world.run('add_member', { organizationId: ORG, userId, role, operation: `op-${++operations}` })
}
const setRole = (world: World, userId: string, role: MemberRow['role']) =>
  world.run('change_member', { organizationId: ORG, userId, role })
const remove = (world: World, userId: string) => world.run('remove_member', { organizationId: ORG, userId })
const LAST = { kind: 'last-owner' }

/** A team of owners. */
function ownedBy(...owners: readonly string[]): World {
  const world = worldOf({ plan: { ...plainTariff, memberPrice: 0n } })
  for (const owner of owners) add(world, owner, 'owner')
  return world
}

describe('the last owner', () => {
  it('can be neither demoted nor removed', () => {
    const world = ownedBy('ann')
    add(world, 'bob', 'admin')
    const before = world.snapshot()
    for (const role of ['member', 'admin'] as const) expect(setRole(world, 'ann', role)).toEqual(LAST)
    expect(remove(world, 'ann')).toEqual(LAST)
    expect(world.snapshot()).toEqual(before)
    expect(setRole(world, 'ann', 'owner'), 'what stands may be asked for').toMatchObject({ kind: 'changed' })
    expect(setRole(world, 'bob', 'owner')).toMatchObject({ kind: 'changed', member: { role: 'owner' } })
    expect(remove(world, 'ann')).toEqual({ kind: 'removed' })
    expect(setRole(world, 'bob', 'member')).toEqual(LAST)
    expectSound(world)
  })

  it('is one, however many give up at once', () => {
    const world = ownedBy('ann', 'bob', 'eve')
    const of = { organizationId: ORG }
    const verdicts = world.batch([
      { kind: 'change_member', ...of, userId: 'ann', role: 'member' },
      { kind: 'remove_member', ...of, userId: 'bob' },
      { kind: 'change_member', ...of, userId: 'eve', role: 'admin' },
      { kind: 'remove_member', ...of, userId: 'eve' },
    ])
    expect(verdicts).toMatchObject([{ kind: 'changed' }, { kind: 'removed' }, LAST, LAST])
    expect(world.member(ORG, 'eve')).toMatchObject({ role: 'owner', state: 'active' })
    expectSound(world)
  })

  it('is not one who still waits for a seat', () => {
    const world = worldOf({ plan: { ...plainTariff, memberPrice: 600n }, available: 600n })
    add(world, 'ann', 'owner')
    add(world, 'bob', 'owner')
    expect(world.member(ORG, 'bob').state).toBe('pending_payment')
    expect(remove(world, 'ann'), 'who waits has no access').toEqual(LAST)
    expect(remove(world, 'bob'), 'and leaves as he came').toEqual({ kind: 'removed' })
    add(world, 'bob', 'owner')
    topUp(world, 10_000n, 'more')
    expect(world.member(ORG, 'bob').state).toBe('active')
    expect(remove(world, 'ann')).toEqual({ kind: 'removed' })
    expectSound(world)
  })

  it('need not be: a team that never had an owner is managed by others', () => {
    const world = ownedBy()
    add(world, 'ann', 'admin')
    expect(setRole(world, 'ann', 'member')).toMatchObject({ kind: 'changed' })
    expect(remove(world, 'ann')).toEqual({ kind: 'removed' })
    expectSound(world)
  })
})
