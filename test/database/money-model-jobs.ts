import {
  costOf,
  fitAgain,
  isOpen,
  keepsLimit,
  needOf,
  OUTPUT_LIMIT,
  sum,
  useOf,
  withMinimum,
} from './money-model-bounds.ts'
import { type Books, type Bound, found, type Job, type Organization, type Stage } from './money-model-terms.ts'

const STARTS_MAX = 5

const isFinal = ({ state }: Job): boolean => state === 'charged' || state === 'failed' || state === 'cancelled'
const isWorkedOn = ({ claim, lives }: Stage): boolean => claim !== null && lives
const isStopping = ({ state, refusal }: Job): boolean => state === 'processing' && refusal !== null
const NO_JOB = 'not-found'

/** @param full what each stage may use before anything was cut down to the job's limit */
export function admit(books: Books, organization: Organization, job: Job, full: readonly Bound[]): string {
  if (job.state === 'processing' && job.stages[0]?.state === 'charged') return 'admitted'
  if (job.state === 'rejected_for_balance') return `refused ${job.refusal}`
  if (job.state === 'failed') return 'failed'
  if (job.state !== 'queued') return 'dead'
  const before = job.stages.map(({ bound }) => ({ ...bound }))
  giveBounds(job, full)
  if (!keepsLimit(job, OUTPUT_LIMIT)) {
    giveBounds(job, before)
    return failNow(organization, job)
  }
  const refusal = refusalOf(organization, needOf(job))
  if (refusal === null) {
    start(organization, job)
    return 'admitted'
  }
  if (job.runner === 'pipeline') park(books, job, refusal, 'input')
  return `refused ${refusal}`
}

function giveBounds(job: Job, bounds: readonly Bound[]): void {
  for (const [index, stage] of job.stages.entries()) Object.assign(stage.bound, bounds[index])
}

function refusalOf({ available, overdraft, held }: Organization, needed: bigint): string | null {
  const missing = needed - available - overdraft
  if (missing <= 0n) return null
  return `${missing <= held ? 'held_by_others' : 'insufficient'} ${missing}`
}

function park(books: Books, job: Job, refusal: string, stage: string): void {
  job.state = 'rejected_for_balance'
  job.refusal = refusal
  job.refusedAt = { stage, call: 0 }
  job.moment = books.moment
  stop(job)
}

function start(organization: Organization, job: Job): void {
  const hold = needOf(job)
  job.hold = hold
  organization.available -= hold
  organization.held += hold
  if (hold > 0n) organization.seq += 1
  job.state = 'processing'
  job.refusal = null
  job.refusedAt = null
  const input = found(job.stages[0])
  if (isOpen(input)) charge(organization, job, input, [costOf(input.bound)])
}

export function resume(organization: Organization, job: Job, mayFail: boolean): boolean {
  if (job.state !== 'rejected_for_balance') return false
  if (!fitAgain(job)) {
    if (mayFail) failNow(organization, job)
    return false
  }
  const refusal = refusalOf(organization, needOf(job))
  if (refusal === null) start(organization, job)
  else job.refusal = refusal
  return refusal === null
}

function charge(organization: Organization, job: Job, stage: Stage, lines: readonly bigint[]): void {
  stage.state = 'charged'
  stage.claim = null
  const pay = (price: bigint): bigint => {
    const left = found(job.hold)
    const amount = price < left ? price : left
    job.hold = left - amount
    organization.held -= amount
    job.charged += amount
    job.writtenOff += price - amount
    if (amount > 0n) organization.seq += 1
    if (price > amount) organization.seq += 1
    return amount
  }
  stage.paid = lines.map(pay)
  const lacking = job.minimum - (job.charged - job.reversed)
  if (stage === job.stages.at(-1) && lacking > 0n) stage.paid.push(pay(lacking))
}

export function settle(
  books: Books,
  organization: Organization,
  job: Job,
  stage: Stage,
  usage: readonly bigint[],
): string {
  if (stage.state === 'charged') {
    stage.absorbed += 1
    return `again ${sum(stage.paid)}`
  }
  if (isFinal(job) || job.hold === null) {
    stage.absorbed += 1
    return 'absorbed'
  }
  charge(organization, job, stage, usage)
  if (job.runner === 'pipeline' && job.stages.every(({ state }) => state === 'charged')) {
    release(organization, job)
    job.state = 'charged'
    job.refusal = null
    job.refusedAt = null
  }
  parkIfIdle(books, organization, job)
  return `settled ${sum(stage.paid)}`
}

