import { type Mutant, mutantsOf } from './mutant.ts'

/** A running job that wants more: extensions, and how one that is refused stops, is parked, and goes on. */
export const STOP_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/extend.ts',
    ['ledger/extend'],
    [
      {
        name: 'extend-grants-twice',
        why: 'a call that asks again holds the same money twice',
        find: 'if (call.call <= bound.llm.calls) {',
        replace: 'if (call.call < 0) {',
      },
      {
        name: 'extend-holds-nothing',
        why: 'model calls are made that nothing was held for',
        find: 'enlargeHold(book, job, stage, hold, more.amount, key)',
        replace: '',
      },
      {
        name: 'extend-outside-the-hold',
        why: 'the money of an extension is held, but cannot be spent',
        find: 'hold.remaining += amount',
        replace: '',
      },
      {
        name: 'extend-keeps-its-amount',
        why: 'a job is charged more than its hold says',
        find: 'hold.amount += amount',
        replace: '',
      },
      {
        name: 'extend-key-with-attempt',
        why: 'the same call asked by a second attempt is paid again',
        find: 'businessKey.extend(job.id, stage.stage, call.call)',
        replace: 'businessKey.extend(job.id, stage.stage, call.call) + stage.starts',
      },
      {
        name: 'extend-forgets-its-bound',
        why: 'a call that asks again is held for again',
        find: 'book.setBound(stage, larger)',
        replace: '',
      },
      {
        name: 'extend-beyond-max-cost',
        why: 'a job costs more than its customer allowed',
        find: 'job.charged + hold.remaining + more.amount > job.maxCost',
        replace: 'hold.remaining + more.amount > job.maxCost + job.charged',
      },
      {
        name: 'extend-ignores-the-balance',
        why: 'model calls are granted that nobody can pay',
        find: 'more.amount === 0n ? null',
        replace: 'more.amount >= 0n ? null',
      },
      {
        name: 'extend-asks-money-for-nothing',
        why: 'a job is parked although its hold pays for the call',
        find: 'more.amount === 0n ? null',
        replace: 'more.amount < 0n ? null',
      },
      {
        name: 'extend-for-a-stranger',
        why: 'a worker that was given up goes on calling models',
        find: "return stage.state === 'running' && stage.claimId === claimId",
        replace: "return stage.state === 'running'",
      },
      {
        name: 'extend-without-a-claim',
        why: 'anybody may enlarge the hold of a pipeline’s job',
        find: "if (job.runner === 'own' && claimId === null)",
        replace: 'if (claimId === null)',
      },
      {
        name: 'extend-of-the-stopping',
        why: 'a job that is refused money goes on holding more for its siblings',
        find: "job.state === 'processing' && !isStopping(job) && isWorker",
        replace: "job.state === 'processing' && isWorker",
        killers: ['ledger/park'],
      },
      {
        name: 'extend-makes-up-for-others',
        why: 'a customer holds more because another stage used more than it might',
        find: 'ofJob < ofStage ? ofJob : ofStage',
        replace: 'ofJob',
      },
      {
        name: 'extend-ignores-what-is-left',
        why: 'a job is refused money that it holds already',
        find: 'ofJob < ofStage ? ofJob : ofStage',
        replace: 'ofStage',
      },
      {
        name: 'extend-promises-free-units-to-two',
        why: 'two jobs count on the same free units',
        find: 'more.reserve()\n',
        replace: '\n',
      },
      {
        name: 'extend-parks-an-own-job',
        why: 'a platform’s own job is stopped behind its back',
        find: "if (job.runner === 'own') return { kind: 'refused'",
        replace: "if (job.runner === 'own' && !call.call) return { kind: 'refused'",
      },
      {
        name: 'extend-forgets-its-refusal',
        why: 'a refusal whose answer was lost looks like a lost claim, and has no figures',
        find: 'if (job.rejection?.stage === stage.stage) {',
        replace: 'if (job.rejection?.stage === job.id) {',
        killers: ['ledger/park'],
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/park.ts',
    ['ledger/park'],
    [
      {
        name: 'park-with-siblings-in-flight',
        why: 'the work of siblings is done and not paid',
        find: '|| book.stages(job.id).some((row) => isClaimed(book, row))',
        replace: '',
      },
      {
        name: 'park-never',
        why: 'a job that was refused money stands still with its hold',
        find: 'if (!isStopping(job) ||',
        replace: 'if (job.rejection ||',
      },
      {
        name: 'park-keeps-the-hold',
        why: 'a parked job keeps the money of those that could run',
        find: 'closeHold(book, job)',
        replace: '',
      },
      {
        name: 'park-keeps-its-own-claim',
        why: 'the stage that was refused money looks worked on until its lease ends',
        find: 'giveBack(book, stage)',
        replace: '',
      },
      {
        name: 'park-forgets-the-larger-bound',
        why: 'a resumed job is refused at the same call again and again',
        find: 'if (row.stage === noted.stage) enlarge(',
        replace: 'if (row.stage === job.id) enlarge(',
      },
      {
        name: 'park-shrinks-the-bound',
        why: 'a resumed job holds less than it held before',
        find: 'Math.max(calls, stage.bound.llm.calls)',
        replace: 'Math.min(calls, stage.bound.llm.calls)',
      },
      {
        name: 'park-counts-starts',
        why: 'a job that waited for money five times is failed as one that kills its workers',
        find: 'row.starts = 0',
        replace: '',
      },
      {
        name: 'park-wakes-nobody',
        why: 'the job itself would fit after its release, and waits for a top-up',
        find: 'organization.waiting = true\n  closeHold',
        replace: 'closeHold',
      },
      {
        name: 'park-leaves-stages-running',
        why: 'the sweep delivers the stages of a parked job',
        find: 'stopStages(book, job)',
        replace: '',
      },
      {
        name: 'park-asks-for-finished-stages',
        why: 'a customer is told to pay again for what is paid',
        find: "filter((row) => row.state !== 'charged')",
        replace: "filter((row) => row.state !== 'reversed')",
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/parked-jobs.ts',
    ['ledger/wake'],
    [
      {
        name: 'wakes-newest-first',
        why: 'the job that waits longest waits for ever',
        find: 'a.parkedAt - b.parkedAt ||',
        replace: 'b.parkedAt - a.parkedAt ||',
      },
      {
        name: 'wakes-who-jumps-the-queue',
        why: 'a young job that another call names takes the money of older ones',
        find: '&& (more === null || byPlace(placeOf(job), more) <= 0)',
        replace: '',
      },
      {
        name: 'wakes-the-first-page-only',
        why: 'small jobs behind a hundred large ones wait for ever',
        find: 'const more = last ? {',
        replace: 'const more = !last ? {',
      },
      {
        name: 'wakes-not-who-was-just-parked',
        why: 'a job that is parked as the money comes waits for the sweep',
        find: 'if (isParked(job)) this.#jobs.add(job)',
        replace: '',
      },
      {
        name: 'wakes-who-runs',
        why: 'a job that was resumed in this batch takes a second hold',
        find: 'job.organizationId === organizationId && isParked(job))',
        replace: 'job.organizationId === organizationId)',
      },
    ],
  ),
]
