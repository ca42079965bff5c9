import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StageWork } from '../../src/database/stage-work.ts'
import { WorkInHand } from '../../src/pipeline/work-in-hand.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'

const work: StageWork = {
  organizationId: 'acme',
  generation: 0,
  steps: [
    ['a', 'b'],
    ['c', 'm'],
  ],
  text: 'a text',
  bound: null,
  untouched: true,
  results: {},
}
const llm = { model: 'x', calls: 1, promptTokens: 1, maxOutputTokens: 1 }
const bounds: readonly BoundedStage[] = [
  { stage: 'input', bound: { kind: 'input', tokens: 2 } },
  ...['a', 'b', 'c'].map((agent): BoundedStage => {
    return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm: null } }
  }),
  { stage: 'agent.m', bound: { kind: 'agent', agent: 'm', llm } },
  { stage: 'output', bound: { kind: 'output', maxTokens: 5 } },
]

describe('the work that a process has in hand', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('is what a read would have given, once for each stage whose bound is no model’s', () => {
    const inHand = new WorkInHand()
    expect(inHand.take('j', 'agent.a')).toBeUndefined()
    inHand.admitted('j', work, bounds)
    const a = { ...work, bound: { kind: 'agent', agent: 'a', llm: null } }
    expect(inHand.take('j', 'agent.a')).toEqual(a)
    expect(inHand.take('j', 'agent.a'), 'who comes again is not the first').toBeUndefined()
    for (const stage of ['input', 'agent.c', 'agent.m', 'output', 'agent.z']) {
      expect(inHand.take('j', stage), stage).toBeUndefined()
    }
    inHand.settled('j', 'agent.a', work, 'one')
    expect(inHand.take('j', 'agent.c'), 'its sibling is not settled').toBeUndefined()
    inHand.settled('j', 'agent.b', work, '')
    expect(inHand.take('j', 'agent.c')).toMatchObject({ results: { 'agent.a': 'one', 'agent.b': '' } })
    expect(inHand.take('j', 'agent.m'), 'its bound may have been cut').toBeUndefined()
    inHand.settled('j', 'agent.c', work, 'three')
    inHand.settled('j', 'agent.m', work, 'four')
    const results = { 'agent.a': 'one', 'agent.b': '', 'agent.c': 'three', 'agent.m': 'four' }
    const bound = { kind: 'output', maxTokens: 5 }
    expect(inHand.take('j', 'output')).toEqual({ ...work, bound, results })
  })

  it('knows of a job whose input was settled elsewhere what the agent’s stage was read with', () => {
    const inHand = new WorkInHand()
    const read = {
      ...work,
      bound: { kind: 'agent', agent: 'm', llm } as const,
      results: { 'agent.a': '1', 'agent.b': '2' },
    }
    inHand.settled('j', 'agent.m', read, '3')
    expect(inHand.take('j', 'agent.c'), 'its bound is not known').toBeUndefined()
    expect(inHand.take('j', 'output')).toBeUndefined()
    inHand.settled('j', 'agent.c', { ...read, results: { ...read.results, 'agent.m': '3' } }, '4')
    expect(inHand.take('j', 'output')).toMatchObject({ bound: null, results: { 'agent.m': '3', 'agent.c': '4' } })
  })

  it('is let go after two seconds, with its job, and when texts take too much room', () => {
    const inHand = new WorkInHand()
    inHand.admitted('old', work, bounds)
    vi.advanceTimersByTime(2_001)
    expect(inHand.take('old', 'agent.a')).toBeUndefined()

    inHand.settled('done', 'output', work, 'text')
    expect(inHand.take('done', 'output')).toBeUndefined()

    const large = { ...work, text: 'x'.repeat(2 ** 20) }
    for (let job = 0; job < 20; job += 1) inHand.admitted(`large-${job}`, large, bounds)
    const left = Array.from({ length: 20 }, (_, job) => inHand.take(`large-${job}`, 'agent.a') !== undefined)
    expect(left).toEqual(left.map((_, job) => job >= 4))
  })
})
