import { describe, expect, it } from 'vitest'
import type { Call } from '../../src/ledger/calls.ts'
import {
  about,
  addJob,
  admit,
  admitCall,
  admitted,
  agentUsage,
  claim,
  extend,
  ORG,
  parked,
  settle,
  topUp,
  worldOf,
} from './world-fixtures.ts'

describe('a batch names the jobs whose state changed, for whoever waits for them', () => {
  it('at the start and at the end of each, and at nothing between', () => {
    const world = worldOf()
    addJob(world, 'j')
    claim(world, 'j', 'input', 'c0')
    expect(world.written?.changed, 'queued still').toEqual([])
    admit(world, 'j')
    expect(world.written?.changed).toEqual(['j'])
    claim(world, 'j', 'agent.a', 'c1')
    expect(world.written?.changed).toEqual([])
    settle(world, 'j', 'agent.a', agentUsage('a', 1, 1))
    expect(world.written?.changed).toEqual([])
    settle(world, 'j', 'output', { kind: 'output', tokens: 1 })
    expect(world.written?.changed).toEqual(['j'])
    about(world, 'cancel', 'j')
    expect(world.written?.changed, 'charged already').toEqual([])
  })

  it('when it is parked, however that comes about, and when it goes on', () => {
    const world = worldOf({ available: 130n })
    admitted(world, 'j')
    parked(world, 'k')
    expect(world.written?.changed).toEqual(['k'])
    claim(world, 'j', 'agent.a', 'c1')
    extend(world, 'j', 'agent.a', 'c1', 2)
    expect(world.job('j').state).toBe('rejected_for_balance')
    expect(world.written?.changed).toEqual(['j'])
    topUp(world, 1n, 'cent')
    expect(world.written?.changed, 'k fits, j does not yet').toEqual(['k'])
  })

  it('not where it is as it was before the batch', () => {
    const world = worldOf({ available: 0n })
    addJob(world, 'j')
    const funding = { kind: 'top_up', organizationId: ORG, amount: 105n, reference: 'more', note: null } as const
    world.batch([{ kind: 'admit', ...admitCall(world, 'j') } as Call, funding])
    expect(world.job('j').state).toBe('processing')
    expect(world.written?.changed).toEqual(['j'])
    addJob(world, 'k')
    world.batch([{ kind: 'admit', ...admitCall(world, 'k') } as Call])
    const state = world.job('k').state
    world.batch([{ ...funding, amount: 1n, reference: 'cent' }])
    expect([state, world.job('k').state]).toEqual(['rejected_for_balance', 'rejected_for_balance'])
    expect(
      world.written?.jobs.map(({ id }) => id),
      'written for its new figures',
    ).toEqual(['k'])
    expect(world.written?.changed).toEqual([])
  })
})
