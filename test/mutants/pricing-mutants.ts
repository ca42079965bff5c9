import { type Mutant, mutantsOf } from './mutant.ts'

/** What a quantity costs: rounding, tiers, included units, classes, bounds. */
export const PRICING_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/pricing/money.ts',
    ['pricing/money'],
    [
      {
        name: 'money-divides-as-float',
        why: 'large amounts lose their last digits',
        find: 'return divideFloor(2n * numerator + denominator, 2n * denominator)',
        replace: 'return BigInt(Math.round(Number(numerator) / Number(denominator)))',
      },
      {
        name: 'money-rounds-half-down',
        why: 'half a nano-unit goes to the customer on every line',
        find: '2n * numerator + denominator',
        replace: '2n * numerator + denominator - 1n',
      },
      {
        name: 'money-truncates-negatives',
        why: 'a floor below zero is one too high',
        find: 'numerator % denominator < 0n ? quotient - 1n : quotient',
        replace: 'quotient',
      },
      {
        name: 'money-reads-a-float',
        why: 'an amount is stored otherwise than it was written',
        find: "BigInt(whole + decimals.padEnd(DECIMALS_MAX, '0'))",
        replace: 'BigInt(Math.round(Number(text) * 1e9))',
      },
      {
        name: 'money-forgets-the-tenth-decimal',
        why: 'a price that we cannot hold becomes another one',
        find: 'if (decimals.length > DECIMALS_MAX) {',
        replace: 'if (decimals.length > 99) {',
      },
      {
        name: 'money-has-no-largest-amount',
        why: 'a column overflows instead of the request being refused',
        find: 'if (nano > NANO_MAX) throw outOfRange()',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/rates.ts',
    ['pricing/rates', 'pricing/quote'],
    [
      {
        name: 'rate-tier-ends-one-early',
        why: 'the last unit of a volume tier is priced by the next one',
        find: 'position <= upTo',
        replace: 'position < upTo',
      },
      {
        name: 'rate-graduated-tier-off-by-one',
        why: 'the last unit of a graduated tier is priced by the next one',
        find: 'const tierEnd = tier.upTo ?? Number.POSITIVE_INFINITY',
        replace: 'const tierEnd = (tier.upTo ?? Number.POSITIVE_INFINITY) - 1',
      },
      {
        name: 'rate-package-floors',
        why: 'a package that was begun is not paid',
        find: 'Math.ceil(position / rate.per)',
        replace: 'Math.floor(position / rate.per)',
      },
      {
        name: 'rate-package-forgets-the-begun-one',
        why: 'a package that was paid by an earlier line is paid again',
        find: 'packages(rate, position + units) - packages(rate, position)',
        replace: 'packages(rate, units)',
      },
      {
        name: 'rate-volume-reprices',
        why: 'a volume tier prices the units of earlier lines again',
        find: 'tierAt(tiersOf(rate), position + units).price * BigInt(units)',
        replace: 'tierAt(tiersOf(rate), position + units).price * BigInt(position + units)',
      },
      {
        name: 'rate-volume-forgets-the-counter',
        why: 'a volume discount is never reached by small jobs',
        find: 'tierAt(tiersOf(rate), position + units)',
        replace: 'tierAt(tiersOf(rate), units)',
      },
      {
        name: 'rate-graduated-forgets-the-counter',
        why: 'every job pays the first tier again',
        find: 'windowSum(tiersOf(rate), position, units)',
        replace: 'windowSum(tiersOf(rate), 0, units)',
      },
      {
        name: 'rate-flat-by-the-unit',
        why: 'a flat fee is multiplied by the tokens',
        find: 'return { numerator: priceOf(rate), denominator: 1n }',
        replace: 'return { numerator: priceOf(rate) * BigInt(units), denominator: 1n }',
      },
      {
        name: 'rate-bound-forgets-rounding',
        why: 'a charge of several lines exceeds its quote by a nano-unit',
        find: 'const halves = BigInt(roundedLines(rate, units, lines))',
        replace: 'const halves = 0n',
      },
      {
        name: 'rate-bound-takes-todays-tier',
        why: 'a quote does not cover the dearer tier that it may settle in',
        find: 'dearest(rate) * BigInt(units), denominator',
        replace: 'tierAt(tiersOf(rate), units).price * BigInt(units), denominator',
      },
      {
        name: 'rate-window-from-zero-only',
        why: 'a quote does not cover a reversal that moves the counter back',
        find: 'return [0, ...edges, ...edges.map((edge) => edge - units).filter((start) => start > 0)]',
        replace: 'return [0]',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/price.ts',
    ['pricing/price'],
    [
      {
        name: 'price-included-used-twice',
        why: 'every job gets the free units of the period anew',
        find: 'includedUsed: counter.includedUsed + includedUsed',
        replace: 'includedUsed: counter.includedUsed',
      },
      {
        name: 'price-bills-included-units',
        why: 'free units are paid',
        find: 'const billedQuantity = quantity - includedUsed',
        replace: 'const billedQuantity = quantity',
      },
      {
        name: 'price-ignores-the-grant',
        why: 'the free units of the quote are gone at the charge',
        find: 'const fromGrant = Math.min(quantity, grant)',
        replace: 'const fromGrant = 0 * grant',
      },
      {
        name: 'price-keeps-the-rest-of-a-grant',
        why: 'free units that a job did not need are lost to everybody',
        find: 'of Object.keys(grants)) {',
        replace: 'of Object.keys(grants).slice(0, 0)) {',
      },
      {
        name: 'price-rounds-by-call',
        why: 'a job of many calls pays many roundings instead of one for each line',
        find: 'const component = llmComponent(tariff, model, tokenClass)',
        replace: 'const component = structuredClone(llmComponent(tariff, model, tokenClass))',
      },
      {
        name: 'price-counts-reasoning-twice',
        why: 'reasoning is billed as reasoning and as output',
        find: 'const tokens = classes[tokenClass] ?? 0',
        replace: "const tokens = (classes[tokenClass] ?? 0) + (tokenClass === 'output' ? (classes.reasoning ?? 0) : 0)",
      },
      {
        name: 'price-flat-by-the-class',
        why: 'a flat fee is charged once for each class of tokens',
        find: 'flatPaid.has(component.key) ? 0n : priced.amount',
        replace: 'priced.amount',
      },
      {
        name: 'price-lets-unpriced-models-run',
        why: 'a model without a price runs for nothing in a plan that prices models',
        find: "if (!hasKind(tariff, 'llm_tokens')) return []",
        replace: 'return []',
      },
      {
        name: 'price-forgets-the-agent-fee',
        why: 'agents work for nothing',
        find: 'fee === null ? []',
        replace: 'fee !== null ? []',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/counters.ts',
    ['pricing/quote-holds', 'pricing/quote', 'ledger/finish'],
    [
      {
        name: 'counter-promises-twice',
        why: 'one free unit is promised to two jobs',
        find: 'included - counter.includedUsed - counter.reserved',
        replace: 'included - counter.includedUsed',
      },
      {
        name: 'counter-reversal-keeps-included',
        why: 'the free units of a failed job are lost',
        find: 'counter.includedUsed - includedUsed',
        replace: 'counter.includedUsed',
      },
      {
        name: 'counter-reversal-keeps-used',
        why: 'a failed job pushes the others into another tier',
        find: 'counter.used - quantity',
        replace: 'counter.used',
      },
      {
        name: 'counter-release-reserves',
        why: 'a released promise is promised once more',
        find: 'shiftReserved(counters, grants, -1)',
        replace: 'shiftReserved(counters, grants, 1)',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/quote.ts',
    ['pricing/quote', 'pricing/quote-holds'],
    [
      {
        name: 'quote-grants-each-stage-the-same',
        why: 'two stages of a job count on the same free units',
        find: 'current = mergeCounters(current, changes)',
        replace: '',
      },
      {
        name: 'quote-holds-one-call',
        why: 'an agent of several calls exceeds its hold',
        find: 'calls * tokensPerCall',
        replace: 'tokensPerCall',
      },
      {
        name: 'quote-fits-the-lower-bound',
        why: 'max_cost is kept only by luck',
        find: '.upper <= maxCost',
        replace: '.lower <= maxCost',
      },
      {
        name: 'quote-holds-the-last-stage',
        why: 'a job starts whose whole bound is not held',
        find: 'upper += quote.upper',
        replace: 'upper = quote.upper',
      },
      {
        name: 'quote-forgets-the-steps',
        why: 'a package that is begun in each class exceeds the hold',
        find: 'const split = slope + steps',
        replace: 'const split = slope',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/match.ts',
    ['pricing/price'],
    [
      {
        name: 'match-wildcard-beats-model',
        why: 'a model with a price of its own is billed at everybody’s',
        find: 'if (component.llmModel === model) return component',
        replace: '',
      },
      {
        name: 'match-reasoning-as-input',
        why: 'reasoning is billed at the price of a prompt',
        find: "reasoning: 'output'",
        replace: "reasoning: 'input'",
      },
    ],
  ),
]
