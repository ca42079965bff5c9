import { type Mutant, mutantsOf } from './mutant.ts'

/** How a job's hold is spent and given back: settlements, failures, reversals. */
export const SETTLE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/absorb.ts',
    ['ledger/absorb'],
    [
      {
        name: 'absorb-keeps-no-row',
        why: 'nobody knows what the platform bore, only how often',
        find: 'book.absorb({',
        replace: 'void ({',
      },
      {
        name: 'absorb-counts-again',
        why: 'after a lost answer, the platform’s cost is kept twice',
        find: 'if (counted) return cost',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/settle.ts',
    ['ledger/absorb'],
    [
      {
        name: 'settle-forgets-lost-calls',
        why: 'a run that comes too late hides the calls of it that broke off',
        find: '{ ...usage, llm: [...usage.llm, ...lost.llm] }',
        replace: 'usage',
      },
      {
        name: 'settle-bears-no-lost-calls',
        why: 'calls that broke off are nobody’s cost',
        find: 'if (call.lost) absorb(',
        replace: 'if (!call) absorb(',
      },
      {
        name: 'settle-charges-lost-calls',
        why: 'the customer pays for answers that never came',
        find: 'chargeStage(book, job, stage, call.usage, call.result)',
        replace: 'chargeStage(book, job, stage, allOf(call), call.result)',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/settle.ts',
    ['ledger/settle'],
    [
      {
        name: 'settle-pays-twice',
        why: 'a stage that is delivered twice is charged twice',
        find: "if (stage.state === 'charged') return settledBefore",
        replace: "if (stage.state === 'reversed') return settledBefore",
      },
      {
        name: 'settle-of-a-final-job-pays',
        why: 'an answer that comes after the end still costs',
        find: 'if (isFinal(job.state) || !book.hold(job.id)) {',
        replace: "if (job.state === 'queued') {",
      },
      {
        name: 'settle-exceeds-the-hold',
        why: 'the customer pays more than the quote',
        find: 'line.amount < hold.remaining ? line.amount : hold.remaining',
        replace: 'line.amount',
      },
      {
        name: 'settle-customer-pays-the-write-off',
        why: 'what exceeds the hold is taken from the balance',
        find: "debit: 'write_off'",
        replace: "debit: 'available'",
      },
      {
        name: 'settle-leaves-the-hold-full',
        why: 'the same held money pays every stage',
        find: 'hold.remaining -= amount',
        replace: '',
      },
      {
        name: 'settle-charges-the-balance',
        why: 'a stage is paid beside its hold',
        find: "debit: 'held', credit: 'revenue'",
        replace: "debit: 'available', credit: 'revenue'",
      },
      {
        name: 'settle-completes-too-early',
        why: 'the hold is given back while agents still work',
        find: ".every((row) => row.state === 'charged')",
        replace: ".some((row) => row.state === 'charged')",
      },
      {
        name: 'settle-completes-without-release',
        why: 'the rest of a hold stays held for ever',
        find: 'closeHold(book, job)',
        replace: '',
      },
      {
        name: 'settle-keeps-grants',
        why: 'free units of a settled stage are given back once more',
        find: 'stage.grants = {}',
        replace: '',
        killers: ['ledger/pinned'],
      },
      {
        name: 'settle-forgets-the-counters',
        why: 'tiers and free units start anew with every job',
        find: 'book.putCounters(job.organizationId, tariff, job.periodStart, priced.counters)',
        replace: '',
      },
      {
        name: 'settle-by-the-newest-tariff',
        why: 'a job is charged by prices that it was not admitted with',
        find: 'const tariff = book.tariff(job.tariffVersionId)\n  const counters',
        replace:
          "const tariff = book.tariff(book.organization(job.organizationId).tariffVersionId ?? '')\n  const counters",
        killers: ['ledger/pinned'],
      },
      {
        name: 'settle-in-the-current-period',
        why: 'a job of the last period uses up the free units of this one',
        find: 'const counters = book.counters(job.organizationId, tariff, job.periodStart)',
        replace:
          'const counters = book.counters(job.organizationId, tariff, book.organization(job.organizationId).periodStart)',
        killers: ['ledger/pinned'],
      },
      {
        name: 'settle-parks-nobody',
        why: 'a job that was refused money stands still with its hold after its last stage in flight',
        find: 'const parked = parkIfIdle(book, job)',
        replace: 'const parked = null',
        killers: ['ledger/park'],
      },
      {
        name: 'settle-parks-what-is-done',
        why: 'a job whose stages are all paid waits for money',
        find: 'job.rejection = null\n',
        replace: '\n',
        killers: ['ledger/park'],
      },
      {
        name: 'key-counts-the-attempt',
        why: 'a second attempt has a key of its own, and pays',
        find: 'const key = businessKey.charge(job.id, stage.stage, component, line.tokenClass)',
        replace: 'const key = businessKey.charge(job.id, stage.stage, component, line.tokenClass) + stage.starts',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/finish.ts',
    ['ledger/finish'],
    [
      {
        name: 'fail-needs-no-claim',
        why: 'a worker that was given up fails the job of its successor',
        find: ': stage.claimId === call.claimId',
        replace: ': true',
      },
      {
        name: 'fail-by-sweep-despite-a-claim',
        why: 'the sweep fails a job that is being worked on',
        find: 'const claimed = call.claimId === null ? !',
        replace: 'const claimed = call.claimId === null ? true || !',
      },
      {
        name: 'fail-after-the-charge',
        why: 'a stage that is paid and delivered is reported as failed',
        find: "!claimed || stage.state === 'charged'",
        replace: '!claimed',
      },
      {
        name: 'fail-of-a-parked-job',
        why: 'the sweep fails a job that waits for money as one that hangs',
        find: "|| job.state === 'rejected_for_balance')\n    return",
        replace: ')\n    return',
      },
      {
        name: 'fail-fails-twice',
        why: 'a final job is failed and reversed again',
        find: 'if (!job || !stage || isFinal(job.state))',
        replace: 'if (!job || !stage)',
      },
      {
        name: 'reversal-ignores-the-policy',
        why: 'finished stages are given back although the plan charges them',
        find: "tariff?.chargeOnFailure === 'none'",
        replace: 'tariff',
      },
      {
        name: 'reversal-never-happens',
        why: 'the customer pays for what the platform failed',
        find: "tariff?.chargeOnFailure === 'none'",
        replace: "tariff?.chargeOnFailure === 'finished_stages'",
      },
      {
        name: 'reversal-into-the-wrong-account',
        why: 'money comes back beside the hold that is released with it',
        find: "credit: hold ? 'held' : 'available'",
        replace: "credit: 'available'",
      },
      {
        name: 'reversal-leaves-the-stage-charged',
        why: 'a charge can be reversed twice',
        find: "moveStage(stage, 'reversed')",
        replace: '',
      },
      {
        name: 'reversal-stays-out-of-the-hold',
        why: 'held and the open holds drift apart',
        find: 'if (hold) hold.remaining += line.amount',
        replace: '',
      },
      {
        name: 'reversal-keeps-the-counters',
        why: 'units of a failed job count as used',
        find: 'giveCountersBack(book, job, stage)',
        replace: '',
      },
      {
        name: 'reversal-of-the-write-off',
        why: 'the customer gets back what only the platform paid',
        find: 'amount: line.amount,',
        replace: 'amount: line.amount + line.writtenOff,',
      },
      {
        name: 'end-keeps-the-hold',
        why: 'a cancelled job goes on holding money',
        find: 'closeHold(book, job)',
        replace: '',
      },
      {
        name: 'cancel-of-a-final-job',
        why: 'a charged job is cancelled afterwards',
        find: "if (!job || isFinal(job.state)) return { kind: 'refused'",
        replace: "if (!job) return { kind: 'refused'",
      },
    ],
  ),
]
