import { afterAll, expect, test, vi } from 'vitest'
import { SUMMARY_INSTRUCTION } from '../../src/agents/instructions.ts'
import type { LlmAnswer, LlmRequest } from '../../src/agents/llm-provider.ts'
import type { OfflineFault, OfflineFaults, PlannedFault } from '../../src/agents/offline-faults.ts'
import { createOfflinePool, createOfflineProvider } from '../../src/agents/offline-provider.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading the vocabulary is slow on a busy machine

const pool = createOfflinePool(1)
afterAll(() => pool.close())

const TEXT = 'The 🚢 leaves at nine.'
const SOUND = { text: TEXT, toolCalls: [] }
const TRUE_USAGE = { input: o200kBase.count(`${SUMMARY_INSTRUCTION}\n\n${TEXT}`), output: o200kBase.count(TEXT) }

const request = (signal = new AbortController().signal, text = TEXT): LlmRequest => ({
  ...{ system: SUMMARY_INSTRUCTION, messages: [{ role: 'user', text }], tools: [], maxOutputTokens: 100, signal },
})
const ask = (faults: OfflineFaults): (() => Promise<LlmAnswer>) => {
  const provider = createOfflineProvider(pool, faults)
  return () => provider.generate(request())
}

test('without faults, behind the list, and where it says null, the model is sound', async () => {
  expect(await ask([])()).toEqual({ ...SOUND, usage: TRUE_USAGE })
  const call = ask([null, { kind: 'omit-usage', times: 2 }])
  const usages = [await call(), await call(), await call(), await call()].map(({ usage }) => usage)
  expect(usages).toEqual([TRUE_USAGE, null, null, TRUE_USAGE])
})

test('a fault for ever has no end', async () => {
  const call = ask([{ kind: 'fail', retryable: true, times: Number.POSITIVE_INFINITY }, { kind: 'hang' }])
  for (const _ of Array.from({ length: 5 })) await expect(call()).rejects.toThrow('as it was told to')
})

test('a function is asked by the number of the call, and sees what is asked', async () => {
  const seen: unknown[] = []
  const provider = createOfflineProvider(pool, (call, { messages }) => {
    seen.push([call, messages[0]?.text])
    return messages[0]?.text === 'Strike.' ? { kind: 'omit-usage' } : null
  })
  const { signal } = new AbortController()
  expect((await provider.generate(request(signal, 'Spare.'))).usage).not.toBeNull()
  expect((await provider.generate(request(signal, 'Strike.'))).usage).toBeNull()
  expect(seen).toEqual([
    [1, 'Spare.'],
    [2, 'Strike.'],
  ])
})

test.each([true, false])('a failure is an error without any answer, retryable: %s', async (retryable) => {
  await expect(ask([{ kind: 'fail', retryable }])()).rejects.toMatchObject({
    ...{ code: 'provider-error', retryable, partial: undefined },
  })
})

test('a call that hangs ends with its signal, and one that was ended before is not counted', async () => {
  const provider = createOfflineProvider(pool, [{ kind: 'hang' }])
  await expect(provider.generate(request(AbortSignal.abort(new Error('too late'))))).rejects.toThrow('too late')
  const stop = new AbortController()
  const hanging = provider.generate(request(stop.signal))
  const first = Promise.race([
    hanging.catch(() => 'ended'),
    new Promise((resolve) => setTimeout(resolve, 300, 'hangs')),
  ])
  expect(await first).toBe('hangs')
  stop.abort(new Error('cancelled'))
  await expect(hanging).rejects.toThrow('cancelled')
})

test('a late answer comes although nobody waits for it any more', async () => {
  const provider = createOfflineProvider(pool, [{ kind: 'late', ms: 200 }])
  const stop = new AbortController()
  const late = provider.generate(request(stop.signal))
  stop.abort(new Error('cancelled'))
  expect(await late).toEqual({ ...SOUND, usage: TRUE_USAGE })
})

test.each([[1e12], [{ input: -5, output: '12' }], [{ input: 0, output: Number.NaN }], [undefined]])(
  'a false usage is reported as it was given: %o',
  async (usage) => {
    expect(await ask([{ kind: 'corrupt-usage', usage }])()).toEqual({ ...SOUND, usage })
  },
)

test.each([
  [0, ''],
  [5, 'The 🚢'],
  [1_000, TEXT],
])('an answer that is cut behind %i characters leaves what had come', async (characters, partial) => {
  await expect(ask([{ kind: 'cut', characters }])()).rejects.toMatchObject({ retryable: true, partial })
})

test('a repeated answer is twice the sound one, and its usage counts both', async () => {
  const text = `${TEXT}\n\n${TEXT}`
  expect(await ask([{ kind: 'repeat' }])()).toEqual({
    ...SOUND,
    text,
    usage: { input: TRUE_USAGE.input, output: o200kBase.count(text) },
  })
})

test.each<[string, PlannedFault, RegExp]>([
  ['no kind', { kind: 'explode' } as unknown as OfflineFault, /no fault "explode"; it has fail, hang/],
  ['zero times', { kind: 'hang', times: 0 }, /a whole number of times, from 1/],
  ['half a time', { kind: 'hang', times: 0.5 }, /not 0.5/],
  ['no delay', { kind: 'late' } as unknown as OfflineFault, /needs `ms`/],
  ['less than nothing', { kind: 'cut', characters: -1 }, /needs `characters`/],
])('a fault that cannot be meant is refused at once: %s', (_name, fault, message) => {
  expect(() => createOfflineProvider(pool, [null, fault])).toThrow(ConfigurationError)
  expect(() => createOfflineProvider(pool, [null, fault])).toThrow(message)
})
