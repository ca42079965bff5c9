import { describe, expect, it } from 'vitest'
import type { CounterRow } from '../../src/ledger/facts.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import type { World } from './world.ts'
import { about, admitted, agentUsage, ORG, settle, topUp, worldOf } from './world-fixtures.ts'
import { expectSound } from './world-invariants.ts'

const output = (tokens: number) => ({ kind: 'output', tokens }) as const
const january = Date.UTC(2026, 0, 1)
const priced = (price: bigint, included = 0) =>
  tariff(component({ key: 'output', kind: 'output_tokens', price, per: 1, included }))
const outputCounters = (world: World): readonly CounterRow[] =>
  [...world.counters.values()].filter((row) => row.component === 'output')

describe('what a job was admitted with', () => {
  it('is its tariff: a version that was published since prices the jobs that come after it', () => {
    const world = worldOf({ plan: priced(2n), available: 1_000n })
    admitted(world, 'old')
    const next = { ...priced(3n), versionId: '01890000-0000-7000-8000-000000000009', version: 2 }
    world.tariffs.set(next.versionId, next)
    world.organization(ORG).tariffVersionId = next.versionId
    admitted(world, 'new')
    for (const id of ['old', 'new']) {
      settle(world, id, 'agent.a', agentUsage('a', 1, 1))
      settle(world, id, 'output', output(10))
    }
    expect([world.job('old').charged, world.job('new').charged]).toEqual([20n, 30n])
    expectSound(world)
  })

  it('is its period: a late job goes on counting where its period stood, and leaves the new one alone', () => {
    const world = worldOf({ plan: priced(1n, 50), available: 1_000n })
    for (const id of ['first', 'late']) {
      admitted(world, id)
      settle(world, id, 'agent.a', agentUsage('a', 1, 1))
    }
    settle(world, 'first', 'output', output(40))
    world.now = Date.UTC(2026, 1, 3)
    topUp(world, 1n, 'turns the page')
    settle(world, 'late', 'output', output(40))
    expect(world.job('late').charged).toBe(30n)
    expect(outputCounters(world)).toEqual([expect.objectContaining({ periodStart: january, used: 80, reserved: 0 })])
    expectSound(world)
  })
})

describe('free units of a job that ends early', () => {
  it('are free for the next one', () => {
    const world = worldOf({ plan: priced(1n, 50), available: 1_000n })
    admitted(world, 'j')
    expect(outputCounters(world)).toMatchObject([{ reserved: 40 }])
    about(world, 'cancel', 'j')
    expect(outputCounters(world)).toMatchObject([{ used: 0, includedUsed: 0, reserved: 0 }])
    expect(world.stage('j', 'output').grants).toEqual({})
    admitted(world, 'k')
    expect(world.openHolds(ORG)).toMatchObject([{ jobId: 'k', amount: 0n }])
    expectSound(world)
  })

  it('are given back once: what a settled stage used of them is not taken from those promised to others', () => {
    const world = worldOf({ plan: priced(1n, 80), available: 1_000n })
    for (const id of ['first', 'second']) {
      admitted(world, id)
      settle(world, id, 'agent.a', agentUsage('a', 1, 1))
    }
    settle(world, 'first', 'output', output(40))
    expect(world.stage('first', 'output').grants).toEqual({})
    expect(outputCounters(world)).toMatchObject([{ used: 40, includedUsed: 40, reserved: 40 }])
    admitted(world, 'third')
    settle(world, 'second', 'output', output(40))
    expect(world.job('second').charged).toBe(0n)
    expectSound(world)
  })
})
