import { type Mutant, mutantsOf } from './mutant.ts'

/** Who may work and when: claims, deliveries, periods, states. */
export const WORK_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/claim.ts',
    ['ledger/claim'],
    [
      {
        name: 'claim-granted-to-two',
        why: 'two workers call the model for the same stage',
        find: "return { kind: 'busy', until: stage.claimedUntil ?? book.now, now: book.now }",
        replace: '',
      },
      {
        name: 'claim-never-ends',
        why: 'the stage of a killed worker waits for ever',
        find: 'stage.claimId !== call.claimId && ',
        replace: "stage.claimId !== call.claimId && stage.claimId !== null || stage.claimId === '' && ",
      },
      {
        name: 'claim-extended-by-a-stranger',
        why: 'a worker that was given up goes on beside its successor',
        find: "stage.state !== 'running' || stage.claimId !== call.claimId",
        replace: "stage.state !== 'running'",
      },
      {
        name: 'claim-exhausted-never',
        why: 'a job that kills its workers kills them for ever',
        find: 'stage.starts >= STARTS_MAX',
        replace: 'stage.starts >= STARTS_MAX * 99',
      },
      {
        name: 'claim-exhausted-late',
        why: 'a sixth worker is killed',
        find: 'stage.starts >= STARTS_MAX',
        replace: 'stage.starts > STARTS_MAX',
      },
      {
        name: 'claim-counts-no-start',
        why: 'starts are never exhausted',
        find: 'stage.starts += 1',
        replace: '',
      },
      {
        name: 'claim-counts-a-lost-answer',
        why: 'lost connections end a job that never failed',
        find: "if (stage.state === 'running' && stage.claimId === call.claimId) {",
        replace: "if (stage.state === 'charged' && stage.claimId === call.claimId) {",
      },
      {
        name: 'claim-works-for-the-parked',
        why: 'a job without money has its stages run',
        find: 'job.state === expected &&',
        replace: 'expected &&',
      },
      {
        name: 'claim-works-for-the-stopping',
        why: 'a job that was refused money starts further stages',
        find: '&& !isStopping(job) && dueStages',
        replace: '&& dueStages',
        killers: ['ledger/park'],
      },
      {
        name: 'let-go-by-a-stranger',
        why: 'a worker that was given up takes the claim of its successor away',
        find: "const isHeld = stage.state === 'running' && stage.claimId === call.claimId\n  if (isHeld",
        replace: "const isHeld = stage.state === 'running'\n  if (isHeld",
      },
      {
        name: 'let-go-keeps-the-claim',
        why: 'a stage that failed waits for the end of a lease that nobody uses',
        find: 'if (isHeld) giveBack(book, stage)',
        replace: '',
      },
      {
        name: 'let-go-parks-nobody',
        why: 'a job that stops stands still with its hold after its last worker has left',
        find: 'const parked = parkIfIdle(book, job) ?? (',
        replace: 'const parked = null ?? (',
        killers: ['ledger/park'],
      },
      {
        name: 'let-go-counts-nothing',
        why: 'nobody knows what the platform bore for runs that came to nothing',
        find: 'if (call.usage === null) return { parked, cost: 0n }',
        replace: 'if (call.usage !== undefined) return { parked, cost: 0n }',
      },
      {
        name: 'claim-parks-nobody',
        why: 'a job that stops stands still when its last worker was killed',
        find: "parkIfIdle(book, job)\n    return { kind: 'dead'",
        replace: "return { kind: 'dead'",
        killers: ['ledger/park'],
      },
      {
        name: 'sweep-parks-nobody',
        why: 'a job that stops stands still when its last worker was killed and its queue job lost',
        find: 'parkIfIdle(book, job)\n    return null',
        replace: 'return null',
        killers: ['ledger/park'],
      },
      {
        name: 'redeliver-while-claimed',
        why: 'the sweep delivers what somebody works on',
        find: 'since(row) === 0 && !isClaimed(book, row)',
        replace: 'since(row) === 0',
      },
      {
        name: 'redeliver-what-moved-on',
        why: 'the sweep delivers twice what was delivered since it looked',
        find: 'since(row) === 0 &&',
        replace: 'since(row) >= 0 &&',
      },
      {
        name: 'redeliver-the-final',
        why: 'a job that has ended is run again',
        find: "isFinal(job.state) || job.state === 'rejected_for_balance'",
        replace: "job.state === 'rejected_for_balance'",
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/delivery.ts',
    ['ledger/delivery', 'ledger/claim'],
    [
      {
        name: 'delivery-number-repeats',
        why: 'the queue ignores what is delivered again, and the job stands still',
        find: 'Math.max(...stages.map((row) => row.delivery)) + 1',
        replace: 'Math.max(1, ...stages.map((row) => row.delivery))',
      },
      {
        name: 'delivery-of-siblings-again',
        why: 'agents that still work are delivered again with every sibling that settles',
        find: 'due[0] === undefined || due[0].position <= settled.position',
        replace: 'due[0] === undefined',
      },
      {
        name: 'delivery-parent-without-number',
        why: 'a flow’s parent is taken for a finished one and never runs',
        find: 'const members = parent ? [...due, parent] : due',
        replace: 'const members = due',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/renewal.ts',
    ['ledger/fold'],
    [
      {
        name: 'period-never-rolls',
        why: 'free units and seats of the first month last for ever',
        find: 'while (book.now >= organization.periodEnd) {',
        replace: 'while (book.now < 0) {',
      },
      {
        name: 'period-rolls-late',
        why: 'the first millisecond of a month counts in the one before',
        find: 'while (book.now >= organization.periodEnd) {',
        replace: 'while (book.now > organization.periodEnd) {',
      },
      {
        name: 'period-keeps-empty-seats',
        why: 'a seat that was paid once is free in every later month',
        find: 'organization.seatsPaid = seats',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/period.ts',
    ['ledger/period'],
    [
      {
        name: 'period-overflows-february',
        why: 'a month of the 31st skips the next one',
        find: 'Math.min(from.getUTCDate(), lastDay)',
        replace: 'from.getUTCDate() + 0 * lastDay',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/states.ts',
    ['ledger/states'],
    [
      {
        name: 'state-final-is-not-final',
        why: 'a charged job can fail and be given back',
        find: '  charged: [],',
        replace: "  charged: ['failed'],",
      },
    ],
  ),
]
