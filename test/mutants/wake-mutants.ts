import { type Mutant, mutantsOf } from './mutant.ts'

/** Who is resumed, in which order, and who is looked at for it. */
export const WAKE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/wake.ts',
    ['ledger/wake'],
    [
      {
        name: 'wake-stops-at-the-first',
        why: 'a large job in front keeps small ones waiting that would fit',
        find: 'const { jobs, more } = book.parked.page(organization.id, after)',
        replace:
          'const { jobs: all, more } = book.parked.page(organization.id, after)\n' +
          '  let left = book.spendable(organization)\n' +
          '  const jobs = all.slice(0, all.findIndex((job) => (left -= job.rejection?.needed ?? 0n) < 0n) >>> 0)',
      },
      {
        name: 'wake-ignores-the-balance',
        why: 'parked jobs start without money',
        find: 'if (rejection) {',
        replace: "if (rejection?.reason === 'frozen') {",
      },
      {
        name: 'wake-resumes-what-runs',
        why: 'a job that runs already takes a second hold',
        find: "if (job.state !== 'rejected_for_balance') return",
        replace: "if (job.state === 'charged') return",
      },
      {
        name: 'wake-forgets-seats',
        why: 'the first money goes to jobs while members wait for their seats',
        find: 'const members = activatePending(book, organization)',
        replace: 'const members = []',
      },
      {
        name: 'wake-seats-last',
        why: 'jobs take the money that members waited for',
        find: 'const members = activatePending(book, organization)',
        replace:
          'for (const job of book.parked.page(organization.id, call.after).jobs) resume(book, organization, job, null, () => 0)\n' +
          '  const members = activatePending(book, organization)',
      },
      {
        name: 'wake-runs-the-hopeless',
        why: 'a job is resumed whose limit or whose model’s price did not outlast the waiting',
        find: 'if (failure) {',
        replace: 'if (failure && job.state !== job.state) {',
        killers: ['ledger/park', 'ledger/wake'],
      },
      {
        name: 'wake-forgets-the-hopeless',
        why: 'a job that no money helps any more waits until it expires',
        find: '() => hopeless.push(job.id)',
        replace: '() => hopeless.length',
        killers: ['ledger/park'],
      },
      {
        name: 'wake-never-fails-the-hopeless',
        why: 'a job that was named as hopeless is not failed by its own wake either',
        find: 'return resume(book, organization, job, null, (failure) => failJob(book, job, failure))',
        replace: 'return resume(book, organization, job, null, () => 0)',
        killers: ['ledger/park'],
      },
      {
        name: 'wake-reverses-without-lines',
        why: 'one hopeless job with charges ends every wake of its organisation',
        find: 'const fail = isCharged ?',
        replace: "const fail = isCharged && job.id === '' ?",
        killers: ['ledger/park'],
      },
      {
        name: 'wake-spends-what-its-batch-freed',
        why: 'a young job takes money that an older one needs, which was not read',
        find: 'spendable - book.parked.reach(organization.id, spendable)',
        replace: 'spendable - spendable',
        killers: ['ledger/wake-fitting'],
      },
      {
        name: 'wake-prices-who-cannot-fit',
        why: 'each closed hold prices and writes every parked job again',
        find: 'if (most !== null && (job.rejection',
        replace: 'if (most !== null && organization.seq < 0 && (job.rejection',
        killers: ['ledger/wake-fitting'],
      },
      {
        name: 'wake-notes-no-floor',
        why: 'a parked job is priced anew with each closed hold',
        find: '{ ...rejection, atLeast: leastOf(book, job, tariff, periodStart) }',
        replace: 'rejection',
        killers: ['ledger/wake-fitting'],
      },
      {
        name: 'wake-keeps-an-old-floor',
        why: 'free units are used up, and a parked job is priced anew with each closed hold',
        find: ' && rejection.atLeast === atLeast',
        replace: ' && atLeast !== undefined',
        killers: ['ledger/wake-fitting'],
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/hold.ts',
    ['ledger/wake-fitting'],
    [
      {
        name: 'floor-of-the-present',
        why: 'free units that others give back make a job affordable, and it stays parked',
        find: '{ ...counter, reserved: 0 }',
        replace: '{ ...counter }',
      },
      {
        name: 'floor-of-what-may-shrink',
        why: 'a job whose limit makes it cheaper stays parked although it fits',
        find: 'if (dearest > job.maxCost - paidFor(job)) return 0n',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/finish.ts',
    ['ledger/wake-fitting'],
    [
      {
        name: 'reversal-lowers-no-price',
        why: 'used units that are given back make a job affordable, and it stays parked',
        find: 'if (lines.some(({ includedUsed }) => includedUsed > 0)) book.wakeAllLater',
        replace: 'if (lines.some(({ includedUsed }) => includedUsed < 0)) book.wakeAllLater',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/renewal.ts',
    ['ledger/wake-fitting'],
    [
      {
        name: 'period-lowers-no-price',
        why: 'the new period’s free units make a job affordable, and it stays parked',
        find: 'again.\n  book.wakeAllLater(organization)',
        replace: 'again.',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-parked.sql',
    ['pipeline/wakes'],
    [
      {
        name: 'parked-who-cannot-fit',
        why: 'a closed hold reads every parked job to find none that fits',
        find: 'case when w.fitting then',
        replace: 'case when not w.fitting then',
      },
      {
        name: 'parked-without-overdraft',
        why: 'a job that the overdraft pays for stays parked',
        find: 'b.available + b.overdraft_limit',
        replace: 'b.available',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/read-facts.ts',
    ['pipeline/wakes'],
    [
      {
        name: 'reach-of-a-walk-unknown',
        why: 'a young job takes money that an older one needs, which was not read',
        find: 'parkedUpTo: parkedUpTo(balances, named)',
        replace: 'parkedUpTo: NOWHERE',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/write-rows.ts',
    ['pipeline/wakes'],
    [
      {
        name: 'notice-of-lower-prices-lost',
        why: 'a parked job that free units make affordable waits for the sweep',
        find: 'writes.wakeAll.includes(id)',
        replace: 'writes.wake.length === 0',
      },
    ],
  ),
]
