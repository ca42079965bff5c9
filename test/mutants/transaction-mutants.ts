import { type Mutant, mutantsOf } from './mutant.ts'

/** Transactions that are decided on remembered rows, and follow each other on one connection. */
export const TRANSACTION_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/database/money/money-transaction.ts',
    ['database/money-statements'],
    [
      {
        name: 'notice-of-a-change-lost',
        why: 'whoever waits for a result looks twice a second instead',
        find: 'memory.confirm(stamps.keys())\n    announce(writes.changed)',
        replace: 'memory.confirm(stamps.keys())',
      },
      {
        name: 'notice-of-a-read-change-lost',
        why: 'whoever waits for a result looks twice a second instead',
        find: 'storeAndCommit(place, [], prepared)\n    announce(writes.changed)',
        replace: 'storeAndCommit(place, [], prepared)',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/job-notices.ts',
    ['database/job-notices'],
    [
      {
        name: 'notice-that-is-too-long',
        why: 'of many jobs that change at once none is announced',
        find: 'JOBS_PER_NOTICE = 200',
        replace: 'JOBS_PER_NOTICE = 300',
      },
      {
        name: 'notices-after-a-failure-never',
        why: 'after an outage whoever waits for a result looks twice a second',
        find: '    this.#sending = undefined\n',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/money-transaction.ts',
    ['database/memory'],
    [
      {
        name: 'transaction-without-commit',
        why: 'callers are told of money that was never moved',
        find: "client.query('commit')",
        replace: "client.query('rollback')",
        killers: ['database/lost-commit'],
      },
      {
        name: 'commit-not-sent',
        why: 'callers are told of money that nobody else sees, and its locks stay',
        find: "client.query('commit')",
        replace: "client.query('select 1')",
        killers: ['database/lost-commit'],
      },
      {
        name: 'memory-read-never',
        why: 'every charge costs a second round trip, and its lock is held for so long',
        find: 'if (!known || !prices) return',
        replace: 'if (known || !prices) return',
      },
      {
        name: 'memory-kept-after-a-failure',
        why: 'the next batches are decided on what was never stored, and each is refused',
        find: 'memory.forget(named.organizations)\n',
        replace: '',
        killers: ['database/memory', 'database/money-pipe'],
      },
      {
        name: 'memory-doubts-nobody',
        why: 'two processes on one organisation decide most of its batches twice',
        find: 'memory.doubt(changedOnes(error))',
        replace: '{}',
      },
      {
        name: 'memory-doubts-itself',
        why: 'a bad call makes its organisation slow for hundreds of batches',
        find: ' && !(await place.isOvertaken())) memory',
        replace: ') memory',
        killers: ['database/money-pipe'],
      },
      {
        name: 'memory-never-trusts-again',
        why: 'a right guess counts for nothing, and organisations of two processes are read for longer and longer',
        find: 'memory.confirm(stamps.keys())',
        replace: '',
        killers: ['database/memory'],
      },
      {
        name: 'guess-of-another-stamp',
        why: 'a batch keeps a stamp that was never written, and the one behind it is refused',
        find: 'prepared.length > 0 ? stampEach(facts, stamp) : stamps)\n    const known',
        replace: 'stampEach(facts, stamp))\n    const known',
      },
      {
        name: 'guess-without-its-lock',
        why: 'what others changed meanwhile is overwritten',
        find: '[[STATEMENTS.lockKnown, known], ...prepared]',
        replace: '[...prepared]',
      },
      {
        name: 'batch-sent-into-another',
        why: 'a COMMIT stores half of what the batch behind it writes',
        find: "    const committed = client.query('commit')\n    sent()\n",
        replace: "    sent()\n    await new Promise(setImmediate)\n    const committed = client.query('commit')\n",
        killers: ['database/money-pipe'],
      },
      {
        name: 'batch-overtakes-a-failed-one',
        why: 'calls of one organisation are decided in another order than they came',
        find: 'if (await place.isOvertaken()) throw',
        replace: 'if (facts.now < 0) throw',
        killers: ['database/money-pipe'],
      },
      {
        name: 'transaction-left-open',
        why: 'whoever comes next on the connection stores what had failed',
        find: "  } catch (error) {\n    await client.query('rollback')",
        replace: "  } catch (error) {\n    await client.query('select 1')",
        killers: ['database/money-pipe'],
      },
      {
        name: 'reading-transaction-left-open',
        why: 'whoever comes next on the connection stores what had failed',
        find: "if (!committing) await client.query('rollback')",
        replace: "if (!committing) await client.query('select 1')",
        killers: ['database/money-pipe'],
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/money-pipe.ts',
    ['database/money-pipe'],
    [
      {
        name: 'statements-of-two-mix',
        why: 'a COMMIT stores half of what another batch writes',
        find: '    await before\n',
        replace: '',
      },
      {
        name: 'pipe-sends-one-at-a-time',
        why: 'this process waits for the database, and the database for this process',
        find: '        allowNext()\n        onSent()',
        replace: '        onSent()',
      },
      {
        name: 'pipe-counts-no-failures',
        why: 'calls of one organisation are decided in another order than they came',
        find: 'this.#failures += 1',
        replace: '',
      },
      {
        name: 'pipe-keeps-its-connections',
        why: 'after some lost ones a process has no connection left',
        find: '      if (connection) this.#leave(connection)\n',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/database-clock.ts',
    ['database/database-clock'],
    [
      {
        name: 'clock-for-ever',
        why: 'a process that slept decides by the time before',
        find: ' || here - this.#seenAt > FRESH_MS) return',
        replace: ') return',
      },
    ],
  ),
]
