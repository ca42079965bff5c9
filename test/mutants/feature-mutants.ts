import { type Mutant, mutantsOf } from './mutant.ts'

/** Features that are charged outside of any job. */
export const FEATURE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/feature.ts',
    ['ledger/feature'],
    [
      {
        name: 'feature-charged-twice',
        why: 'a charge that is sent again, since its answer was lost, is paid again',
        find: 'if (known) return chargedBefore(book, known, call)',
        replace: '',
      },
      {
        name: 'feature-key-of-anything',
        why: 'another quantity under a used key is answered as if it had been charged',
        find: 'charge.quantity !== quantity || ',
        replace: '',
      },
      {
        name: 'feature-on-credit',
        why: 'a frozen organisation, or one without money, is charged all the same',
        find: 'if (refusal) {',
        replace: "if (refusal?.reason === 'held_by_others') {",
      },
      {
        name: 'feature-counts-nothing',
        why: 'every charge gets the free units of the period again',
        find: 'book.putCounters(organization.id, tariff, organization.periodStart, priced.counters)',
        replace: '',
      },
      {
        name: 'feature-for-strangers',
        why: 'a user without a paid seat spends the money of the organisation',
        find: "?.state !== 'active'",
        replace: '?.state === undefined',
      },
      {
        name: 'feature-own-answer-as-replay',
        why: 'whoever charged is told that somebody else did',
        find: 'replayed: charge.id !== id',
        replace: 'replayed: true',
      },
      {
        name: 'feature-beyond-all-counting',
        why: 'a counter is no exact integer any more',
        find: 'Number.isSafeInteger(used + call.quantity)',
        replace: 'Number.isSafeInteger(call.quantity)',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-counters.ts',
    ['managers/verify-features'],
    [
      {
        name: 'feature-audit-without-counters',
        why: 'a counter that was moved by hand gives free units away',
        find: 'if (tariff && line) this.#use(tariff, line, periodStart)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/verify-organization.ts',
    ['managers/verify-features'],
    [
      {
        name: 'feature-strays-unseen',
        why: 'money taken for a feature that nobody charged stays unnoticed',
        find: 'for (const [seq, key] of strays) audit.missingFeatureCharge(Number(seq), key)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/read-facts.ts',
    ['database/feature-charges'],
    [
      {
        name: 'feature-priced-by-no-counters',
        why: 'each batch gives the free units of the period away again',
        find: 'const needsCounters = ids.length + features.length > 0',
        replace: 'const needsCounters = ids.length > 0',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/memory.ts',
    ['database/feature-charges'],
    [
      {
        name: 'feature-decided-from-memory',
        why: 'a process that knows the balance and not the counters gives free units away again',
        find: ' + features.length',
        replace: '',
      },
    ],
  ),
]