/** Holds more for one more call of a stage, or stops its job. */
export function extend(
  books: Books,
  organization: Organization,
  job: Job,
  stage: Stage,
  { claim: by, call }: { claim: string | null; call: number },
): string {
  if (job.refusedAt?.stage === stage.name) return `refused ${job.refusal}`
  if (job.state === 'failed') return 'failed'
  const works = job.runner === 'own' && by === null ? isOpen(stage) : stage.state === 'running' && stage.claim === by
  if (job.state !== 'processing' || isStopping(job) || !works || stage.bound.calls === 0) return 'dead'
  if (call <= stage.bound.calls) return `granted ${stage.bound.calls} ${stage.extensions[call] ?? 0n}`
  const larger = costOf({ ...stage.bound, calls: call })
  const hold = found(job.hold)
  const ofStage = larger - costOf(stage.bound)
  const ofJob = withMinimum(job, useOf(job) + ofStage) - hold
  const more = ofJob < 0n ? 0n : ofJob < ofStage ? ofJob : ofStage
  if (job.maxCost !== null && job.charged + hold + more > job.maxCost) return failNow(organization, job)
  const refusal = more === 0n ? null : refusalOf(organization, more)
  if (refusal !== null) {
    if (job.runner === 'own') return `refused ${refusal}`
    job.refusal = refusal
    job.refusedAt = { stage: stage.name, call }
    giveBack(stage)
    parkIfIdle(books, organization, job)
    return `refused ${job.refusal}`
  }
  stage.bound.calls = call
  job.hold = hold + more
  organization.available -= more
  organization.held += more
  if (more > 0n) {
    organization.seq += 1
    stage.extensions[call] = more
  }
  return `granted ${call} ${more}`
}

function giveBack(stage: Stage): void {
  stage.claim = null
  stage.state = 'waiting'
}

/** A job that was refused money at a stage is parked once nothing of it works any more, and holds nothing then. */
export function parkIfIdle(books: Books, organization: Organization, job: Job): void {
  if (!isStopping(job) || job.stages.some(isWorkedOn)) return
  const { stage: name, call } = found(job.refusedAt)
  release(organization, job)
  const open = job.stages.filter(isOpen)
  for (const stage of open) stage.starts = 0
  const refused = open.find((stage) => stage.name === name)
  if (refused) refused.bound.calls = Math.max(refused.bound.calls, call)
  const [reason] = found(job.refusal).split(' ')
  park(books, job, refusalOf(organization, needOf(job)) ?? `${reason} 0`, found(refused ?? open[0]).name)
}

function release(organization: Organization, job: Job): bigint {
  const rest = job.hold ?? 0n
  job.hold = null
  organization.held -= rest
  organization.available += rest
  if (rest > 0n) organization.seq += 1
  job.released += rest
  return rest
}

export function complete(organization: Organization, job: Job): string {
  if (job.runner !== 'own' || job.state !== 'processing') return NO_JOB
  const released = release(organization, job)
  stop(job)
  job.state = 'charged'
  return `released ${released}`
}

export function reverse(organization: Organization, job: Job): string {
  if (job.runner !== 'own' || isFinal(job)) return NO_JOB
  takeBack(organization, job)
  end(organization, job, 'failed')
  return `reversed ${job.reversed}`
}

/** Undoes every charge of a job, into its hold where it has one. */
function takeBack(organization: Organization, job: Job): void {
  for (const stage of job.stages) {
    if (stage.state !== 'charged') continue
    stage.state = 'reversed'
    for (const amount of stage.paid) {
      if (amount === 0n) continue
      organization.seq += 1
      job.reversed += amount
      if (job.hold === null) organization.available += amount
      else {
        organization.held += amount
        job.hold += amount
      }
    }
  }
}

export function end(organization: Organization, job: Job, state: 'failed' | 'cancelled'): string {
  if (isFinal(job)) return 'refused'
  release(organization, job)
  stop(job)
  job.state = state
  job.refusal = null
  job.refusedAt = null
  return state
}

function stop(job: Job): void {
  for (const stage of job.stages) {
    stage.claim = null
    if (stage.state === 'running') stage.state = 'waiting'
  }
}

export function fail(organization: Organization, job: Job, stage: Stage, by: string | null): string {
  const may = by === null ? !isWorkedOn(stage) : stage.claim === by
  if (isFinal(job) || !may || stage.state === 'charged' || job.state === 'rejected_for_balance') return 'refused'
  return failNow(organization, job)
}

function failNow(organization: Organization, job: Job): string {
  if (!organization.paysForFailure) takeBack(organization, job)
  return end(organization, job, 'failed')
}

function isDue(job: Job, stage: Stage): boolean {
  const due = job.stages.find(isOpen)
  const expected = stage.step === 0 ? 'queued' : 'processing'
  return job.state === expected && !isStopping(job) && isOpen(stage) && due?.step === stage.step
}

export function claim(books: Books, organization: Organization, job: Job, stage: Stage, by: string): string {
  if (stage.state === 'charged') return 'settled'
  if (!isDue(job, stage)) {
    parkIfIdle(books, organization, job)
    return 'dead'
  }
  if (isWorkedOn(stage)) return 'busy'
  if (stage.starts >= STARTS_MAX) {
    fail(organization, job, stage, null)
    return 'dead'
  }
  Object.assign(stage, { claim: by, lives: true, state: 'running', starts: stage.starts + 1 })
  return 'granted'
}

export function keep(job: Job, stage: Stage, by: string | null): string {
  if (by === null || stage.claim !== by || !isDue(job, stage)) return 'stop'
  stage.lives = true
  return 'go_on'
}

export function letGo(
  books: Books,
  organization: Organization,
  job: Job,
  stage: Stage,
  { claim: by, isForNothing }: { claim: string | null; isForNothing: boolean },
): string {
  if (by === null) return 'let go'
  if (isForNothing) stage.absorbed += 1
  if (stage.claim === by) giveBack(stage)
  parkIfIdle(books, organization, job)
  return 'let go'
}
