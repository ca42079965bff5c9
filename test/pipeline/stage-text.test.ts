import { describe, expect, it } from 'vitest'
import type { StageWork } from '../../src/database/stage-work.ts'
import { isReady } from '../../src/pipeline/stage-text.ts'

const bound = { kind: 'agent', agent: 'a', llm: null } as const
const work = (fields: Partial<StageWork>): StageWork => {
  return {
    organizationId: 'acme',
    generation: 1,
    steps: [['a', 'b'], ['c']],
    text: 'x',
    bound,
    untouched: true,
    results: {},
    ...fields,
  }
}
const first = { 'agent.a': 'one', 'agent.b': '' }

describe('what a stage works on is there', () => {
  it.each([
    ['input', { bound: null, untouched: true }, true],
    ['agent.a', {}, true],
    ['agent.a', { bound: null }, false],
    ['agent.c', {}, false],
    ['agent.c', { results: { 'agent.a': 'one' } }, false],
    ['agent.c', { results: first }, true],
    ['agent.c', { results: first, bound: null }, false],
    ['output', { bound: null, results: first }, false],
    ['output', { bound: null, results: { ...first, 'agent.c': 'two' } }, true],
  ] as const)('%s with %o: %s', (stage, fields, ready) => {
    expect(isReady(work(fields), stage)).toBe(ready)
  })
})
