import { afterAll, expect, test, vi } from 'vitest'
import { type LlmAnswer, type LlmProvider, type LlmRequest, ProviderError } from '../../src/agents/llm-provider.ts'
import { CallLimitError, createMeteredLlm, PromptLimitError, promptBound } from '../../src/agents/metered-llm.ts'
import { createCountingPool } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { LLMTokenMonitor } from '../../src/monitors/llm-token.monitor.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading the vocabulary is slow on a busy machine

const pool = createCountingPool(1)
afterAll(() => pool.close())
const monitor = new LLMTokenMonitor(o200kBase, pool)

type Scripted = Omit<LlmAnswer, 'toolCalls'> & Partial<Pick<LlmAnswer, 'toolCalls'>>

const said = ({ messages }: LlmRequest): string => messages.at(-1)?.text ?? ''

function scripted(answer: (request: LlmRequest) => Promise<Scripted>): LlmProvider & { requests: LlmRequest[] } {
  const requests: LlmRequest[] = []
  return {
    model: 'scripted-1',
    usageShape: 'tollkeeper',
    usesCanonicalTokenizer: false,
    requests,
    async generate(request) {
      requests.push(request)
      return { toolCalls: [], ...(await answer(request)) }
    },
  }
}

const countPrompt = async (prompt: string) => Buffer.byteLength(prompt)
const terms = { monitor, countPrompt, promptTokensMax: 500, maxOutputTokens: 40 }
const setup = (provider: LlmProvider, callsMax = 2, signal = new AbortController().signal) =>
  createMeteredLlm({ ...terms, provider, callsMax, signal })

test('each answered call is one usage, in the order of the calls', async () => {
  const provider = scripted(async (request) => {
    const prompt = said(request)
    if (prompt === 'slow') await new Promise((resolve) => setTimeout(resolve, 50))
    return { text: prompt, usage: prompt === 'slow' ? { input: 3, output: 1 } : null }
  })
  const { llm, usage } = setup(provider)
  const answers = await Promise.all(['slow', 'fast'].map((prompt) => llm.generate({ system: 'Echo.', prompt })))
  expect(answers).toEqual([{ text: 'slow' }, { text: 'fast' }])
  expect(usage()).toEqual([
    {
      ...{ model: 'scripted-1', source: 'reported', classes: { input: 3, output: 1 } },
      evidence: { raw: { shape: 'tollkeeper', usage: { input: 3, output: 1 } } },
    },
    {
      ...{ model: 'scripted-1', source: 'counted', classes: { input: o200kBase.count('Echo.\n\nfast'), output: 1 } },
      evidence: { raw: null, counted: { prompt: ['Echo.\n\nfast'], answer: ['fast'] } },
    },
  ])
})

test('the provider is asked for no more tokens than the hold can pay, and an answer above that is counted', async () => {
  const provider = scripted(async () => ({ text: 'A long story.', usage: { input: 2, output: 41 } }))
  const { llm, usage } = setup(provider)
  await llm.generate({ system: 's', prompt: 'p' })
  expect(provider.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([40])
  expect(usage()).toMatchObject([{ source: 'counted', classes: { output: o200kBase.count('A long story.') } }])
})

test('a call beyond the bounded ones never reaches the provider', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  const { llm, usage } = setup(provider, 1)
  await llm.generate({ system: 's', prompt: 'p' })
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow(CallLimitError)
  expect(provider.requests).toHaveLength(1)
  expect(usage()).toHaveLength(1)
})

test('a call beyond the bounded ones is asked for by its number, before the provider hears of it', async () => {
  const heard: string[] = []
  const provider = scripted(async (request) => {
    const prompt = said(request)
    heard.push(prompt)
    return { text: prompt, usage: null }
  })
  const extend = async (call: number) => void heard.push(`call ${call} is held for`)
  const signal = new AbortController().signal
  const { llm, usage } = createMeteredLlm({ ...terms, provider, callsMax: 1, extend, signal })
  for (const prompt of ['first', 'second', 'third']) await llm.generate({ system: 's', prompt })
  expect(heard).toEqual(['first', 'call 2 is held for', 'second', 'call 3 is held for', 'third'])
  expect(usage()).toHaveLength(3)
})

