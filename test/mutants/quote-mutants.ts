import { type Mutant, mutantsOf } from './mutant.ts'

/** What somebody is told before any money moves: of one text, and of a list. */
export const QUOTE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/pipeline/bounds.ts',
    ['pipeline/quoted-runs'],
    [
      {
        name: 'bounds-in-the-order-of-the-request',
        why: 'the hold promises free units to other agents than the quote did, and may be dearer',
        find: 'step.toSorted()',
        replace: 'step',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/batch-quote.ts',
    ['pricing/batch-quote', 'ledger/quoted-lists'],
    [
      {
        name: 'list-fits-the-lower-bound',
        why: 'texts are said to fit whose holds do not',
        find: 'this.#refusalOf(here.quote.upper)',
        replace: 'this.#refusalOf(here.quote.lower)',
      },
      {
        name: 'list-forgets-the-holds-before',
        why: 'each text is said to fit by itself, and together they do not',
        find: 'needed - (spendable - taken)',
        replace: 'needed - spendable',
      },
      {
        name: 'list-promises-free-units-twice',
        why: 'every text of a list counts on the same included units',
        find: 'let counters = mergeCounters(walk.counters, quote.counters)',
        replace: 'let counters = walk.counters',
      },
      {
        name: 'list-holds-what-it-passes-over',
        why: 'a text that does not fit keeps the ones behind it from starting',
        find: 'if (notStarted === null) {',
        replace: 'if (here.failure === null) {',
      },
      {
        name: 'list-misses-one-unit',
        why: 'the top-up that was named leaves the last text parked',
        find: 'taken - spendable : 0n,',
        replace: 'taken - spendable - 1n : 0n,',
      },
      {
        name: 'list-tops-up-what-fits-now',
        why: 'the top-up that was named forgets that free units go to the first texts',
        find: 'const { lower, taken } = this.#funded',
        replace: 'const { lower, taken } = this.#started',
      },
      {
        name: 'list-holds-the-charged-input',
        why: 'a text is told to wait for a hold that is spent already',
        find: 'held + taken - charged',
        replace: 'held + taken',
      },
      {
        name: 'list-ignores-the-cost-limit',
        why: 'texts are quoted above what their jobs may cost',
        find: 'maxCost === null ? all',
        replace: 'maxCost !== null ? all',
      },
      {
        name: 'list-spends-for-the-blocked',
        why: 'a frozen organisation is told that its texts would start',
        find: 'if (blocked !== null) return blocked',
        replace: '',
      },
    ],
  ),
]
