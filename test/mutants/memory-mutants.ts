import { type Mutant, mutantsOf } from './mutant.ts'

/** Transactions that are decided on remembered rows, and follow each other on one connection. */
export const MEMORY_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/database/money/money-transaction.ts',
    ['database/lost-commit'],
    [
      {
        name: 'transaction-without-commit',
        why: 'callers are told of money that was never moved',
        find: "client.query('commit')",
        replace: "client.query('rollback')",
      },
      {
        name: 'commit-not-sent',
        why: 'callers are told of money that nobody else sees, and its locks stay',
        find: "client.query('commit')",
        replace: "client.query('select 1')",
      },
    ],
  ),
]
