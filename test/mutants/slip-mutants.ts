import { type Mutant, mutantsOf } from './mutant.ts'

/** What is kept of a request under its key, and what the audit log is told of it. */
export const SLIP_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/slip.ts',
    ['ledger/slip'],
    [
      {
        name: 'slip-key-of-anything',
        why: 'another request under a used key is answered as if it had been done',
        find: 'if (known.hash !== slip.key?.hash) return idempotencyMismatch(known.key)',
        replace: '',
      },
      {
        name: 'slip-key-of-everybody',
        why: 'a key that one organisation used is answered to another, with its figures',
        find: 'const keyOf = (scope: string, key: string)',
        replace: "const keyOf = (_scope: string, key: string, scope = '')",
      },
      {
        name: 'slip-own-answer-as-replay',
        why: 'whoever lost the answer with the connection is told that somebody else asked before',
        find: 'replayed: known.slipId !== slip.id',
        replace: 'replayed: true',
      },
      {
        name: 'slip-forgets-within-the-batch',
        why: 'a request that comes twice at once is done twice',
        find: 'this.#answers.set(keyOf(row.scope, row.key), row)',
        replace: '',
      },
      {
        name: 'slip-audits-what-was-not-done',
        why: 'the log tells of changes that nobody made',
        find: 'if (before && differ(before, standingOf(book, call))) {',
        replace: 'if (before) {',
      },
      {
        name: 'slip-audits-money-only',
        why: 'a member is made an owner, and nobody ever knows by whom',
        find: ' || differIn(a.member ?? {}, b.member ?? {})',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/read-facts.ts',
    ['managers/orders'],
    [
      {
        name: 'slip-answers-unread',
        why: 'a request that is sent again is done again, or fails at the constraint',
        find: 'named.answers.length > 0 ? ask(client, STATEMENTS.readAnswers, answerKeys) : NOTHING',
        replace: 'NOTHING',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/write-rows.ts',
    ['managers/orders'],
    [
      {
        name: 'slip-answers-unwritten',
        why: 'nothing stands under the key when the request is sent again',
        find: 'store(STATEMENTS.writeAnswers, writes.slips.answers, answerColumns)',
        replace: '',
      },
      {
        name: 'slip-audit-unwritten',
        why: 'money is moved by hand, and nobody ever knows by whom',
        find: 'store(STATEMENTS.writeAudit, writes.slips.entries, (entries) => [listOf(entries)])',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/rehearsals.ts',
    ['database/rehearsals'],
    [
      {
        name: 'rehearsal-is-done',
        why: 'whoever only wanted to see has paid',
        find: "client.query('rollback'),",
        replace: "client.query('commit'),",
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/idempotency.manager.ts',
    ['managers/idempotency.manager'],
    [
      {
        name: 'idempotency-key-of-anything',
        why: 'another request under a used key is answered as if it had been done',
        find: 'if (known.requestHash !== hash) throw idempotencyMismatch(key)',
        replace: '',
      },
      {
        name: 'idempotency-hash-drops-null',
        why: 'a limit that is taken away is taken for one that is left as it is',
        find: 'Object.entries(value).sort(',
        replace: 'Object.entries(value).filter(([, field]) => field !== null).sort(',
      },
    ],
  ),
]
