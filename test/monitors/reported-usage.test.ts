import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readReportedUsage } from '../../src/monitors/reported-usage.ts'
import { COMPLETION_CLASSES, PROMPT_CLASSES, TOKEN_CLASSES, type TokenClass } from '../../src/pricing/tariff.ts'
import { type TokenClasses, USAGE_SHAPES, type UsageShape } from '../../src/pricing/usage.ts'
import { FIGURES, figureAt, statedTotal, withFigure, writeUsage } from './usage-objects.ts'

const UNLIMITED = { prompt: Number.MAX_SAFE_INTEGER, answer: Number.MAX_SAFE_INTEGER }
/** Shapes whose providers write the cache without saying so. */
const NEVER_WRITE: readonly UsageShape[] = ['gemini', 'xai']

const tokens = fc.oneof(fc.nat(3), fc.nat(2 ** 40))
const anyClasses = fc.record({
  input: tokens,
  cache_read: tokens,
  cache_write: tokens,
  output: tokens,
  reasoning: tokens,
})
const someClasses = (shape: UsageShape) =>
  NEVER_WRITE.includes(shape) ? anyClasses.map((classes) => ({ ...classes, cache_write: 0 })) : anyClasses

/** What is no count of tokens, in JSON and out of it. */
const noCount = fc.oneof(
  fc.integer({ max: -1 }),
  fc.double({ min: 0.001, max: 1e6, noInteger: true }),
  fc.nat().map(String),
  fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1e300, '', true, false, 7n, [7], {
    tokens: 7,
  }),
)

const sumOf = (classes: TokenClasses, names: readonly TokenClass[] = TOKEN_CLASSES) =>
  names.reduce((sum, name) => sum + (classes[name] ?? 0), 0)

/** Nothing that is charged is negative, a fraction, or more than the call can have used. */
function expectPossible(classes: TokenClasses | null, limits = UNLIMITED): void {
  if (classes === null) return
  expect(Object.keys(classes).filter((name) => !TOKEN_CLASSES.some((known) => known === name))).toEqual([])
  for (const count of Object.values(classes)) expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
  expect(sumOf(classes, PROMPT_CLASSES)).toBeLessThanOrEqual(limits.prompt)
  expect(sumOf(classes, COMPLETION_CLASSES)).toBeLessThanOrEqual(limits.answer)
}

describe.each(USAGE_SHAPES)('usage as %s reports it', (shape) => {
  test('is read back as the classes that it was written from, which make its total', () => {
    fc.assert(
      fc.property(someClasses(shape), fc.boolean(), (classes, variant) => {
        const usage = writeUsage(shape, classes, variant)
        expect(readReportedUsage(shape, usage, UNLIMITED)).toEqual(classes)
        expect(statedTotal(shape, usage)).toBe(sumOf(classes))
      }),
    )
  })

  test('is not believed once one of its figures is no count of tokens', () => {
    fc.assert(
      fc.property(
        someClasses(shape),
        fc.boolean(),
        fc.constantFrom(...FIGURES[shape]),
        noCount,
        (classes, variant, place, wrong) => {
          const usage = writeUsage(shape, classes, variant)
          fc.pre(figureAt(usage, place) !== undefined)
          expect(readReportedUsage(shape, withFigure(usage, place, wrong), UNLIMITED)).toBeNull()
        },
      ),
    )
  })

  test('is believed up to what the call can have used, and not one token further', () => {
    fc.assert(
      fc.property(someClasses(shape), fc.boolean(), (classes, variant) => {
        const usage = writeUsage(shape, classes, variant)
        const limits = { prompt: sumOf(classes, PROMPT_CLASSES), answer: sumOf(classes, COMPLETION_CLASSES) }
        expect(readReportedUsage(shape, usage, limits)).toEqual(classes)
        expect(readReportedUsage(shape, usage, { ...limits, prompt: limits.prompt - 1 })).toBeNull()
        expect(readReportedUsage(shape, usage, { ...limits, answer: limits.answer - 1 })).toBeNull()
      }),
    )
  })

  test('makes its own total where it is believed, whatever its figures are', () => {
    const odd = fc.constantFrom<unknown>(null, undefined, -1, '2', 0.5)
    const figure = fc.oneof({ weight: 6, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: odd })
    const figures = fc.tuple(...FIGURES[shape].map(() => figure))
    let believed = 0
    fc.assert(
      fc.property(figures, (values) => {
        const places = FIGURES[shape].map((place, index) => [place, values[index]] as const)
        const usage = places.reduce((object, [place, value]) => withFigure(object, place, value), {})
        const classes = readReportedUsage(shape, usage, UNLIMITED)
        expectPossible(classes)
        if (classes === null) return
        believed += 1
        expect(sumOf(classes)).toBe(statedTotal(shape, usage) ?? sumOf(classes))
      }),
      { numRuns: 20_000 },
    )
    expect(believed).toBeGreaterThan(20)
  })

  test('is possible or not believed, whatever is handed in, which stays as it is', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
    const limits = { prompt: 1000, answer: 100 }
    fc.assert(fc.property(anything, (usage) => expectPossible(readReportedUsage(shape, usage, limits), limits)))
    for (const usage of [undefined, null, 0, 7, Number.NaN, '', '7', true, 7n, [], [7], {}, () => 7, Symbol('usage')]) {
      expect(readReportedUsage(shape, usage, limits)).toBeNull()
    }
  })

  test('is not believed where its figures are inherited', () => {
    fc.assert(
      fc.property(someClasses(shape), (classes) => {
        const usage: unknown = Object.create(writeUsage(shape, classes, false))
        expect(readReportedUsage(shape, usage, UNLIMITED)).toBeNull()
      }),
    )
  })
})
