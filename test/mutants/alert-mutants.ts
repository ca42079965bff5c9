import { type Mutant, mutantsOf } from './mutant.ts'

/** Who is told that money runs low, and when. */
export const ALERT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/alerts.ts',
    ['ledger/alerts'],
    [
      {
        name: 'alert-without-hysteresis',
        why: 'a balance that flaps around its threshold is an alert each time',
        find: '} else if (value >= threshold.clearAt) {',
        replace: '} else if (value >= threshold.below) {',
      },
      {
        name: 'alert-one-unit-late',
        why: 'a balance just below its threshold is not told of',
        find: 'if (value >= threshold.below) continue',
        replace: 'if (value >= threshold.below - 1n) continue',
      },
      {
        name: 'alert-of-a-balance-that-suffices',
        why: 'a balance that stands at its threshold is told of',
        find: 'if (value >= threshold.below) continue',
        replace: 'if (value > threshold.below) continue',
      },
      {
        name: 'headroom-without-the-queue',
        why: 'jobs that wait are no warning, and the balance runs out with them',
        find: 'figures.available - (figures.demanded ?? 0n)',
        replace: 'figures.available',
      },
      {
        name: 'headroom-judged-by-every-batch',
        why: 'what waiting jobs need is forgotten by the next charge, and the alert flaps',
        find: 'if (threshold.metric !== metric) continue',
        replace: '',
      },
      {
        name: 'alert-outlives-its-threshold',
        why: 'an alert stays raised that nobody can clear any more',
        find: 'if (threshold.alertId !== null) this.#clear(threshold, threshold.alertId)',
        replace: '',
      },
      {
        name: 'threshold-limit-off-by-one',
        why: 'rows that travel with each lock grow beyond what was meant',
        find: 'thresholds.length >= THRESHOLDS_MAX',
        replace: 'thresholds.length > THRESHOLDS_MAX',
      },
    ],
  ),
  ...mutantsOf(
    'src/pipeline/balance-watch.ts',
    ['pipeline/headroom'],
    [
      {
        name: 'headroom-without-parked-jobs',
        why: 'what was refused already is not counted as needed',
        find: 'smallest([parked + upper',
        replace: 'smallest([0n * parked + upper',
      },
    ],
  ),
]
