import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ValidationError } from '../../src/foundation/errors.ts'
import type { NewTariff } from '../../src/managers/tariff.manager.ts'
import { COMPONENTS_MAX } from '../../src/managers/tariff-publication.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { type Door, openDoor } from '../admin/open-door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const NONE = { tiers: null, llmModel: null, tokenClass: null, agent: null, feature: null }
const feature = (key: string): Component => {
  return { ...NONE, key, kind: 'feature', feature: key, model: 'per_unit', price: 1n, per: 1, included: 0 }
}
const TERMS: NewTariff = {
  name: 'Plan',
  pricePerMonth: 99_990_000_000n,
  maxTeamMembers: null,
  memberPrice: 0n,
  minimumPerJob: 1_500_000_001n,
  currency: 'USD',
  chargeOnFailure: 'finished_stages',
  components: [],
  publish: false,
}

describe('the tariff manager', () => {
  test('gives back every figure exactly as it was given, in the order of the components', async () => {
    const { inTransaction, tariffs } = door.tollkeeper
    const tiers = [
      { upTo: 9_007_199_254_740_990, price: 8_999_999_999_999_999_999n },
      { upTo: null, price: 0n },
    ]
    const components: Component[] = [
      { ...NONE, key: 'z', kind: 'output_tokens', model: 'volume', price: null, per: 7, included: 3, tiers },
      feature('b'),
      feature('a'),
    ]
    const { tariff } = await inTransaction((em) => tariffs.create(em, { ...TERMS, components, publish: true }))
    const { components: _, publish: __, ...terms } = TERMS
    expect(tariff).toMatchObject({ ...terms, version: 1, components })
    const found = await inTransaction((em) => tariffs.find(em, tariff.planId))
    expect(found).toMatchObject({ tariff, state: 'published', draftVersion: null })
  })

  test('refuses more components than a quote should walk', async () => {
    const { inTransaction, tariffs } = door.tollkeeper
    const components = Array.from({ length: COMPONENTS_MAX }, (_, index) => feature(`f${index}`))
    const { tariff } = await inTransaction((em) => tariffs.create(em, { ...TERMS, components }))
    const add = inTransaction((em) => tariffs.addComponent(em, tariff.planId, feature('one-more')))
    await expect(add).rejects.toThrow(ValidationError)
    expect((await inTransaction((em) => tariffs.find(em, tariff.planId))).tariff.components).toEqual(components)
  })

  test('rolls back as a whole when the transaction of its caller fails', async () => {
    const { inTransaction, tariffs } = door.tollkeeper
    const before = await door.traces()
    const failing = inTransaction(async (em) => {
      await tariffs.create(em, { ...TERMS, components: [feature('f')], publish: true })
      throw new Error('the caller fails')
    })
    await expect(failing).rejects.toThrow('the caller fails')
    expect(await door.traces()).toEqual(before)
  })

  test('copies the published components into the next draft, so that edits of one leave the other alone', async () => {
    const { inTransaction, tariffs } = door.tollkeeper
    const created = await inTransaction((em) =>
      tariffs.create(em, { ...TERMS, components: [feature('a'), feature('b')], publish: true }),
    )
    const id = created.tariff.planId
    await inTransaction((em) => tariffs.updateComponent(em, id, 'a', { price: 5n }))
    await inTransaction((em) => tariffs.removeComponent(em, id, 'b'))
    await inTransaction((em) => tariffs.addComponent(em, id, feature('c')))
    const draft = await inTransaction((em) => tariffs.find(em, id, { version: 2 }))
    expect(draft.tariff.components).toEqual([{ ...feature('a'), price: 5n }, feature('c')])
    expect(await inTransaction((em) => tariffs.find(em, id))).toEqual({ ...created, draftVersion: 2 })
  })

  test('publishes once, however many ask at the same time', async () => {
    const { inTransaction, tariffs } = door.tollkeeper
    const { tariff } = await inTransaction((em) => tariffs.create(em, TERMS))
    const published = await Promise.all(
      Array.from({ length: 10 }, () => inTransaction((em) => tariffs.publish(em, tariff.planId))),
    )
    expect(new Set(published.map(({ publishedAt }) => publishedAt?.getTime())).size).toBe(1)
    expect(published.every(({ state, tariff: { version } }) => state === 'published' && version === 1)).toBe(true)
  })
})
