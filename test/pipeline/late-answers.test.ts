import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { SUMMARY_INSTRUCTION } from '../../src/agents/instructions.ts'
import type { OfflineFault } from '../../src/agents/offline-faults.ts'
import { eventually } from '../support/tollkeeper.ts'
import { asking, billOf, costOf, MONEY, type ModelWorld, openModel, TEXT } from './billed-model.ts'

/** Only attempts of a few seconds are of use here. */
const SHORT = { STAGE_TIMEOUT_MS: '2000' }
const ANSWERED = { llm: [{ source: 'reported' }] }

// A claim, a deadline and a cancel decide these, whatever queue delivered the stage.
describe('an answer that nobody waits for any more', () => {
  let world: ModelWorld
  afterEach(() => world.close())

  const absorbed = (id: string, count: number) =>
    eventually(
      () => world.absorbedOf(id),
      (rows) => rows.length >= count,
    )

  it.each([
    ['before its worker hears of it', 1_000, 'late'],
    ['after its worker gave up', 4_500, 'abandoned'],
  ])('comes to a cancelled job without effect, and is on record: %s', async (_when, ms, reason) => {
    const asked = Promise.withResolvers<void>()
    const late = (call: number): OfflineFault | null => {
      if (call === 1) return null
      asked.resolve()
      return { kind: 'late', ms }
    }
    world = await openModel('postgres', { faults: late })
    await world.finish(await world.submit()) // the thread has read its dictionary by now
    const before = await world.available()
    const id = await world.submit()
    await asked.promise
    await world.tollkeeper.service.cancel(id)
    const { stopped, input } = billOf()
    expect(await world.entriesOf(id)).toEqual(stopped)
    expect(await world.absorbedOf(id)).toEqual([])
    const rows = await absorbed(id, 1)
    expect(rows).toMatchObject([{ reason, usage: ANSWERED, cost: String(costOf(TEXT, TEXT)) }])
    expect(await world.entriesOf(id)).toEqual(stopped)
    expect(await world.tollkeeper.service.find(id)).toMatchObject({ state: 'cancelled', charged: input, result: null })
    expect(await world.agentOf(id)).toMatchObject({ starts: 1, absorbed: 1, result: null })
    expect(await world.available()).toBe(before - input)
    await world.expectSoundBooks()
  })

  it('comes to a charged job without effect: the attempt behind its deadline was the one that counts', async () => {
    world = await openModel('postgres', { env: SHORT, faults: [null, { kind: 'late', ms: 7_000 }] })
    await world.finish(await world.submit()) // the thread has read its dictionary by now
    const id = await world.submit()
    const bill = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged })
    expect(await world.absorbedOf(id)).toEqual([])
    const rows = await absorbed(id, 1)
    expect(rows).toMatchObject([{ reason: 'abandoned', usage: ANSWERED, cost: String(costOf(TEXT, TEXT)) }])
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 2, absorbed: 1, state: 'charged', result: TEXT })
    expect(await world.available()).toBe(MONEY - 2n * bill.charged)
    await world.expectSoundBooks()
  })

  it('at each attempt fails its job for the deadline, and costs the platform every answer', async () => {
    world = await openModel('postgres', { env: SHORT, faults: [{ kind: 'late', ms: 3_000, times: 3 }] })
    const id = await world.submit()
    const failure = { code: 'stage-deadline', stage: 'agent.summarizer' }
    expect(await world.finish(id)).toMatchObject({ state: 'failed', charged: 0n, held: 0n, failure })
    const rows = await absorbed(id, 3)
    expect(rows.map(({ reason }) => reason)).toEqual(['abandoned', 'abandoned', 'abandoned'])
    expect(await world.entriesOf(id)).toEqual(billOf().failed)
    expect(await world.agentOf(id)).toMatchObject({ starts: 3, absorbed: 3, result: null })
    expect(await world.available()).toBe(MONEY)
    await world.expectSoundBooks()
  })

  it('comes of a sibling call of one that failed: both are made again, and two answers are paid', async () => {
    const signals: AbortSignal[] = []
    const twins: Agent = {
      ...asking('twins', { calls: 2 }),
      async run(text, { llm, signal }) {
        signals.push(signal)
        const ask = () => llm.generate({ system: SUMMARY_INSTRUCTION, prompt: text })
        const answers = await Promise.all([ask(), ask()])
        return { text: answers.map((answer) => answer.text).join('\n') }
      },
    }
    const faults = [
      { kind: 'late', ms: 800 },
      { kind: 'fail', retryable: true },
    ] as const
    world = await openModel('postgres', { agents: [twins], faults })
    const id = await world.submit('twins')
    const bill = billOf({ answers: [TEXT, TEXT], fee: 0n })
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged })
    expect(await absorbed(id, 1)).toMatchObject([{ reason: 'abandoned', cost: String(costOf(TEXT, TEXT, 0n)) }])
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 2, absorbed: 1 })
    expect(
      signals.map(({ aborted }) => aborted),
      'what a failed run has begun is told to stop',
    ).toEqual([true, false])
    await world.expectSoundBooks()
  })
})

describe('an agent and its model', () => {
  let world: ModelWorld
  afterEach(() => world.close())

  it('that is slower than three claims is asked once and paid once', async () => {
    let asked = 0
    const slow = (): OfflineFault => {
      asked += 1
      return { kind: 'late', ms: 7_500 }
    }
    world = await openModel('postgres', { faults: slow })
    const id = await world.submit()
    const bill = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 1, absorbed: 0 })
    expect(asked).toBe(1)
    await world.expectSoundBooks()
  })

  it.each([
    ['has each further call held for', 1],
    ['needs no more than it bounded', 3],
  ])('that it asks again when it fails charges the answer alone, and %s', async (_what, bounded) => {
    const stubborn = asking('stubborn', { calls: 1, bounded, retries: 2 })
    const faults = [
      { kind: 'cut', characters: 9 },
      { kind: 'fail', retryable: false },
    ] as const
    world = await openModel('postgres', { agents: [stubborn], faults })
    const id = await world.submit('stubborn')
    const bill = billOf({ calls: 3, bounded, fee: 0n })
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged, result: { text: TEXT } })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.absorbedOf(id)).toMatchObject([
      { reason: 'broken_off', usage: { llm: [{ source: 'counted' }] }, cost: String(costOf(TEXT, 'The ferry', 0n)) },
    ])
    expect(await world.agentOf(id)).toMatchObject({ starts: 1, absorbed: 1 })
    await world.expectSoundBooks()
  })

  it('that it does not wait for is paid all the same', async () => {
    const hasty: Agent = {
      ...asking('hasty', { calls: 1 }),
      async run(text, { llm }) {
        llm.generate({ system: SUMMARY_INSTRUCTION, prompt: text }).catch(() => undefined)
        return { text: 'done' }
      },
    }
    world = await openModel('postgres', { agents: [hasty], faults: [{ kind: 'late', ms: 500 }] })
    const id = await world.submit('hasty')
    const bill = billOf({ delivered: 'done', fee: 0n })
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged, result: { text: 'done' } })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.absorbedOf(id)).toEqual([])
    await world.expectSoundBooks()
  })
})
