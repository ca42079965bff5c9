import fc from 'fast-check'
import { parseAmount } from '../../src/pricing/money.ts'
import type { Component, RateModel, Tariff, Tier } from '../../src/pricing/tariff.ts'

/** A component from what a test says about it; the rest as the API defaults it. */
export function component(fields: Partial<Component> & Pick<Component, 'key' | 'kind'>): Component {
  const perDefault = fields.kind === 'agent' || fields.kind === 'feature' ? 1 : 1_000_000
  return {
    model: 'per_unit',
    price: fields.tiers ? null : 0n,
    per: perDefault,
    included: 0,
    tiers: null,
    llmModel: null,
    tokenClass: null,
    agent: null,
    feature: null,
    ...fields,
  }
}

export function tariff(...components: Component[]): Tariff {
  return {
    planId: '01890000-0000-7000-8000-000000000001',
    versionId: '01890000-0000-7000-8000-000000000002',
    version: 1,
    name: 'Basic Plan',
    currency: 'USD',
    pricePerMonth: 0n,
    maxTeamMembers: 5,
    memberPrice: parseAmount('19.99'),
    minimumPerJob: 0n,
    chargeOnFailure: 'none',
    graceDays: 7,
    suspendAfterDays: 30,
    components,
  }
}

/** The tariff behind the figures of the contract's examples. */
export const contractTariff = tariff(
  component({ key: 'input', kind: 'input_tokens', price: parseAmount('0.15') }),
  component({ key: 'llm-in', kind: 'llm_tokens', price: parseAmount('0.15'), llmModel: '*', tokenClass: 'input' }),
  component({ key: 'llm-out', kind: 'llm_tokens', price: parseAmount('0.60'), llmModel: '*', tokenClass: 'output' }),
  component({ key: 'summarizer', kind: 'agent', price: parseAmount('0.001'), agent: 'summarizer' }),
  component({ key: 'output', kind: 'output_tokens', price: parseAmount('1.00') }),
)

const prices = fc.oneof(fc.bigInt({ min: 0n, max: 50n }), fc.bigInt({ min: 0n, max: 10n ** 9n }))

/** Tiers with edges close together, so that small quantities cross several of them. */
const tierLists: fc.Arbitrary<readonly Tier[]> = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
    fc.array(prices, { minLength: 5, maxLength: 5 }),
  )
  .map(([edges, tierPrices]) =>
    [...edges.sort((a, b) => a - b), null].map((upTo, index) => ({ upTo, price: tierPrices[index] ?? 0n })),
  )

/** What any rate kind needs, with sizes small enough that every edge is met. */
export const rates: fc.Arbitrary<Pick<Component, 'model' | 'price' | 'per' | 'tiers' | 'included'>> = fc
  .record({
    model: fc.constantFrom<RateModel>('per_unit', 'graduated', 'volume', 'package', 'flat'),
    price: prices,
    per: fc.oneof(fc.constantFrom(1, 2, 3, 7, 10, 1_000_000), fc.integer({ min: 1, max: 50 })),
    tiers: tierLists,
    included: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
  })
  .map(({ model, price, per, tiers, included }) => {
    const tiered = model === 'graduated' || model === 'volume'
    return { model, price: tiered ? null : price, per, tiers: tiered ? tiers : null, included }
  })

type Draft = Partial<Component> & Pick<Component, 'key' | 'kind'>

const LLM_DRAFTS: readonly Draft[] = ['m1', '*'].flatMap((llmModel) =>
  (['input', 'cache_read', 'cache_write', 'output', 'reasoning'] as const).map((tokenClass): Draft => {
    const name = llmModel === '*' ? 'any' : llmModel
    return { key: `${name}-${tokenClass}`, kind: 'llm_tokens', llmModel, tokenClass }
  }),
)
const DRAFTS: readonly Draft[] = [
  { key: 'constructor', kind: 'input_tokens' },
  { key: 'output', kind: 'output_tokens' },
  { key: 'fee', kind: 'agent', agent: 'a' },
  { key: 'feature', kind: 'feature', feature: 'f' },
  ...LLM_DRAFTS,
]

/** Of every size, since rates are: a job costs between nothing and some ten units of a currency. */
const minimums = fc.constantFrom(0n, 0n, 0n, 7n, 100n, 2_000n, 10n ** 6n, 10n ** 9n, 10n ** 11n)

/** Tariffs with any of the meters priced by any rate, with a minimum or without, publishable by construction. */
export const tariffs: fc.Arbitrary<Tariff> = fc
  .tuple(
    minimums,
    ...DRAFTS.map((draft) =>
      fc.option(
        rates.map((rate) => component({ ...draft, ...rate })),
        { freq: 3 },
      ),
    ),
  )
  .map(([minimumPerJob, ...components]) => {
    return { ...tariff(...components.filter((candidate) => candidate !== null)), minimumPerJob }
  })
