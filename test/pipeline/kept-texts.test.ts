import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packUsage, type StoredText, unpack } from '../../src/pipeline/kept-texts.ts'
import { occurrencesOf } from '../../src/pipeline/occurrences.ts'
import type { KeptText, StageUsage } from '../../src/pricing/usage.ts'

const counted = (prompt: string, answer: string): StageUsage => {
  const evidence = { raw: null, counted: { prompt: [prompt], answer: [answer] } }
  return { kind: 'agent', agent: 'a', llm: [{ model: 'm', source: 'counted', classes: { input: 1 }, evidence }] }
}

function keptOf(usage: StageUsage): { prompt: KeptText; answer: KeptText } | undefined {
  return usage.kind === 'agent' ? usage.llm[0]?.evidence?.counted : undefined
}

const text = 'The harbour ferry has crossed between Eastpoint and the old market since 1911.'
const result = 'A ferry has crossed between Eastpoint and the old market for more than a hundred years.'
const stored: readonly StoredText[] = [
  { of: 'text', text },
  { of: 'agent.a', text: result },
]

describe('the texts of a counted call', () => {
  it('name what is stored with the job anyway', () => {
    const kept = keptOf(packUsage(counted(`Summarise.\n\n${text}\n\nTwice: ${text}`, result), stored))
    expect(kept).toEqual({
      prompt: ['Summarise.\n\n', { of: 'text' }, '\n\nTwice: ', { of: 'text' }],
      answer: [{ of: 'agent.a' }],
    })
  })

  it('are left out where they would be more than 64 K characters, and nothing else is', () => {
    const usage = counted('x'.repeat(65_537), '')
    expect(packUsage(usage, stored)).toMatchObject({
      llm: [{ model: 'm', source: 'counted', classes: { input: 1 }, evidence: { raw: null } }],
    })
    expect(keptOf(packUsage(usage, stored))).toBeUndefined()
    expect(keptOf(packUsage(counted('x'.repeat(65_536), ''), stored))).toBeDefined()
    expect(keptOf(packUsage(counted(text.repeat(2_000), ''), stored))).toBeDefined()
  })

  it('weigh something where they are only named', () => {
    expect(keptOf(packUsage(counted(`${text}!`.repeat(2_000), ''), stored))).toBeDefined()
    expect(keptOf(packUsage(counted(`${text}!`.repeat(2_200), ''), stored))).toBeUndefined()
  })

  it('are found where the engine finds them, in texts of one letter, too', () => {
    const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength })
    fc.assert(
      fc.property(letters(4), letters(60), (pattern, whole) => {
        const pieces = whole.split(pattern)
        const places = pieces.slice(1).map((_, index) => pieces.slice(0, index + 1).join(pattern).length)
        expect(occurrencesOf(pattern, whole)).toEqual(places)
      }),
    )
    const pattern = `${'a'.repeat(50_000)}b${'a'.repeat(50_000)}`
    expect(occurrencesOf(pattern, 'a'.repeat(1_000_000))).toEqual([])
  })

  it('are not there again where a text that they name is gone', () => {
    const { prompt } = keptOf(packUsage(counted(text, result), stored)) ?? { prompt: [] }
    expect(unpack(prompt, new Map([['text', null]]))).toBeNull()
    expect(unpack(prompt, new Map())).toBeNull()
  })

  it('come back as they were, whatever they are', () => {
    const names = fc.constantFrom('text', 'agent.a', 'agent.b')
    const texts = fc.array(fc.string({ minLength: 60, maxLength: 90, unit: fc.constantFrom('a', 'b', '😀') }), {
      maxLength: 3,
    })
    const pieces = fc.array(fc.oneof(fc.string(), fc.nat(2)), { maxLength: 6 })
    fc.assert(
      fc.property(texts, names, pieces, (all, name, parts) => {
        const known = all.map((of, index) => ({ of: index === 0 ? name : `other.${index}`, text: of }))
        const prompt = parts.map((part) => (typeof part === 'string' ? part : (all[part] ?? ''))).join('')
        const kept = keptOf(packUsage(counted(prompt, ''), known))
        expect(kept && unpack(kept.prompt, new Map(known.map(({ of, text: found }) => [of, found])))).toBe(prompt)
      }),
    )
  })

  it('of stages without counted calls stay untouched', () => {
    const usage: StageUsage = { kind: 'output', tokens: 3 }
    expect(packUsage(usage, stored)).toBe(usage)
  })
})