test('calls at once are asked for one by one, and one that is refused is asked for again under its number', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  const asked: number[] = []
  const refused = new Error('no money')
  const extend = async (call: number): Promise<void> => {
    asked.push(call)
    if (asked.length < 3) throw refused
  }
  const signal = new AbortController().signal
  const { llm, usage } = createMeteredLlm({ ...terms, provider, callsMax: 1, extend, signal })
  const call = () => llm.generate({ system: 's', prompt: 'p' })
  const outcomes = await Promise.allSettled([call(), call(), call()])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect([asked, provider.requests.length]).toEqual([[2, 3], 1])
  await call()
  expect([asked, usage().length]).toEqual([[2, 3, 2], 2])
})

test('a prompt longer than bounded never reaches the provider, and says what to raise', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  const { llm, usage } = setup(provider)
  await expect(llm.generate({ system: 's', prompt: 'p'.repeat(498) })).rejects.toThrow(PromptLimitError)
  await expect(llm.generate({ system: 's', prompt: 'p'.repeat(498) })).rejects.toThrow(/501 tokens.*promptTokens/)
  await expect(llm.generate({ system: 's', prompt: 'p'.repeat(497) })).resolves.toEqual({ text: 'ok' })
  expect([provider.requests.length, usage().length]).toEqual([1, 1])
})

test('before each call but the first it asks whether it may go on', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  let asked = 0
  const goOn = async (): Promise<void> => {
    asked += 1
    if (asked === 2) throw new Error('the job was parked')
  }
  const { signal } = new AbortController()
  const { llm } = createMeteredLlm({ ...terms, provider, callsMax: 3, goOn, signal })
  const call = () => llm.generate({ system: 's', prompt: 'p' })
  await call()
  await call()
  await expect(call()).rejects.toThrow('the job was parked')
  expect([asked, provider.requests.length]).toEqual([2, 2])
})

test('a call that broke off is counted apart: prompt and what had been answered', async () => {
  const provider = scripted(() => Promise.reject(new ProviderError('cut', true, { partial: 'Once upon' })))
  const { llm, usage, lost } = setup(provider)
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow('cut')
  expect(usage()).toEqual([])
  const classes = { input: o200kBase.count('s\n\np'), output: o200kBase.count('Once upon') }
  expect(lost()).toMatchObject([{ model: 'scripted-1', source: 'counted', classes }])
})

test('an aborted call is told the reason, and what it had used is counted apart a moment later', async () => {
  const [stop, begun] = [new AbortController(), Promise.withResolvers<void>()]
  const provider = scripted(({ signal }) => {
    begun.resolve()
    const broken = Promise.withResolvers<never>()
    // As over a wire: that the connection is gone is heard later than the abort.
    const hangUp = () => setTimeout(() => broken.reject(new ProviderError('cut', true, { partial: 'Once' })), 20)
    signal.addEventListener('abort', hangUp, { once: true })
    return broken.promise
  })
  const { llm, usage, lost, ended } = setup(provider, 2, stop.signal)
  await ended()
  const reason = new Error('the job was cancelled')
  const call = expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toBe(reason)
  await begun.promise
  stop.abort(reason)
  expect(lost()).toEqual([])
  await ended()
  const classes = { input: o200kBase.count('s\n\np'), output: o200kBase.count('Once') }
  expect(lost()).toMatchObject([{ source: 'counted', classes }])
  expect(usage()).toEqual([])
  await call
})

test('a call that is answered after the abort is metered all the same, and waited for by who asks', async () => {
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const provider = scripted(async () => {
    asked.resolve()
    await answered.promise
    return { text: 'too late', usage: null }
  })
  const stop = new AbortController()
  const { llm, usage, ended } = setup(provider, 2, stop.signal)
  await ended()
  const call = llm.generate({ system: 's', prompt: 'p' })
  await asked.promise
  stop.abort(new Error('cancelled'))
  const complete = ended().then(() => usage())
  expect(usage()).toEqual([])
  answered.resolve()
  expect(await complete).toMatchObject([{ source: 'counted', classes: { output: o200kBase.count('too late') } }])
  await call
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow('cancelled')
  expect(provider.requests).toHaveLength(1)
})

