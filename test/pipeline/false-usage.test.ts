import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OfflineFault } from '../../src/agents/offline-faults.ts'
import { ConfigurationError } from '../../src/foundation/errors.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { openWorld } from '../support/tollkeeper.ts'
import { billOf, LIMIT, type ModelWorld, openModel, promptOf, TEXT } from './billed-model.ts'

const PROMPT = o200kBase.count(promptOf(TEXT))
const CYCLE: Record<string, unknown> = { input: PROMPT }
CYCLE.output = CYCLE

// The queue has no part in these: what a model says about itself is judged behind it.
describe('a model that says what cannot be', () => {
  let world: ModelWorld
  let fault: OfflineFault | null = null
  beforeAll(async () => {
    world = await openModel('postgres', { faults: () => fault, money: '100.00' })
  })
  afterAll(() => world.close())

  async function charged(next: OfflineFault, text = TEXT): Promise<string> {
    fault = next
    const id = await world.submit('summarizer', text)
    expect(await world.finish(id)).toMatchObject({ state: 'charged', held: 0n })
    return id
  }
  const sourcesOf = async (id: string): Promise<readonly string[]> => {
    const receipt = await world.tollkeeper.jobs.receipt(world.tollkeeper.em(), id)
    return receipt.lines.filter(({ kind }) => kind === 'llm_tokens').map(({ source }) => source)
  }

  it.each<[string, OfflineFault]>([
    ['nothing', { kind: 'omit-usage' }],
    ['an empty object', { kind: 'corrupt-usage', usage: {} }],
    ['a trillion tokens', { kind: 'corrupt-usage', usage: { input: 1e12, output: 1e12 } }],
    ['a trillion, and no more', { kind: 'corrupt-usage', usage: 1e12 }],
    ['less than nothing', { kind: 'corrupt-usage', usage: { input: -PROMPT, output: -1 } }],
    ['not a number', { kind: 'corrupt-usage', usage: { input: Number.NaN, output: 1 } }],
    ['half a token', { kind: 'corrupt-usage', usage: { input: 0.5, output: 1 } }],
    ['figures as texts', { kind: 'corrupt-usage', usage: { input: '1', output: '1' } }],
    ['more than was asked for', { kind: 'corrupt-usage', usage: { input: 1, output: LIMIT + 1 } }],
    ['more thought than was asked for', { kind: 'corrupt-usage', usage: { input: 1, output: 1, reasoning: LIMIT } }],
    ['more than its prompt has', { kind: 'corrupt-usage', usage: { input: PROMPT + 1, output: 1 } }],
    ['more cached than its prompt has', { kind: 'corrupt-usage', usage: { input: 1, cache_read: PROMPT, output: 1 } }],
    ['no output', { kind: 'corrupt-usage', usage: { input: 1 } }],
    ['a field that nobody knows', { kind: 'corrupt-usage', usage: { input: 1, output: 1, images: 3 } }],
    ['a list', { kind: 'corrupt-usage', usage: [1, 1] }],
    ['a circle', { kind: 'corrupt-usage', usage: CYCLE }],
    ['5 MB', { kind: 'corrupt-usage', usage: { input: 1, output: 1, note: 'x'.repeat(5_000_000) } }],
  ])('is counted, flagged, and costs what was counted: %s', async (_what, lie) => {
    const id = await charged(lie)
    const bill = billOf()
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await sourcesOf(id)).toEqual(['counted', 'counted'])
    const counted = { source: 'counted', classes: { input: PROMPT, output: o200kBase.count(TEXT) } }
    expect(await world.agentOf(id)).toMatchObject({ starts: 1, absorbed: 0, usage: { llm: [counted] } })
    expect(await world.unprovedOf(id)).toEqual([])
    await world.expectSoundBooks()
  })

  it.each([
    ['a cheap truth', { input: 0, output: 0 }],
    ['the dearest that was held for', { input: PROMPT, output: LIMIT }],
  ])('is believed where it can be, since 0 is 0: %s', async (_what, used) => {
    const id = await charged({ kind: 'corrupt-usage', usage: used })
    const bill = billOf({ used })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(bill.charged).toBeLessThanOrEqual(bill.held)
    expect(await world.agentOf(id)).toMatchObject({ usage: { llm: [{ source: 'reported', classes: used }] } })
    expect(await world.unprovedOf(id)).toEqual([])
    await world.expectSoundBooks()
  })

  it('or says its answer twice is paid for what was delivered, as far as it was asked for', async () => {
    const id = await charged({ kind: 'repeat' })
    const twice = `${TEXT}\n\n${TEXT}`
    expect(await world.tollkeeper.service.find(id)).toMatchObject({ result: { text: twice } })
    expect(await world.entriesOf(id)).toEqual(billOf({ answers: [twice] }).entries)
    expect(await sourcesOf(id)).toEqual(['reported', 'reported'])
    expect(await world.unprovedOf(id)).toEqual([])
    await world.expectSoundBooks()
  })

  it('or more than it was asked for takes the hold at most, and the platform bears the rest', async () => {
    const before = await world.available()
    const cargo = 'mail, milk, bread, fish, salt, coal, timber, wool, glass, paper, bricks, tools, books, clocks'
    const text = `The ferry carries ${cargo}, chairs, lamps and ropes.`
    const id = await charged({ kind: 'repeat' }, text)
    const twice = `${text}\n\n${text}`
    expect(o200kBase.count(twice)).toBeGreaterThan(LIMIT)
    expect(await world.tollkeeper.service.find(id)).toMatchObject({ result: { text: twice } })
    const { held, charged: counted, entries } = billOf({ text, answers: [twice] })
    const beyond = counted - held
    expect(beyond).toBeGreaterThan(0n)
    const found = await world.entriesOf(id)
    expect(found.slice(0, 5)).toEqual(entries.slice(0, 5))
    expect(found.slice(5)).toEqual([expect.stringMatching(/^charge output \d+$/), `write_off output ${beyond}`])
    expect(await world.available()).toBe(before - held)
    const receipt = await world.tollkeeper.jobs.receipt(world.tollkeeper.em(), id)
    expect(receipt).toMatchObject({ held, charged: held, total: held, writtenOff: beyond, released: 0n })
    expect(await sourcesOf(id)).toEqual(['counted', 'counted'])
    expect(await world.unprovedOf(id)).toEqual([])
    await world.expectSoundBooks()
  })
})

it('faults are refused where another model answers', async () => {
  const LLM = { LLM_BASE_URL: 'http://127.0.0.1:9/v1', LLM_API_KEY: 'secret', LLM_MODEL: 'other' }
  const world = await openWorld('postgres', { LLM_PROVIDER: 'openai-compatible', ...LLM })
  try {
    const opened = world.open([], { offlineFaults: [{ kind: 'hang' }] })
    await expect(opened).rejects.toThrow(ConfigurationError)
    await expect(opened).rejects.toThrow(/offlineFaults .* LLM_PROVIDER is openai-compatible; leave one of them out/)
  } finally {
    await world.close()
  }
})
