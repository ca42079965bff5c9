import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

describe('a job that was just submitted', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres')
    // No workers: nothing happens to it.
    tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', '1.00', CONTRACT_COMPONENTS)
  })
  afterAll(() => world.close())

  it.each([
    ['a chain', { agents: ['repeater'] }],
    ['steps', { steps: [['extractor', 'summarizer'], ['repeater']], externalId: 'order 7', maxCost: 5n }],
    ['with a key', { agents: ['repeater'], key: 'order-8' }],
  ])('is answered as it is stored: %s', async (_what, fields) => {
    const answered = await tollkeeper.service.submit({ organizationId: 'acme', text: 'some words', ...fields })
    expect(answered).toMatchObject({ state: 'queued', currency: 'USD', charged: 0n, held: 0n })
    expect(answered).toEqual({ ...(await tollkeeper.service.find(answered.id)), replayed: false })
  })

  it('and submitted again is the same one', async () => {
    const submission = { organizationId: 'acme', text: 'some words', agents: ['repeater'], key: 'order-9' }
    const first = await tollkeeper.service.submit(submission)
    expect(await tollkeeper.service.submit(submission)).toEqual({ ...first, replayed: true })
  })
})
