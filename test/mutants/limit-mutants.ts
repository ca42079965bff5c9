import { type Mutant, mutantsOf } from './mutant.ts'

/** What is counted against members, what their limits forbid, and who owns an organisation. */
export const LIMIT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/hold.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-off-by-one',
        why: 'a member spends more than the limit',
        find: 'left !== null && needed > left)',
        replace: 'left !== null && needed > left + 1n)',
      },
      {
        name: 'limit-forgets-new-holds',
        why: 'a member’s jobs start as if none of them ran',
        find: 'commit(book, job, quote.upper)',
        replace: '',
      },
      {
        name: 'limit-forgets-what-is-released',
        why: 'a member is charged against the limit what was only held',
        find: 'commit(book, job, -left)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/extend.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-forgets-extensions',
        why: 'further model calls are free of the limit',
        find: 'commit(book, job, amount)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/finish.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-forgets-late-reversals',
        why: 'a member pays with the limit for a job that was taken back',
        find: 'if (!hold) commit(book, job, -line.amount)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/spending-limit.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-of-any-period',
        why: 'a job of the former month gives its hold back to this month’s limit',
        find: 'if ((periodStart ?? present) !== present) return null',
        replace: '',
        killers: ['ledger/freed-limit'],
      },
      {
        name: 'limit-freed-for-the-young',
        why: 'what is freed of a limit goes to whoever was read, not to the oldest',
        find: 'left > atFirst ? left - atFirst : 0n',
        replace: 'left > atFirst ? 0n : 0n',
        killers: ['ledger/freed-limit'],
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/team.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-of-last-period',
        why: 'a new month begins with what the last one spent',
        find: 'return member.committedPeriod === periodStart ? member.committed : 0n',
        replace: 'return periodStart > 0 ? member.committed : 0n',
        killers: ['ledger/freed-limit'],
      },
      {
        name: 'team-seats-newest-first',
        why: 'the member that waits longest waits for ever',
        find: 'a.addedAt - b.addedAt ||',
        replace: 'b.addedAt - a.addedAt ||',
        killers: ['ledger/seat'],
      },
      {
        name: 'owner-without-a-seat',
        why: 'the last owner leaves while the next one has no access yet',
        find: "row.role === 'owner' && row.state === 'active'",
        replace: "row.role === 'owner' && row.state !== 'removed'",
        killers: ['ledger/owner'],
      },
      {
        name: 'owner-is-never-the-last',
        why: 'nobody is left who owns the organisation',
        find: 'return owns(member) && !this',
        replace: 'return owns(member) && this.#rows.size === 0 && !this',
        killers: ['ledger/owner'],
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/seat.ts',
    ['ledger/spending-limit'],
    [
      {
        name: 'limit-renewed-by-leaving',
        why: 'a member leaves and comes back, and may spend the limit again',
        find: 'committed: known?.committed ?? 0n',
        replace: 'committed: known && 0n ? known.committed : 0n',
        killers: ['ledger/freed-limit'],
      },
      {
        name: 'limit-raised-in-silence',
        why: 'the jobs of a raised limit wait for the next sweep',
        find: 'if (isHigher(spendingLimit, member.spendingLimit)) book',
        replace: 'if (isHigher(member.spendingLimit, spendingLimit)) book',
        killers: ['ledger/change-member'],
      },
      {
        name: 'limit-changed-by-an-old-view',
        why: 'of two admins who saw the same limit the second undoes the first',
        find: 'if (seen === null) return true',
        replace: 'if (seen !== undefined) return false',
        killers: ['ledger/change-member'],
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/period.ts',
    ['ledger/seat'],
    [
      {
        name: 'unused-rest-rounded-up',
        why: 'a seat costs more than the seconds that are left, and more comes back than was paid for them',
        find: 'Math.max(0, Math.floor((end - at) / 1_000))',
        replace: 'Math.max(0, Math.ceil((end - at) / 1_000))',
      },
      {
        name: 'seat-costs-the-whole-period',
        why: 'a member of the last day pays the whole month',
        find: 'Math.floor((end - at) / 1_000)',
        replace: 'Math.floor((end - start + 0 * at) / 1_000)',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/memory.ts',
    ['database/member-limits'],
    [
      {
        name: 'memory-without-members',
        why: 'every batch with a job of a member reads its rows',
        find: 'if (of !== undefined) this.#members.set(key, { of, row })',
        replace: '',
      },
      {
        name: 'memory-of-members-before-a-change',
        why: 'what another process counted against a member is forgotten',
        find: 'if (known === undefined || known.of !== of) return null\n      found.add',
        replace: 'if (known === undefined) return null\n      found.add',
        killers: ['database/memory-bounds'],
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-parked.sql',
    ['database/member-limits'],
    [
      {
        name: 'limit-never-read-as-free',
        why: 'whatever is freed of a limit, its jobs wait for the sweep',
        find: 'case when m.committed_period = o.period_start then m.committed else 0 end',
        replace: '(m.spending_limit + 1)',
      },
    ],
  ),
]
