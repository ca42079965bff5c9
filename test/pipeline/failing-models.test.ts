import { afterEach, describe, expect, it } from 'vitest'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { BACKENDS_HERE, eventually } from '../support/tollkeeper.ts'
import { billOf, costOf, MONEY, type ModelWorld, openModel, promptOf, TEXT } from './billed-model.ts'

const FOR_EVER = Number.POSITIVE_INFINITY

describe.each(BACKENDS_HERE)('a job whose model fails, with the queue on %s', (backend) => {
  let world: ModelWorld
  afterEach(() => world.close())

  const failedCards = ({ tollkeeper }: ModelWorld) =>
    eventually(
      async () =>
        tollkeeper.queues
          .boardQueues()
          .find(({ name }) => name === 'pipeline.agent')
          ?.getFailed() ?? [],
      (cards) => cards.length > 0,
    )

  it('and answers at the third attempt pays once, as if nothing had been', async () => {
    world = await openModel(backend, { faults: [{ kind: 'fail', retryable: true, times: 2 }] })
    const id = await world.submit()
    const bill = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged, result: { text: TEXT } })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 3, absorbed: 0 })
    expect(await world.absorbedOf(id)).toEqual([])
    expect(await world.available()).toBe(MONEY - bill.charged)
    await world.expectSoundBooks()
  })

  it('for ever fails after three attempts and costs nothing, not even its input', async () => {
    world = await openModel(backend, { faults: [{ kind: 'fail', retryable: true, times: FOR_EVER }] })
    const id = await world.submit()
    const job = await world.finish(id)
    const failure = { code: 'provider-error', stage: 'agent.summarizer' }
    expect(job).toMatchObject({ state: 'failed', charged: 0n, held: 0n, result: null, failure })
    expect(await world.entriesOf(id)).toEqual(billOf().failed)
    expect(await world.agentOf(id)).toMatchObject({ starts: 3, absorbed: 0, result: null })
    const [card] = await failedCards(world)
    expect(card).toMatchObject({ attemptsMade: 3 })
    expect(card?.failedReason).toMatch(/^provider-error at agent.summarizer: /)
    expect(await world.available()).toBe(MONEY)
    await world.expectSoundBooks()
  })

  it('under a plan that charges finished stages pays for its input, and for nothing else', async () => {
    const faults = [{ kind: 'fail', retryable: true, times: FOR_EVER }] as const
    world = await openModel(backend, { faults, chargeOnFailure: 'finished_stages' })
    const id = await world.submit()
    const { input, stopped } = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'failed', charged: input, held: 0n })
    expect(await world.entriesOf(id)).toEqual(stopped)
    expect(await world.available()).toBe(MONEY - input)
    await world.expectSoundBooks()
  })

  it('for good is given no further attempt', async () => {
    world = await openModel(backend, { faults: [{ kind: 'fail', retryable: false }] })
    const id = await world.submit()
    expect(await world.finish(id)).toMatchObject({ state: 'failed', charged: 0n, failure: { code: 'provider-error' } })
    expect(await world.entriesOf(id)).toEqual(billOf().failed)
    expect(await world.agentOf(id)).toMatchObject({ starts: 1, absorbed: 0 })
    const [card] = await failedCards(world)
    expect(card).toMatchObject({ attemptsMade: 1 })
    await world.expectSoundBooks()
  })

  it('in the middle of its answer pays for one whole answer; the platform bears the piece', async () => {
    world = await openModel(backend, { faults: [{ kind: 'cut', characters: 9 }] })
    const id = await world.submit()
    const bill = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged, result: { text: TEXT } })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 2, absorbed: 1 })
    const classes = { input: o200kBase.count(promptOf(TEXT)), output: o200kBase.count('The ferry') }
    expect(await world.absorbedOf(id)).toMatchObject([
      {
        reason: 'abandoned',
        usage: { llm: [{ source: 'counted', classes }] },
        cost: String(costOf(TEXT, 'The ferry')),
      },
    ])
    expect(await world.available()).toBe(MONEY - bill.charged)
    await world.expectSoundBooks()
  })

  it('by hanging ends at its deadlines and costs nothing, and its neighbours notice nothing', async () => {
    world = await openModel(backend, {
      env: { STAGE_TIMEOUT_MS: '2500' },
      faults: (_call, { messages }) => (messages[0]?.text.startsWith('Hang') ? { kind: 'hang' } : null),
    })
    const first = await world.submit()
    await world.finish(first) // its thread has read its dictionary by now
    const hanging = await world.submit('summarizer', 'Hang on.')
    const neighbours = await Promise.all([1, 2, 3].map(() => world.submit()))
    const bill = billOf()
    for (const id of neighbours) {
      expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged })
      expect(await world.entriesOf(id)).toEqual(bill.entries)
      expect(await world.agentOf(id)).toMatchObject({ starts: 1 })
    }
    expect(await world.tollkeeper.service.find(hanging)).toMatchObject({ state: 'processing' })
    const failure = { code: 'stage-deadline', stage: 'agent.summarizer' }
    expect(await world.finish(hanging)).toMatchObject({ state: 'failed', charged: 0n, held: 0n, failure })
    expect(await world.entriesOf(hanging)).toEqual(billOf({ text: 'Hang on.' }).failed)
    expect(await world.agentOf(hanging)).toMatchObject({ starts: 3, absorbed: 0 })
    expect(await world.available()).toBe(MONEY - 4n * bill.charged)
    await world.expectSoundBooks()
  }, 60_000)

  it('by hanging once pays for the answer of its second attempt', async () => {
    world = await openModel(backend, { env: { STAGE_TIMEOUT_MS: '2500' }, faults: [null, { kind: 'hang' }] })
    await world.finish(await world.submit())
    const id = await world.submit()
    const bill = billOf()
    expect(await world.finish(id)).toMatchObject({ state: 'charged', charged: bill.charged, failure: null })
    expect(await world.entriesOf(id)).toEqual(bill.entries)
    expect(await world.agentOf(id)).toMatchObject({ starts: 2, absorbed: 0 })
    await world.expectSoundBooks()
  })
})
