import { type Mutant, mutantsOf } from './mutant.ts'

/** What a job is charged at least: when it is owed, what counts towards it, and that its hold has room for it. */
export const MINIMUM_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/pricing/quote.ts',
    ['pricing/minimum'],
    [
      {
        name: 'minimum-is-not-held',
        why: 'the minimum takes what is held for the agents, and exceeds the quote',
        find: 'upper: own.upper + lacksUpper }',
        replace: 'upper: own.upper }',
      },
      {
        name: 'minimum-is-held-on-top',
        why: 'a job needs money for its minimum and for what counts towards it',
        find: 'shortfallOf(tariff, charged + upper)]',
        replace: 'tariff.minimumPerJob]',
      },
      {
        name: 'minimum-forgets-what-was-charged',
        why: 'a resumed job must have money for the minimum that it has paid in part',
        find: 'shortfallOf(tariff, charged + upper)]',
        replace: 'shortfallOf(tariff, upper)]',
      },
      {
        name: 'minimum-limit-forgets-what-was-charged',
        why: 'a resumed job may cost its limit once more',
        find: 'charged + quoteStages(tariff, candidate',
        replace: 'quoteStages(tariff, candidate',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/hold.ts',
    ['ledger/minimum'],
    [
      {
        name: 'minimum-held-anew-by-a-resume',
        why: 'a parked job waits for money that it does not need',
        find: 'unfinishedBounds(book.stages(job.id)), counters, paidFor(job))',
        replace: 'unfinishedBounds(book.stages(job.id)), counters, 0n)',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/settle.ts',
    ['ledger/minimum'],
    [
      {
        name: 'minimum-of-every-stage',
        why: 'a job pays its minimum before it has a result, and pays it when it is cancelled',
        find: 'stage.stage === OUTPUT_STAGE ? minimumLine',
        replace: "stage.stage !== 'input' ? minimumLine",
      },
      {
        name: 'minimum-beside-the-output',
        why: 'the tokens of the result do not count towards the minimum',
        find: 'paidFor(job) + chargedOf(lines)',
        replace: 'paidFor(job)',
      },
      {
        name: 'minimum-beside-the-agents',
        why: 'a job pays its whole minimum on top of its agents',
        find: 'paidFor(job) + chargedOf(lines)',
        replace: 'chargedOf(lines)',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/counters.ts',
    ['ledger/minimum'],
    [
      {
        name: 'minimum-has-a-counter',
        why: 'a reversal writes a counter of units that nobody prices',
        find: "component === null || kind === 'minimum'",
        replace: 'component === null',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/tariff-draft.ts',
    ['admin/tariffs'],
    [
      {
        name: 'minimum-is-lost-in-the-draft',
        why: 'whoever renames a plan gives up its minimum without a word',
        find: 'minimumPerJob: newest.minimumPerJob',
        replace: 'minimumPerJob: 0n',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-minimum.ts',
    ['ledger/audit-minimum'],
    [
      {
        name: 'verify-misses-a-minimum',
        why: 'a job that paid less than its minimum is not found',
        find: 'if (!line) return due ?',
        replace: "if (!line) return due && lacking === '' ?",
      },
      {
        name: 'verify-counts-what-came-later',
        why: 'a right minimum is called wrong, and its organisation frozen',
        find: '(line.ledgerSeq ?? 0) < end',
        replace: 'end > 0',
      },
    ],
  ),
]