test('a provider that counts as we do cannot have read more than its prompt', async () => {
  const exact = o200kBase.count('s\n\nDie Fähre fährt.')
  const provider = scripted(async ({ maxOutputTokens }) => ({
    text: 'ok',
    usage: { input: exact + 1, output: maxOutputTokens },
  }))
  const { signal } = new AbortController()
  const canonical = promptBound({ ...provider, usesCanonicalTokenizer: true }, new InputTokenMonitor(o200kBase, pool))
  const request = { system: 's', prompt: 'Die Fähre fährt.' }
  const strict = createMeteredLlm({ ...terms, provider, callsMax: 1, signal, countPrompt: canonical })
  await strict.llm.generate(request)
  expect(strict.usage()).toMatchObject([{ source: 'counted', classes: { input: exact, output: 1 } }])
  const byBytes = setup(provider)
  await byBytes.llm.generate(request)
  expect(byBytes.usage()).toMatchObject([{ source: 'reported', classes: { input: exact + 1 } }])
})

test('a question that fails while its agent waits for another ends nothing but itself', async () => {
  const provider = scripted(async (request) => {
    if (said(request) === 'bad') throw new ProviderError('overloaded', true)
    await new Promise((resolve) => setTimeout(resolve, 20))
    return { text: 'good', usage: null }
  })
  const { llm, usage } = setup(provider)
  const bad = llm.generate({ system: 's', prompt: 'bad' })
  await expect(llm.generate({ system: 's', prompt: 'good' })).resolves.toEqual({ text: 'good' })
  await expect(bad).rejects.toThrow('overloaded')
  expect(usage()).toHaveLength(1)
})

test('a question that nobody waits for has ended when its tools and all its rounds have', async () => {
  let rounds = 0
  const provider = scripted(async () => {
    rounds += 1
    const toolCalls = rounds < 3 ? [{ id: `c${rounds}`, name: 'wait', input: '{}' }] : []
    return { text: '', toolCalls, usage: null }
  })
  const { llm, usage, ended } = setup(provider, 3)
  const run = () => new Promise<string>((resolve) => setTimeout(resolve, 20, 'waited'))
  void llm.generate({ system: 's', prompt: 'p', tools: [{ name: 'wait', description: '', parameters: {}, run }] })
  await ended()
  expect([rounds, usage().length]).toEqual([3, 3])
})

test('an abort while a call is asked for keeps it from the provider', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  const stop = new AbortController()
  const extend = async (): Promise<void> => stop.abort(new Error('cancelled'))
  const { signal } = stop
  const { llm } = createMeteredLlm({ ...terms, provider, callsMax: 0, extend, signal })
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow('cancelled')
  expect(provider.requests).toEqual([])
})

test('after the abort no call reaches the provider', async () => {
  const provider = scripted(async () => ({ text: 'ok', usage: null }))
  const { llm, usage } = setup(provider, 5, AbortSignal.abort(new Error('parked')))
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow('parked')
  expect([provider.requests, usage()]).toEqual([[], []])
})

test('a failed call leaves no usage, and counts as a call', async () => {
  const provider = scripted(() => Promise.reject(new ProviderError('overloaded', true)))
  const { llm, usage } = setup(provider, 1)
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toMatchObject({
    code: 'provider-error',
    retryable: true,
  })
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow(CallLimitError)
  expect(usage()).toEqual([])
})

test('an answer without a text is the error of the provider', async () => {
  const provider = scripted(async () => ({ text: undefined as unknown as string, usage: { input: 1, output: 1 } }))
  const { llm, usage } = setup(provider)
  await expect(llm.generate({ system: 's', prompt: 'p' })).rejects.toThrow(ProviderError)
  expect(usage()).toEqual([])
})

test('prompts are bounded by bytes unless the provider counts as we do', async () => {
  const provider = scripted(async () => ({ text: '', usage: null }))
  const input = new InputTokenMonitor(o200kBase, pool)
  const prompt = 'Die Fähre fährt.'
  expect(await promptBound(provider, input)(prompt)).toBe(Buffer.byteLength(prompt))
  expect(await promptBound({ ...provider, usesCanonicalTokenizer: true }, input)(prompt)).toBe(o200kBase.count(prompt))
})
