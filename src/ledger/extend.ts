import { invariant } from '../foundation/invariant.ts'
import { mergeCounters, releaseGrants, reserveGrants } from '../pricing/counters.ts'
import type { Nano } from '../pricing/money.ts'
import { quoteStage, stageUpper } from '../pricing/quote.ts'
import type { StageBound } from '../pricing/usage.ts'
import type { Book } from './book.ts'
import type { Calls, Verdicts } from './calls.ts'
import type { HoldRow, JobRow, StageRow } from './facts.ts'
import { failJob } from './finish.ts'
import { refusalOf, unfinishedBounds } from './hold.ts'
import { businessKey } from './keys.ts'
import { parkedNow, refuseAt } from './park.ts'
import { commit } from './spending-limit.ts'
import { isStopping } from './states.ts'

type AgentBound = Extract<StageBound, { kind: 'agent' }>

/**
 * Holds more for a running stage that wants another model call than it bounded, before it makes that call. Refused, a
 * job of ours stops and is parked at this stage; an own job just hears it. Asked again, it answers what was decided.
 */
export function extend(book: Book, call: Calls['extend']): Verdicts['extend'] {
  const job = book.jobOf(call)
  const stage = book.stage(call.jobId, call.stage)
  if (!job || !stage) return { kind: 'dead', state: 'unknown' }
  const organization = book.organization(job.organizationId)
  const { currency } = organization
  if (job.rejection?.stage === stage.stage) {
    // A call whose answer was lost with its connection after COMMIT asks a job that was parked, or stops, by then.
    return { kind: 'refused', rejection: job.rejection, parked: parkedNow(job), currency }
  }
  if (job.failure) return { kind: 'failed', failure: job.failure }
  const hold = book.hold(job.id)
  const { bound } = stage
  const works = job.state === 'processing' && !isStopping(job) && isWorker(job, stage, call.claimId)
  if (!works || !hold || bound?.kind !== 'agent' || !bound.llm) return { kind: 'dead', state: job.state }
  const key = businessKey.extend(job.id, stage.stage, call.call)
  if (call.call <= bound.llm.calls) {
    return { kind: 'granted', calls: bound.llm.calls, extended: book.entry(key)?.amount ?? 0n, currency }
  }
  const larger: AgentBound = { ...bound, llm: { ...bound.llm, calls: call.call } }
  const more = priceMore(book, job, stage, hold, larger)
  if (job.maxCost !== null && job.charged + hold.remaining + more.amount > job.maxCost) {
    const detail = `max_cost does not cover model call ${call.call} of this stage; raise it or shorten the text`
    const failure = { code: 'max-cost-too-low', stage: stage.stage, detail } as const
    failJob(book, job, failure)
    return { kind: 'failed', failure }
  }
  // What the hold has left over from finished stages is this job's already: no balance and no freeze forbids it.
  const rejection = more.amount === 0n ? null : refusalOf(book, job, stage.stage, more.amount)
  if (rejection) {
    if (job.runner === 'own') return { kind: 'refused', rejection, parked: null, currency }
    const noted = { ...rejection, calls: call.call }
    const parked = refuseAt(book, job, stage, noted, book.now + call.parkedExpiresMs)
    return { kind: 'refused', rejection: job.rejection ?? noted, parked, currency }
  }
  more.reserve()
  stage.grants = more.grants
  book.setBound(stage, larger)
  enlargeHold(book, job, stage, hold, more.amount, key)
  return { kind: 'granted', calls: call.call, extended: more.amount, currency }
}

/** Whoever holds the claim; the one worker of an own job's platform needs none. */
function isWorker(job: JobRow, stage: StageRow, claimId: string | null): boolean {
  if (job.runner === 'own' && claimId === null) return stage.state === 'waiting' || stage.state === 'running'
  return stage.state === 'running' && stage.claimId === claimId
}

/**
 * What the larger bound costs beyond what is held: at most the price of the stage with it less the price without, and
 * less what finished stages left in the hold. A stage that used more than its bound is not made up for here. What is held
 * for the minimum of the job pays for its calls, too: they count towards it.
 */
function priceMore(book: Book, job: JobRow, stage: StageRow, hold: HoldRow, larger: AgentBound) {
  const { organizationId, tariffVersionId, periodStart } = job
  invariant(tariffVersionId !== null && periodStart !== null && stage.bound, 'a job that is processed was admitted')
  const tariff = book.tariff(tariffVersionId)
  const counters = book.counters(organizationId, tariff, periodStart)
  const released = releaseGrants(counters, stage.grants)
  const free = mergeCounters(counters, released)
  const { upper, grants } = quoteStage(tariff, stage.stage, larger, free)
  const ofStage = upper - stageUpper(tariff, stage.bound, stage.grants)
  let unfinished = upper
  for (const { stage: name, bound } of unfinishedBounds(book.stages(job.id))) {
    if (name !== stage.stage) unfinished += stageUpper(tariff, bound, book.stage(job.id, name)?.grants ?? {})
  }
  const ofJob = unfinished - hold.remaining
  const amount: Nano = ofJob < ofStage ? ofJob : ofStage
  const reserve = (): void => {
    const changes = mergeCounters(released, reserveGrants(free, grants))
    book.putCounters(organizationId, tariff, periodStart, changes)
  }
  return { amount: amount > 0n ? amount : 0n, grants, reserve }
}

function enlargeHold(book: Book, job: JobRow, stage: StageRow, hold: HoldRow, amount: Nano, key: string): void {
  if (amount === 0n) return
  hold.amount += amount
  hold.remaining += amount
  book.touchHold(hold)
  commit(book, job, amount)
  const of = { jobId: job.id, stage: stage.stage }
  book.post(book.organization(job.organizationId), {
    kind: 'extend',
    debit: 'available',
    credit: 'held',
    amount,
    key,
    ...of,
  })
}
