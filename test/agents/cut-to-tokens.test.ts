import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noteLimit } from '../../src/agents/cut-to-tokens.ts'
import type { LlmProvider } from '../../src/agents/llm-provider.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

const provider = (usesCanonicalTokenizer: boolean): LlmProvider => ({
  ...{ model: 'm', usageShape: 'tollkeeper', usesCanonicalTokenizer },
  generate: () => Promise.reject(new Error('nobody asks it')),
})

test('a note has at most as many tokens as its limit says, in the unit that prompts are bounded in', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 200 })
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 60 }), (text, most) => {
      const [ours, others] = [true, false].map((canonical) => noteLimit(provider(canonical), o200kBase, most))
      const [byTokens, byBytes] = [ours?.cut(text) ?? '', others?.cut(text) ?? '']
      expect(o200kBase.count(byTokens)).toBeLessThanOrEqual(ours?.tokensMax ?? 0)
      expect(Buffer.byteLength(byBytes)).toBeLessThanOrEqual(others?.tokensMax ?? 0)
      expect(byBytes === text || byBytes === '' || byBytes.endsWith('…')).toBe(true)
      expect(byBytes.isWellFormed()).toBe(true)
    }),
  )
})

test('a note that fits is given whole', () => {
  const text = 'Die Fähre fährt.'
  expect(noteLimit(provider(false), o200kBase, 5).cut(text)).toBe(text)
  expect(noteLimit(provider(false), o200kBase, 4).cut(text)).toBe('Die Fähre f…')
})
