import { type Mutant, mutantsOf } from './mutant.ts'

/** What a money transaction writes, and in which form. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/database/money/write-rows.ts',
    ['database/money-statements'],
    [
      {
        name: 'notice-of-money-lost',
        why: 'whoever waits for money hears of it only from the sweep',
        find: 'writes.wake.map(',
        replace: 'writes.wake.slice(1).map(',
      },
      {
        name: 'charges-take-others-along',
        why: 'releases are booked as charges, wherever much is charged',
        find: "row.kind === 'charge' && row.currency",
        replace: 'row.currency',
      },
      {
        name: 'charges-without-the-others',
        why: 'where much is charged, nothing is released',
        find: 'others: entries.filter((row) => !isAlike(row))',
        replace: 'others: []',
      },
      {
        name: 'write-forgets-closed-holds',
        why: 'a hold that was given back stays open, and can be spent',
        find: 'writes.holds.filter(({ isNew }) => !isNew)',
        replace: "writes.holds.filter(({ isNew, state }) => !isNew && state === 'open')",
      },
      {
        name: 'write-bounds-never',
        why: 'a parked job cannot be priced again',
        find: 'row.boundIsNew ? row.bound : null',
        replace: 'row.boundIsNew && row.lines ? row.bound : null',
      },
      {
        name: 'write-figures-in-another-column',
        why: 'a receipt says that was reversed which was released',
        find: 'plain(rows, (row) => row.reversed),\n    plain(rows, (row) => row.released),',
        replace: 'plain(rows, (row) => row.released),\n    plain(rows, (row) => row.reversed),',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/statements.ts',
    ['database/money-statements'],
    [
      {
        name: 'write-failure-unheard',
        why: 'a COMMIT that became a rollback is answered as done',
        find: 'if (failed) throw failed.reason',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-stages.sql',
    ['database/money-statements'],
    [
      {
        name: 'write-forgets-the-stage',
        why: 'after a lost COMMIT a stage is settled as if it had never been',
        find: 'set state = x.state, bound',
        replace: 'set bound',
        killers: ['database/lost-commit'],
      },
      {
        name: 'write-empties-the-bound',
        why: 'a claimed stage cannot ask for more, nor be held for again',
        find: 'coalesce(x.bound, s.bound)',
        replace: 'x.bound',
      },
      {
        name: 'write-empties-the-lines',
        why: 'a replay takes the receipt of its stage away',
        find: 'coalesce(x.lines, s.lines)',
        replace: 'x.lines',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-balances.sql',
    ['database/lost-commit'],
    [
      {
        name: 'write-forgets-the-balance',
        why: 'the ledger moves money that the balance keeps',
        find: 'set available = x.available, held',
        replace: 'set held',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-counters.sql',
    ['database/lost-commit'],
    [
      {
        name: 'write-keeps-counters',
        why: 'the free units of a period never end',
        find: 'set used = excluded.used, included_used',
        replace: 'set included_used',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-holds.sql',
    ['database/money-statements'],
    [
      {
        name: 'write-keeps-the-hold-small',
        why: 'what was extended is held without a trace in the job’s hold',
        find: 'set amount = x.amount, remaining = x.remaining,',
        replace: 'set remaining = least(h.amount, x.remaining),',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-jobs.sql',
    ['database/money-statements'],
    [
      {
        name: 'write-keeps-the-generation',
        why: 'the hold of a resumed job meets the key of the one before',
        find: ', generation = x.generation',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-charges.sql',
    ['database/money-statements'],
    [
      {
        name: 'charges-turn-around',
        why: 'the ledger says that money went the other way, wherever much is charged',
        find: '$1::text, $2::text, $3::text',
        replace: '$1::text, $3::text, $2::text',
      },
      {
        name: 'charges-without-their-component',
        why: 'nobody can tell what much of the money was for',
        find: 'x.stage, x.component, x.token_class',
        replace: 'x.stage, x.stage, x.token_class',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/write-entries.sql',
    ['database/money-statements'],
    [
      {
        name: 'write-turns-entries',
        why: 'the ledger says that money went the other way',
        find: 'x.kind, x.debit, x.credit,',
        replace: 'x.kind, x.credit, x.debit,',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/array-literal.ts',
    ['database/money-statements'],
    [
      {
        name: 'array-without-quotes',
        why: 'one odd reference shifts the columns of everybody’s batch, or ends it',
        find: ".replaceAll('\"', '\\\\\"')",
        replace: '',
      },
      {
        name: 'array-without-backslashes',
        why: 'a result is stored otherwise than it was given',
        find: "!text.includes('\"') && !text.includes('\\\\')",
        replace: "!text.includes('\"')",
      },
      {
        name: 'array-of-empty-texts',
        why: 'what is not there is stored as an empty text, over what was there',
        find: 'return text === null ? null : quote(text)',
        replace: "return quote(text ?? '')",
      },
      {
        name: 'array-of-floats',
        why: 'large amounts lose their last digits on the way',
        find: "typeof value === 'bigint' ? value.toString() : value",
        replace: "typeof value === 'bigint' ? Number(value).toString() : value",
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/stored-lines.ts',
    ['database/stored-lines'],
    [
      {
        name: 'line-in-another-order',
        why: 'every receipt that was written before reads wrong',
        find: 'line.includedUsed,\n    line.billedQuantity,',
        replace: 'line.billedQuantity,\n    line.includedUsed,',
      },
      {
        name: 'line-read-in-another-order',
        why: 'a line can no longer be recomputed from its counters',
        find: 'counterBefore: stored[12],\n    counterAfter: stored[13],',
        replace: 'counterBefore: stored[13],\n    counterAfter: stored[12],',
      },
      {
        name: 'line-without-its-write-off',
        why: 'what the platform bore looks like a wrong price',
        find: 'writtenOff: BigInt(stored[16])',
        replace: 'writtenOff: BigInt(stored[16] && 0)',
      },
      {
        name: 'line-by-float',
        why: 'large amounts lose their last digits in the receipt',
        find: 'line.amount.toString()',
        replace: 'Number(line.amount).toString()',
      },
    ],
  ),
]
