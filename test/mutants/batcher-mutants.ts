import { type Mutant, mutantsOf } from './mutant.ts'

/** How calls become batches: lanes, turns, bounds, splitting, another try. */
export const BATCHER_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/database/money/batcher.ts',
    ['database/batcher-interleavings'],
    [
      {
        name: 'batcher-organisation-in-two-lanes',
        why: 'two batches of one process wait for the same row, and calls overtake one another',
        find: 'laneOf(call.organizationId, this',
        replace: 'laneOf(call.organizationId + kind, this',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/lane.ts',
    ['database/batcher-failures'],
    [
      {
        name: 'batcher-loses-a-call',
        why: 'a caller never hears what became of its money',
        find: 'part.slice(half)]',
        replace: 'part.slice(half + 1)]',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'batcher-swaps-verdicts',
        why: 'a caller is told what became of somebody else’s money',
        find: 'const verdict = verdicts[index]',
        replace: 'const verdict = verdicts[part.length - 1 - index]',
      },
      {
        name: 'batcher-passes-a-failed-one',
        why: 'calls of one organisation are decided in another order than they came',
        find: 'this.#failed > 0 || this.#waiting.calls <',
        replace: 'this.#waiting.calls <',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'batcher-sends-the-few-behind',
        why: 'a few calls at a time cost the database as much as hundreds',
        find: ' || this.#waiting.calls < this.#options.batch.behind',
        replace: '',
        killers: ['database/batcher-bounds'],
      },
      {
        name: 'batcher-tries-again-too-early',
        why: 'a batch that was decided on what never came to be overtakes the one it was decided on',
        find: 'await ahead\n      await this.#decide(batch, error)',
        replace: 'await this.#decide(batch, error)',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'batcher-sends-three',
        why: 'batches pile up on the connection, and a failure undoes all of them',
        find: 'await sent\n      await ahead',
        replace: 'await sent',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'batcher-swaps-halves',
        why: 'calls of one organisation are decided in another order than they came',
        find: 'parts.push(other, one)',
        replace: 'parts.push(one, other)',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'batcher-does-not-split',
        why: 'one bad call fails everybody in its batch',
        find: 'if (other.length === 0) refuse(one, error)',
        replace: 'if (other.length >= 0) refuse(part, error)',
      },
      {
        name: 'batcher-splits-for-nothing',
        why: 'a database that is away is asked hundreds of times, and everybody waits for each',
        find: "if (fault === 'unavailable')",
        replace: "if (fault === 'unavailable' && part.length === 1)",
      },
      {
        name: 'batcher-waits-again-for-a-lock',
        why: 'whoever keeps one organisation locked stops all that share a batch with it',
        find: "errorCode(error) !== '55P03' || !concernsSeveral(part)",
        replace: 'true',
      },
      {
        name: 'batcher-error-as-a-verdict',
        why: 'a call that failed is answered as if it had been decided',
        find: 'else if (verdict instanceof Error) reject(verdict)',
        replace: '',
      },
      {
        name: 'batcher-forgets-who-has-no-verdict',
        why: 'a caller waits for ever',
        find: 'if (verdict === undefined) reject(new Error(',
        replace: 'if (verdict === undefined) Object.is(0, new Error(',
      },
      {
        name: 'lane-with-two-batches',
        why: 'batches of one lane overtake one another',
        find: 'this.#flushing ??= this.#flush()',
        replace: 'this.#flushing = this.#flush()',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'lane-without-a-deadline',
        why: 'a call waits for ever for a database that is away',
        find: 'this.#waiting.expire()',
        replace: '[].values()',
        killers: ['database/batcher-bounds'],
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/waiting-calls.ts',
    ['database/batcher-bounds'],
    [
      {
        name: 'lane-without-turns',
        why: 'an organisation with ten thousand calls keeps one with a single call waiting',
        find: 'if (line.first) this.#append(line)\n    else this.#lines.delete(line.organizationId)\n  }\n\n  #newLine',
        replace:
          'if (!line.first) this.#lines.delete(line.organizationId)\n    else {\n      line.following = this.#first\n' +
          '      this.#first = line\n      this.#last ??= line\n    }\n  }\n\n  #newLine',
      },
      {
        name: 'lane-turns-the-order',
        why: 'the calls of one organisation are decided in another order than they came',
        find: 'if (this.#last) this.#last.next = waiting',
        replace: 'if (this.first) [waiting.next, this.first.next] = [this.first.next, waiting]',
        killers: ['database/batcher-interleavings'],
      },
      {
        name: 'lane-keeps-claims-waiting',
        why: 'claims end behind a full lane, and others do the same work again',
        find: 'return this.#keeps.first ? this.#keeps : this.#first',
        replace: 'return this.#first ?? this.#keeps',
      },
      {
        name: 'lane-without-an-end',
        why: 'a database that is away fills the memory of every process',
        find: '!fits(this, bytes, this.#bounds, 1) ||',
        replace: '',
      },
      {
        name: 'lane-for-one-alone',
        why: 'one organisation fills the lane of all its neighbours',
        find: '|| (known && !known.hasRoomFor(bytes))',
        replace: '',
      },
      {
        name: 'lane-keeps-its-bytes',
        why: 'after some hours a process refuses every call',
        find: 'this.bytes -= bytes\n',
        replace: '',
      },
      {
        name: 'batch-of-any-size',
        why: 'a statement grows beyond what a server takes',
        find: 'bytes > bytesMax ||',
        replace: '',
      },
      {
        name: 'batch-of-many-walks',
        why: 'a batch of wakes locks thousands of jobs for seconds',
        find: '|| rows > rowsMax',
        replace: '',
      },
      {
        name: 'deadline-of-half-the-time',
        why: 'a call is refused that had hardly waited',
        find: 'first.period < this.#period;',
        replace: 'first.period <= this.#period;',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/retry.ts',
    ['database/batcher-failures'],
    [
      {
        name: 'refusal-taken-for-a-lost-commit',
        why: 'a call that was refused takes what others did meanwhile for its own doing',
        find: ` && (error as { severity?: string }).severity !== 'ERROR'`,
        replace: '',
        killers: ['database/money-pipe'],
      },
      {
        name: 'retry-never',
        why: 'a cut connection fails money calls that only had to be made again',
        find: 'attempt >= ATTEMPTS_MAX ||',
        replace: 'attempt >= 1 ||',
      },
      {
        name: 'retry-for-ever',
        why: 'a database that is away is asked without an end',
        find: 'attempt >= ATTEMPTS_MAX ||',
        replace: 'attempt >= 9 * ATTEMPTS_MAX ||',
      },
      {
        name: 'retry-not-after-a-deadlock',
        why: 'whoever PostgreSQL chose to end a deadlock is told that its money call failed',
        find: "new Set(['40001', '40P01', '55P03'])",
        replace: "new Set(['40001', '55P03'])",
      },
    ],
  ),
]
