import { describe, expect, it } from 'vitest'
import { unfinishedBounds } from '../../src/ledger/hold.ts'
import type { StageState } from '../../src/ledger/states.ts'
import { addJob, boundsOf, worldOf } from './world-fixtures.ts'

describe('what a hold has to cover', () => {
  it('is the stages that are not finished, under the bounds that they were given', () => {
    const world = worldOf()
    addJob(world, 'j', { steps: [['a', 'b']] })
    const bounds = boundsOf(world.job('j'))
    const states: readonly StageState[] = ['charged', 'reversed', 'running', 'waiting']
    const stages = bounds.map(({ stage, bound }, index) => {
      return { ...world.stage('j', stage), bound, state: states[index] ?? 'waiting' }
    })
    expect(unfinishedBounds(stages)).toEqual(bounds.slice(2))
  })

  it('cannot be said of a stage without a bound, but that is no matter once it is charged', () => {
    const world = worldOf()
    addJob(world, 'j')
    const stage = world.stage('j', 'input')
    expect(() => unfinishedBounds([stage])).toThrow('stage input has its bound before it is priced')
    expect(unfinishedBounds([{ ...stage, state: 'charged' }])).toEqual([])
  })
})
