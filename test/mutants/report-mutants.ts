import { type Mutant, mutantsOf } from './mutant.ts'

/** What customers are told of what they used and paid. */
export const REPORT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/managers/usage-lines.ts',
    ['managers/usage.manager'],
    [
      {
        name: 'report-of-the-reversed',
        why: 'a failed job, which costs nothing, stands in the usage that is paid for',
        find: "s.state = 'charged'",
        replace: "s.state in ('charged', 'reversed')",
      },
      {
        name: 'report-of-the-end-twice',
        why: 'what was finished at midnight is told on both days',
        find: 's.finished_at < $5',
        replace: 's.finished_at <= $5',
      },
      {
        name: 'report-with-write-offs',
        why: 'a customer is told to have paid what the platform bore',
        find: 'sum((line ->> 15)::bigint)',
        replace: 'sum((line ->> 15)::bigint + (line ->> 16)::bigint)',
      },
      {
        name: 'report-forgets-the-slow',
        why: 'a job that waited for days was charged, and is in no report',
        find: "finished_at - created_at > interval '24:00:00'",
        replace: 'false',
      },
      {
        name: 'report-steps-overlap',
        why: 'every so many jobs one is told twice',
        find: 'id < $3::uuid',
        replace: 'id <= $3::uuid',
      },
      {
        name: 'report-forgets-the-running',
        why: 'what a job was charged is in no report until it ends',
        find: "h.state = 'open'",
        replace: "h.state = 'closed'",
      },
      {
        name: 'report-forgets-the-parked',
        why: 'what a job was charged before it was parked is in no report',
        find: "state = 'rejected_for_balance'",
        replace: 'false',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/statement-rows.ts',
    ['managers/statement.manager'],
    [
      {
        name: 'statement-from-the-entry-before',
        why: 'the last entry of a period is told again in the next',
        find: 'e.seq > $2',
        replace: 'e.seq >= $2',
      },
      {
        name: 'statement-models-of-reversals-lost',
        why: 'what a model cost is never given back to it',
        find: 'coalesce(e.reverses_seq, e.seq)',
        replace: 'e.seq',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/statement.manager.ts',
    ['managers/statement.manager'],
    [
      {
        name: 'statement-shares-before-reversals',
        why: 'shares come to more than was paid',
        find: "kind === 'reversal' ? -1 : 1",
        replace: '1',
      },
      {
        name: 'statement-shown-unbalanced',
        why: 'a customer reads a statement whose entries do not lead to its end',
        find: 'requireSame(endOf(period.opening, moved), period.closing,',
        replace: 'requireSame(period.closing, period.closing,',
      },
      {
        name: 'statement-begins-anywhere',
        why: 'money is lost between two statements and nobody says so',
        find: 'requireSame(former.closing, stated.opening,',
        replace: 'requireSame(stated.opening, stated.opening,',
      },
    ],
  ),
]
