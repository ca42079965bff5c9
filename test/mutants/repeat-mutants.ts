import { type Mutant, mutantsOf } from './mutant.ts'

/** What a call answers that was made before, by the same caller or by another. */
export const REPEAT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/finish.ts',
    ['ledger/repeated'],
    [
      {
        name: 'repeat-cancel-for-everybody',
        why: 'whoever cancels what was cancelled before hears that he did it',
        find: "call.repeated && job?.state === 'cancelled'",
        replace: "job?.state === 'cancelled'",
      },
      {
        name: 'repeat-fail-for-any-reason',
        why: 'a worker reports a failure that another one had',
        find: 'failure?.code === of.code && failure.stage === of.stage && failure.detail === of.detail',
        replace: 'failure !== null && of.code !== undefined',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/settle.ts',
    ['ledger/repeated'],
    [
      {
        name: 'repeat-settle-absorbs',
        why: 'after a lost answer, work that was charged is counted as the platform’s cost',
        find: "reason: 'replayed', counted: call.repeated ?? false",
        replace: "reason: 'replayed', counted: false",
      },
      {
        name: 'repeat-settle-claims-any-charge',
        why: 'work for nothing is not counted, since another worker’s charge is taken for this one’s',
        find: 'call.repeated && tokensOf(call.usage) === stage.tokens',
        replace: 'call.repeated',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/claim.ts',
    ['ledger/repeated'],
    [
      {
        name: 'repeat-let-go-counts-twice',
        why: 'after a lost answer, absorbed work is counted twice',
        find: 'const counted = !isHeld && (call.repeated ?? false)',
        replace: 'const counted = false',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/lane.ts',
    ['database/batcher-interleavings'],
    [
      {
        name: 'repeat-is-not-told',
        why: 'whoever lost his answer hears that somebody else did it',
        find: 'if (error instanceof UnansweredCommit) markRepeated(part)',
        replace: '',
      },
      {
        name: 'repeat-is-told-of-every-try',
        why: 'a first try takes what others did for its own doing',
        find: 'const calls = part.map(({ call }) => call)',
        replace: 'const calls = part.map(({ call }) => ({ ...call, repeated: true as const }))',
      },
    ],
  ),
]
