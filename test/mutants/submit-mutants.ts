import { type Mutant, mutantsOf } from './mutant.ts'

/** One job of one key and of one submit, and each judged by itself. */
export const SUBMIT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/submit.ts',
    ['ledger/submit'],
    [
      {
        name: 'submit-key-of-others',
        why: 'an organisation is given the job of another one',
        find: 'organizationId} $',
        replace: "''} $",
      },
      {
        name: 'submit-key-of-another-job',
        why: 'whoever uses a key again for another text believes that text to be in work',
        find: 'known.hash === hash ?',
        replace: 'known.hash === hash || known.hash !== hash ?',
      },
      {
        name: 'submit-forgets-its-neighbour',
        why: 'two submits of one key in one batch are two jobs, or fail',
        find: '(facts.known ?? stored.get(name) ?? null)',
        replace: '(facts.known ?? null)',
      },
      {
        name: 'submit-for-unpaid-seats',
        why: 'somebody works on a seat that nobody pays',
        find: "member !== 'active'",
        replace: 'member === null',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/submit/submit-transaction.ts',
    ['database/submit-path'],
    [
      {
        name: 'submit-forgets-its-earlier-try',
        why: 'a job whose COMMIT was not heard is told to be another one’s, and nobody puts it into the queue',
        find: 'storedAt !== null && facts.organization',
        replace: 'storedAt !== null && facts.organization && rows.key === null',
      },
      {
        name: 'submit-swaps-facts',
        why: 'a job is stored on the tariff and the seat of somebody else',
        find: 'facts: (read[index] as Read).facts',
        replace: 'facts: (read[read.length - 1 - index] as Read).facts',
      },
    ],
  ),
]
