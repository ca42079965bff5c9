import { describe, expect, it } from 'vitest'
import { ANN, change, finish, HOLD, limited } from './limited-world.ts'
import { addJob, admit, admitted, ORG, parked } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

describe('a change of a member', () => {
  it('answers the member as it is then, and leaves what is not named', () => {
    const world = limited(500n)
    admitted(world, 'j', ANN)
    expect(change(world, { role: 'admin' })).toMatchObject({
      kind: 'changed',
      currency: 'USD',
      member: { userId: 'ann', role: 'admin', spendingLimit: 500n, committed: HOLD, state: 'active' },
    })
    expect(change(world, { spendingLimit: null })).toMatchObject({ member: { role: 'admin', spendingLimit: null } })
    expect(
      world.ledger(ORG).some(({ kind }) => kind === 'seat_fee'),
      'it costs nothing',
    ).toBe(false)
    expectSound(world)
  })

  it('that asks for what stands, or is asked twice, writes nothing', () => {
    const world = limited(500n)
    change(world, { role: 'admin', spendingLimit: 200n })
    const before = world.snapshot()
    expect(change(world, { role: 'admin', spendingLimit: 200n })).toMatchObject({ kind: 'changed' })
    expect(change(world, {})).toMatchObject({ kind: 'changed', member: { spendingLimit: 200n } })
    expect(world.snapshot()).toEqual(before)
    expect(world.written?.members).toEqual([])
  })

  const SEEN = { role: 'member', state: 'active', spendingLimit: 500n } as const

  it.each<[string, Partial<typeof SEEN> | null, string]>([
    ['as it is', {}, 'changed'],
    ['with another role', { role: 'admin' as never }, 'stale'],
    ['with another limit', { spendingLimit: 400n as never }, 'stale'],
    ['without a seat', { state: 'pending_payment' as never }, 'stale'],
    ['as it is no more', null, 'stale'],
  ])('by somebody who saw the member %s', (_what, part, kind) => {
    const world = limited(500n)
    const before = world.snapshot()
    const seen = part && { ...SEEN, ...part }
    expect(change(world, { spendingLimit: 900n, seen })).toMatchObject({ kind })
    if (kind === 'stale') expect(world.snapshot()).toEqual(before)
    else
      expect(change(world, { spendingLimit: 100n, seen }), 'a second one by the same view').toEqual({ kind: 'stale' })
  })

  it('that is asked again since its answer was lost finds what it did', () => {
    const world = limited(500n)
    change(world, { spendingLimit: 900n, seen: SEEN })
    expect(change(world, { spendingLimit: 900n, seen: SEEN, repeated: true } as never)).toMatchObject({
      kind: 'changed',
      member: { spendingLimit: 900n },
    })
    expect(change(world, { spendingLimit: 800n, seen: SEEN, repeated: true } as never)).toEqual({ kind: 'stale' })
  })

  it.each<[string, bigint | null, bigint | null, boolean]>([
    ['a higher one', 10n, 20n, true],
    ['none', 10n, null, true],
    ['a lower one', 20n, 10n, false],
    ['one where there was none', null, 20n, false],
  ])('to %s wakes whom it may help', (_what, from, to, wakes) => {
    const world = limited(from, { available: 0n })
    parked(world, 'j', ANN)
    change(world, { spendingLimit: to })
    expect(world.written?.wake).toEqual(wakes ? [ORG] : [])
  })

  it('to less than what is counted already stops what is new, and nothing that runs', () => {
    const world = limited(null)
    admitted(world, 'runs', ANN)
    change(world, { spendingLimit: 50n })
    addJob(world, 'new', ANN)
    expect(admit(world, 'new')).toMatchObject({
      rejection: { reason: 'member_limit', needed: HOLD, available: 50n - HOLD, missing: 2n * HOLD - 50n },
    })
    finish(world, 'runs', 30)
    expect(world.job('runs')).toMatchObject({ state: 'charged', charged: 75n })
    expectSound(world)
  })

  it('of a stranger, or of somebody removed, is unknown and changes nothing', () => {
    const world = limited(500n)
    world.run('remove_member', { organizationId: ORG, userId: 'ann' })
    const before = world.snapshot()
    expect(change(world, { role: 'owner' })).toEqual({ kind: 'unknown' })
    expect(change(world, { role: 'owner' }, 'nobody')).toEqual({ kind: 'unknown' })
    expect(world.snapshot()).toEqual(before)
  })
})
