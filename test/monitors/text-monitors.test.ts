import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, expect, test, vi } from 'vitest'
import { cl100kBase, o200kBase } from '#tollkeeper'
import { UnavailableError } from '../../src/foundation/errors.ts'
import type { ThreadPool } from '../../src/foundation/thread-pool.ts'
import { createCountingPool, INLINE_BYTES_MAX } from '../../src/monitors/counting-pool.ts'
import { InputTokenMonitor } from '../../src/monitors/input-token.monitor.ts'
import { OutputTokenMonitor } from '../../src/monitors/output-token.monitor.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

vi.setConfig({ testTimeout: 45_000 }) // loading the vocabulary is slow on a busy machine

const pool = createCountingPool(1)
afterAll(() => pool.close())

test('input and output monitors say whose tokens they counted', async () => {
  expect(await new InputTokenMonitor(o200kBase, pool).measure('Sample input data')).toEqual({
    kind: 'input',
    tokens: 3,
  })
  expect(await new OutputTokenMonitor(o200kBase, pool).measure('')).toEqual({ kind: 'output', tokens: 0 })
})

test('a text above the limit is counted in a thread, with the same result', async () => {
  const text = 'The ferry keeps to its timetable. '.repeat(4000)
  expect(Buffer.byteLength(text)).toBeGreaterThan(INLINE_BYTES_MAX)
  const { tokens } = await new InputTokenMonitor(o200kBase, pool).measure(text)
  expect(tokens).toBe(o200kBase.count(text))
})

test.each([
  ['200,000 times the letter a', 'a'.repeat(200_000), 25_000],
  ['1 MB of spaces', ' '.repeat(1 << 20), 8192],
  ['50,000 Chinese characters', '中文字符测试长文龘靐'.repeat(5000), 45_000],
  ['1 MB of one mark', '-'.repeat(1 << 20), 16_384],
  ['1 MB of newlines', '\n'.repeat(1 << 20), 65_536],
])(
  '%s are counted exactly within the deadline, off the event loop',
  { timeout: 20_000 },
  async (_name, text, tokens) => {
    const monitor = new InputTokenMonitor(o200kBase, pool)
    await monitor.measure('warm')
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const usage = await monitor.measure(text)
    delay.disable()
    expect(usage.tokens).toBe(tokens)
    expect(delay.percentile(50) / 1e6).toBeLessThan(50)
  },
)

test('an aborted measurement rejects with the reason and leaves the pool working', async () => {
  const monitor = new OutputTokenMonitor(o200kBase, pool)
  const controller = new AbortController()
  const measuring = monitor.measure(' '.repeat(1 << 20), controller.signal)
  controller.abort(new Error('the job was cancelled'))
  await expect(measuring).rejects.toThrow('the job was cancelled')
  await expect(monitor.measure('x', controller.signal)).rejects.toThrow('the job was cancelled')
  await expect(monitor.measure('word '.repeat(20_000))).resolves.toMatchObject({ kind: 'output' })
})

test('the second encoding is counted in a thread too, each by its own vocabulary', async () => {
  const texts = ['The ferry keeps to its timetable. '.repeat(4000), '今天天气很好，我们去公园散步。'.repeat(2000)]
  for (const text of texts) {
    const { tokens } = await new InputTokenMonitor(cl100kBase, pool).measure(text)
    expect(tokens).toBe(cl100kBase.count(text))
    expect(await new OutputTokenMonitor(o200kBase, pool).measure(text)).toMatchObject({ tokens: o200kBase.count(text) })
  }
  expect(cl100kBase.count(texts[1] ?? '')).not.toBe(o200kBase.count(texts[1] ?? ''))
  const closed = createCountingPool(1)
  await closed.close()
  const [large, small] = [texts[0] ?? '', 'Sample input data']
  await expect(new InputTokenMonitor(cl100kBase, closed).measure(large)).rejects.toThrow(UnavailableError)
  expect(await new InputTokenMonitor(cl100kBase, closed).measure(small)).toMatchObject({ tokens: 3 })
})

test('a tokenizer of the platform counts for itself, whatever the size and whatever it calls itself', async () => {
  const letters: Tokenizer = { id: 'o200k_base', version: '1', count: (text) => text.length }
  const unused = createCountingPool(1) satisfies ThreadPool
  await unused.close()
  expect(await new InputTokenMonitor(letters, unused).measure('a'.repeat(100_000))).toEqual({
    kind: 'input',
    tokens: 100_000,
  })
})
