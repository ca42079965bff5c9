import { afterAll, expect, test, vi } from 'vitest'
import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { LLMTokenMonitor, type LlmCall } from '../../src/monitors/llm-token.monitor.ts'
import type { UsageShape } from '../../src/pricing/usage.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading the vocabulary is slow on a busy machine

const pool = createCountingPool(1)
afterAll(() => pool.close())
const monitor = new LLMTokenMonitor(o200kBase, pool)

const call = {
  model: 'm1',
  prompt: 'Summarise this sentence about the ferry.',
  output: 'A ferry.',
  maxOutputTokens: 50,
}
const counted = { input: o200kBase.count(call.prompt), output: o200kBase.count(call.output) }

/** What is charged, without what it was made from. */
async function measured(of: LlmCall) {
  const { evidence: _evidence, ...usage } = await monitor.measure(of)
  return usage
}

test.each([
  ['two classes', { input: 9, output: 4 }],
  ['five classes', { input: 1, cache_read: 5, cache_write: 2, output: 3, reasoning: 20 }],
  ['zero is zero', { input: 0, output: 0 }],
  ['a zero class among others', { input: 9, cache_read: 0, output: 4, reasoning: 0 }],
  ['as many answer tokens as were asked for', { input: 9, output: 20, reasoning: 30 }],
  ['as many prompt tokens as the prompt has bytes', { input: call.prompt.length - 1, cache_read: 1, output: 4 }],
])('reported usage is taken: %s', async (_name, reported) => {
  expect(await measured({ ...call, reported })).toEqual({ model: 'm1', source: 'reported', classes: reported })
})

test.each<[string, unknown]>([
  ['missing', undefined],
  ['null', null],
  ['a string', '9 tokens'],
  ['a number', 13],
  ['an array', [9, 4]],
  ['empty', {}],
  ['no output', { input: 9 }],
  ['no input', { output: 4 }],
  ['a null class', { input: null, output: 4 }],
  ['an undefined class', { input: 9, output: 4, cache_read: undefined }],
  ['negative', { input: 9, output: -4 }],
  ['NaN', { input: Number.NaN, output: 4 }],
  ['infinite', { input: 9, output: Number.POSITIVE_INFINITY }],
  ['a fraction', { input: 9.5, output: 4 }],
  ['strings', { input: '9', output: '4' }],
  ['a bigint', { input: 9n, output: 4n }],
  ['1e12', { input: 1e12, output: 4 }],
  ['above the safe integers', { input: 9, output: 2 ** 53 }],
  ['more answer than was asked for', { input: 9, output: 51 }],
  ['output and reasoning together more than was asked for', { input: 9, output: 25, reasoning: 26 }],
  ['more prompt than its bytes', { input: call.prompt.length + 1, output: 4 }],
  ['cached more than the prompt', { input: 9, cache_read: 1000, output: 4 }],
  ['cached and input together more than the bytes', { input: call.prompt.length, cache_read: 1, output: 4 }],
  ['a class nobody prices', { input: 9, output: 4, audio: 7 }],
  ["another provider's names", { prompt_tokens: 9, completion_tokens: 4 }],
  ['inherited classes', Object.create({ input: 9, output: 4 })],
])('reported usage is not believed but counted: %s', async (_name, reported) => {
  expect(await measured({ ...call, reported })).toEqual({ model: 'm1', source: 'counted', classes: counted })
})

test('without a stated limit an answer of a million tokens and more is not believed', async () => {
  const { maxOutputTokens: _limit, ...unlimited } = call
  const believed = await monitor.measure({ ...unlimited, reported: { input: 9, output: 1_000_000 } })
  const counts = await monitor.measure({ ...unlimited, reported: { input: 9, output: 1_000_001 } })
  expect([believed.source, counts.source]).toEqual(['reported', 'counted'])
})

test('long prompts are counted in a thread, with the same result', async () => {
  const prompt = 'All crossings were on time. '.repeat(5000)
  expect(await monitor.measure({ model: 'm1', prompt, output: 'Yes.' })).toEqual({
    model: 'm1',
    source: 'counted',
    classes: { input: o200kBase.count(prompt), output: o200kBase.count('Yes.') },
  })
})

test.each<[string, unknown, unknown]>([
  ['what was believed', { input: 9, output: 4 }, { input: 9, output: 4 }],
  ['what was not', { input: -1, note: 'x' }, { input: -1, note: 'x' }],
  ['what JSON has no number for', { input: 9, output: Number.NaN }, { input: 9, output: 'NaN' }],
  ['nothing', undefined, undefined],
  ['more than 8 KB', { input: 9, output: 4, note: 'x'.repeat(8_192) }, undefined],
  ['what is no JSON', { input: 9n }, undefined],
])('what the provider said is kept as it said it: %s', async (_name, reported, kept) => {
  const { evidence } = await monitor.measure({ ...call, reported })
  expect(evidence).toEqual(kept === undefined ? undefined : { raw: { shape: 'tollkeeper', usage: kept } })
})

test.each<[UsageShape, unknown, unknown]>([
  ['openai-chat', { prompt_tokens: 9, completion_tokens: 24 }, { completion_tokens: 24 }],
  ['openai-responses', { input_tokens: 9, output_tokens: 24 }, { output_tokens: 24 }],
  ['anthropic', { input_tokens: 9, output_tokens: 24 }, { input_tokens: 9, output_tokens: -24 }],
  ['gemini', { promptTokenCount: 9, candidatesTokenCount: 24, totalTokenCount: 33 }, { promptTokenCount: 9 }],
  ['xai', { prompt_tokens: 9, completion_tokens: 24, total_tokens: 33 }, { prompt_tokens: 9, completion_tokens: '24' }],
  ['openai-compatible', { prompt_tokens: 9, completion_tokens: 24 }, { prompt_tokens: 1e12, completion_tokens: 24 }],
])('usage in the words of %s is taken where it is possible, counted otherwise, and kept', async (shape, good, bad) => {
  expect(await monitor.measure({ ...call, shape, reported: good })).toEqual({
    model: 'm1',
    source: 'reported',
    classes: { input: 9, cache_read: 0, cache_write: 0, output: 24, reasoning: 0 },
    evidence: { raw: { shape, usage: good } },
  })
  expect(await monitor.measure({ ...call, shape, reported: bad })).toEqual({
    model: 'm1',
    source: 'counted',
    classes: counted,
    evidence: { raw: { shape, usage: bad } },
  })
})

test('cache and reasoning are classes of their own, and count against the same limits', async () => {
  const reported = (cached: number, reasoning: number) => ({
    prompt_tokens: 9 + cached,
    completion_tokens: 4 + reasoning,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  })
  const measure = (cached: number, reasoning: number) =>
    measured({ ...call, shape: 'openai-chat', reported: reported(cached, reasoning) })
  const bytes = Buffer.byteLength(call.prompt)
  const believed = { input: 9, cache_read: bytes - 9, cache_write: 0, output: 4, reasoning: 46 }
  expect(await measure(bytes - 9, 46)).toEqual({ model: 'm1', source: 'reported', classes: believed })
  expect((await measure(bytes - 8, 46)).source).toBe('counted')
  expect((await measure(bytes - 9, 47)).source).toBe('counted')
})
