import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { AlertMetric, AlertRow } from '../../src/ledger/alert-facts.ts'
import type { Call } from '../../src/ledger/calls.ts'
import { NANO_MAX } from '../../src/pricing/money.ts'
import type { World } from './world.ts'
import { addOrganization, admitted, ORG, topUp, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const alertsOf = (world: World): readonly AlertRow[] => [...world.alerts.values()]
const raisedOf = (world: World): readonly AlertRow[] => alertsOf(world).filter(({ clearedAt }) => clearedAt === null)

function draw(world: World, below: bigint, clearAt: bigint, metric: AlertMetric = 'available', id = newId()) {
  const verdict = world.run('add_threshold', { organizationId: ORG, id, metric, below, clearAt })
  return { id, verdict }
}

const debit = (amount: bigint, reference = newId()): Call => {
  return { kind: 'adjust', organizationId: ORG, amount, direction: 'debit', reference, note: null }
}
const credit = (amount: bigint, reference = newId()): Call => {
  return { kind: 'top_up', organizationId: ORG, amount, reference, note: null }
}

/** Moves `available` there in one batch; where it stands already, asks something that changes nothing. */
function moveTo(world: World, available: bigint): void {
  const from = world.organization(ORG).available
  const nothing: Call = { kind: 'remove_member', organizationId: ORG, userId: 'nobody' }
  const move = from < available ? credit(available - from) : debit(from - available)
  world.batch([from === available ? nothing : move])
  world.now += 1
}

describe('a threshold on what is available', () => {
  it.each<[string, readonly bigint[], number, boolean]>([
    // the balance, batch by batch, from 1000, below 500, armed again at 600 | alerts | is one raised at the end
    ['above it nothing is said', [999n, 700n, 501n], 0, false],
    ['at its height nothing is said', [500n], 0, false],
    ['one below it is', [499n], 1, true],
    ['once, however far it sinks', [499n, 300n, 1n, 0n], 1, true],
    ['flapping around the line is one crossing', [499n, 501n, 499n, 501n, 499n], 1, true],
    ['up to where it is armed again', [499n, 599n, 499n], 1, true],
    ['and there it is over', [499n, 600n], 1, false],
    ['so that the next crossing is told', [499n, 600n, 500n, 499n], 2, true],
    ['each of them', [0n, 1_000n, 0n, 1_000n, 0n, 1_000n], 3, false],
    ['what changes nothing says nothing', [400n, 400n, 400n], 1, true],
  ])('%s', (_what, balances, alerts, isRaised) => {
    const world = worldOf()
    const { id } = draw(world, 500n, 600n)
    for (const balance of balances) moveTo(world, balance)
    expect(alertsOf(world)).toHaveLength(alerts)
    expect(raisedOf(world).map(({ thresholdId }) => thresholdId)).toEqual(isRaised ? [id] : [])
    expectSound(world)
  })

  it('is an alert for each crossing of whatever walk, and for nothing else', () => {
    const lines = fc.tuple(fc.bigInt(1n, 999n), fc.bigInt(1n, 300n))
    fc.assert(
      fc.property(lines, fc.array(fc.bigInt(0n, 1_500n), { maxLength: 30 }), ([below, distance], balances) => {
        const world = worldOf()
        draw(world, below, below + distance)
        let isRaised = false
        let expected = 0
        for (const balance of balances) {
          moveTo(world, balance)
          if (!isRaised && balance < below) {
            isRaised = true
            expected += 1
          } else if (isRaised && balance >= below + distance) isRaised = false
          expect([alertsOf(world).length, raisedOf(world).length]).toEqual([expected, isRaised ? 1 : 0])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('says with what it was crossed, and after which entry', () => {
    const world = worldOf()
    const { id } = draw(world, 950n, 1_000n)
    const job = admitted(world, 'j')
    const [alert] = raisedOf(world)
    const entry = [...world.entries.values()].find(({ seq }) => seq === alert?.seq)
    expect(entry).toMatchObject({ availableAfter: alert?.available })
    expect(alert).toEqual({
      ...{ id: alert?.id, organizationId: ORG, thresholdId: id, metric: 'available', below: 950n, clearAt: 1_000n },
      ...{
        value: 895n,
        available: 895n,
        demanded: null,
        estimated: false,
        seq: 3,
        raisedAt: world.now,
        clearedAt: null,
      },
    })
    world.now += 5
    world.run('cancel', { organizationId: ORG, jobId: job })
    expect(alertsOf(world), 'the input was charged').toHaveLength(1)
    expect(raisedOf(world)).toHaveLength(1)
    world.now += 5
    topUp(world, 100n, 'more')
    expect(alertsOf(world)).toEqual([{ ...alert, clearedAt: world.now }])
  })

  it('is judged by what a batch leaves: down and up again in one is no crossing', () => {
    const world = worldOf()
    draw(world, 500n, 600n)
    world.batch([debit(900n), credit(900n)])
    expect(alertsOf(world)).toEqual([])
    world.batch([credit(900n), debit(1_500n)])
    expect(raisedOf(world)).toMatchObject([{ value: 400n }])
  })

  it('that is drawn above the balance raises with its own batch', () => {
    const world = worldOf({ available: 300n })
    const { id, verdict } = draw(world, 500n, 600n)
    expect(verdict).toEqual({ kind: 'added' })
    expect(raisedOf(world)).toMatchObject([{ thresholdId: id, value: 300n, seq: 1 }])
  })

  it('counts what is available alone: an overdraft is no money', () => {
    const world = worldOf({ available: 100n, overdraft: 1_000n })
    draw(world, 0n, 10n)
    moveTo(world, 0n)
    expect(alertsOf(world)).toEqual([])
    moveTo(world, -1n)
    expect(raisedOf(world)).toMatchObject([{ value: -1n }])
  })

  it('each line is crossed by itself, and of its organisation only', () => {
    const world = worldOf()
    addOrganization(world, { id: 'other', available: 100n })
    const [high, low] = [draw(world, 800n, 900n), draw(world, 200n, 900n)]
    moveTo(world, 500n)
    expect(raisedOf(world).map(({ thresholdId }) => thresholdId)).toEqual([high.id])
    moveTo(world, 100n)
    expect(raisedOf(world).map(({ thresholdId }) => thresholdId)).toEqual([high.id, low.id])
    topUp(world, 1n, 'b', 'other')
    expect(alertsOf(world).map(({ organizationId }) => organizationId)).toEqual([ORG, ORG])
  })
})

describe('a threshold on the headroom', () => {
  const judge = (world: World, available: bigint, demanded: bigint, estimated = false) =>
    world.run('judge_headroom', { organizationId: ORG, available, seq: 1, demanded, estimated })

  it('is judged by the figures of its own call, and by nothing else', () => {
    const world = worldOf()
    const { id } = draw(world, 500n, 600n, 'headroom')
    moveTo(world, 10n)
    expect(alertsOf(world), 'a balance alone says nothing of it').toEqual([])
    expect(judge(world, 1_000n, 500n)).toEqual({ raised: 0, cleared: 0 })
    expect(judge(world, 1_000n, 501n, true)).toEqual({ raised: 1, cleared: 0 })
    expect(raisedOf(world)).toMatchObject([
      { thresholdId: id, metric: 'headroom', value: 499n, available: 1_000n, demanded: 501n, estimated: true, seq: 1 },
    ])
    expect(judge(world, 1_000n, 401n)).toEqual({ raised: 0, cleared: 0 })
    expect(judge(world, 1_000n, 700n)).toEqual({ raised: 0, cleared: 0 })
    expect(judge(world, 1_000n, 400n)).toEqual({ raised: 0, cleared: 1 })
    expect([alertsOf(world).length, raisedOf(world).length]).toEqual([1, 0])
  })

  it('leaves thresholds on what is available alone', () => {
    const world = worldOf()
    draw(world, 500n, 600n)
    expect(judge(world, 1_000n, 999n)).toEqual({ raised: 0, cleared: 0 })
    expect(alertsOf(world)).toEqual([])
  })

  it('can be stored, whatever is demanded', () => {
    const world = worldOf({ available: 0n, overdraft: NANO_MAX })
    draw(world, 500n, 600n, 'headroom')
    judge(world, -NANO_MAX, NANO_MAX)
    expect(raisedOf(world)).toMatchObject([{ value: -NANO_MAX, available: -NANO_MAX, demanded: NANO_MAX }])
  })
})

describe('thresholds', () => {
  it('stand once for each metric and height', () => {
    const world = worldOf()
    expect(draw(world, 500n, 600n).verdict).toEqual({ kind: 'added' })
    expect(draw(world, 500n, 700n).verdict).toEqual({ kind: 'known' })
    expect(draw(world, 501n, 600n).verdict).toEqual({ kind: 'added' })
    expect(draw(world, 500n, 600n, 'headroom').verdict).toEqual({ kind: 'added' })
    expect(world.thresholds.size).toBe(3)
  })

  it('are ten at most, also of one batch', () => {
    const world = worldOf()
    const calls = Array.from({ length: 12 }, (_, index): Call => {
      const line = { metric: 'available', below: BigInt(index), clearAt: 100n } as const
      return { kind: 'add_threshold', organizationId: ORG, id: newId(), ...line }
    })
    const verdicts = world.batch(calls)
    expect(verdicts.slice(9)).toEqual([{ kind: 'added' }, { kind: 'limit', limit: 10 }, { kind: 'limit', limit: 10 }])
    expect(world.thresholds.size).toBe(10)
  })

  it('asked for again by the same caller are answered again, and stand once', () => {
    const world = worldOf({ available: 0n })
    const first = draw(world, 500n, 600n)
    const before = world.snapshot()
    expect(draw(world, 500n, 600n, 'available', first.id).verdict).toEqual({ kind: 'added' })
    expect(world.snapshot()).toEqual(before)
  })

  it('that are removed clear their alert, which stays in the record; drawn again they begin anew', () => {
    const world = worldOf({ available: 0n })
    const { id } = draw(world, 500n, 600n)
    world.now += 7
    const removal = { organizationId: ORG, thresholdId: id }
    expect(world.run('remove_threshold', removal)).toEqual({ kind: 'removed' })
    expect(world.thresholds.size).toBe(0)
    expect(alertsOf(world)).toMatchObject([{ thresholdId: id, clearedAt: world.now }])
    expect(world.run('remove_threshold', removal)).toEqual({ kind: 'unknown' })
    const [, , repeated] = world.batch([
      { kind: 'remove_threshold', ...removal },
      { kind: 'add_threshold', organizationId: ORG, id: newId(), metric: 'available', below: 500n, clearAt: 600n },
      { kind: 'remove_threshold', ...removal, repeated: true },
    ])
    expect(repeated, 'whose answer was lost').toEqual({ kind: 'removed' })
    expect([alertsOf(world).length, raisedOf(world).length]).toEqual([2, 1])
  })

  it('drawn, crossed and removed in one batch leave an alert that is over, and no threshold', () => {
    const world = worldOf()
    const id = newId()
    world.batch([
      { kind: 'add_threshold', organizationId: ORG, id, metric: 'headroom', below: 500n, clearAt: 600n },
      { kind: 'judge_headroom', organizationId: ORG, available: 1_000n, seq: 1, demanded: 900n, estimated: false },
      { kind: 'remove_threshold', organizationId: ORG, thresholdId: id },
    ])
    expect(world.thresholds.size).toBe(0)
    expect(alertsOf(world)).toMatchObject([{ thresholdId: id, clearedAt: world.now }])
  })

  it('of another organisation cannot be removed', () => {
    const world = worldOf()
    addOrganization(world, { id: 'other' })
    const { id } = draw(world, 500n, 600n)
    expect(world.run('remove_threshold', { organizationId: 'other', thresholdId: id })).toEqual({ kind: 'unknown' })
    expect(world.thresholds.size).toBe(1)
  })
})
