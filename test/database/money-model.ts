import {
  type Books,
  found,
  type Job,
  type Operation,
  type Organization,
  PRICES,
  SEATS_MAX,
  type Stage,
} from './money-model-terms.ts'

const STARTS_MAX = 5

const isFinal = ({ state }: Job): boolean => state === 'charged' || state === 'failed' || state === 'cancelled'
const isOpen = ({ state }: Stage): boolean => state === 'waiting' || state === 'running'
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
const NO_JOB = 'not-found'

/**
 * The money of some organisations as one would keep it on paper: no batches, no locks, no rows, its own arithmetic.
 * Every token has a whole price, so that nothing is ever rounded. Time is not modelled but as the order of things.
 *
 * @returns the answer of one operation that is done to the books, in words
 */
export function play(books: Books, operation: Operation): string {
  if ('organization' in operation) return playOnOrganization(books, operation)
  const job = found(books.jobs[operation.job])
  const organization = found(books.organizations[job.organization])
  if ('stage' in operation) return playOnStage(organization, job, operation)
  switch (operation.kind) {
    case 'admit':
      return admit(books, organization, job)
    case 'resume':
      return resume(organization, job) ? job.id : 'nothing'
    case 'complete':
      return complete(organization, job)
    case 'reverse':
      return reverse(organization, job)
    case 'cancel':
      return end(organization, job, 'cancelled')
  }
}

function playOnOrganization(books: Books, operation: Extract<Operation, { organization: string }>): string {
  const organization = found(books.organizations[operation.organization])
  switch (operation.kind) {
    case 'wake':
      return wake(books, organization)
    case 'add_member':
      return addMember(books, organization, operation.user)
    case 'remove_member':
      return removeMember(organization, operation.user)
    default:
      return pay(books, organization, operation)
  }
}

function playOnStage(organization: Organization, job: Job, operation: Extract<Operation, { stage: number }>): string {
  const stage = found(job.stages[operation.stage])
  switch (operation.kind) {
    case 'settle':
      return settle(organization, job, stage, operation.usage)
    case 'claim':
      return claim(organization, job, stage, operation.claim)
    case 'fail':
      return fail(organization, job, stage, operation.claim)
    case 'let_go':
      return letGo(job, stage, operation.claim)
  }
}

function admit(books: Books, organization: Organization, job: Job): string {
  if (job.state === 'processing' && job.stages[0]?.state === 'charged') return 'admitted'
  if (job.state === 'rejected_for_balance') return `refused ${job.refusal}`
  if (job.state === 'failed') return 'failed'
  if (job.state !== 'queued') return 'dead'
  const refusal = refusalOf(organization, needOf(job))
  if (refusal === null) {
    start(organization, job)
    return 'admitted'
  }
  if (job.runner === 'pipeline') {
    job.state = 'rejected_for_balance'
    job.refusal = refusal
    job.moment = books.moment
    stop(job)
  }
  return `refused ${refusal}`
}

const needOf = (job: Job): bigint => sum(job.stages.filter(isOpen).map(({ most }) => most))

function refusalOf({ available, overdraft, held }: Organization, needed: bigint): string | null {
  const missing = needed - available - overdraft
  if (missing <= 0n) return null
  return `${missing <= held ? 'held_by_others' : 'insufficient'} ${missing}`
}

function start(organization: Organization, job: Job): void {
  const hold = needOf(job)
  job.hold = hold
  organization.available -= hold
  organization.held += hold
  if (hold > 0n) organization.seq += 1
  job.state = 'processing'
  job.refusal = null
  const input = found(job.stages[0])
  if (isOpen(input)) charge(organization, job, input, [input.most])
}

function charge(organization: Organization, job: Job, stage: Stage, lines: readonly bigint[]): void {
  stage.state = 'charged'
  stage.claim = null
  stage.paid = lines.map((price) => {
    const left = found(job.hold)
    const amount = price < left ? price : left
    job.hold = left - amount
    organization.held -= amount
    job.charged += amount
    job.writtenOff += price - amount
    if (amount > 0n) organization.seq += 1
    if (price > amount) organization.seq += 1
    return amount
  })
}

function settle(organization: Organization, job: Job, stage: Stage, usage: readonly bigint[]): string {
  if (stage.state === 'charged') return `again ${sum(stage.paid)}`
  if (isFinal(job) || job.hold === null) return 'absorbed'
  charge(organization, job, stage, usage)
  if (job.runner === 'pipeline' && job.stages.every(({ state }) => state === 'charged')) {
    release(organization, job)
    job.state = 'charged'
  }
  return `settled ${sum(stage.paid)}`
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

function complete(organization: Organization, job: Job): string {
  if (job.runner !== 'own' || job.state !== 'processing') return NO_JOB
  const released = release(organization, job)
  stop(job)
  job.state = 'charged'
  return `released ${released}`
}

function reverse(organization: Organization, job: Job): string {
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

function end(organization: Organization, job: Job, state: 'failed' | 'cancelled'): string {
  if (isFinal(job)) return 'refused'
  release(organization, job)
  stop(job)
  job.state = state
  job.refusal = null
  return state
}

function stop(job: Job): void {
  for (const stage of job.stages) {
    stage.claim = null
    if (stage.state === 'running') stage.state = 'waiting'
  }
}

function fail(organization: Organization, job: Job, stage: Stage, by: string | null): string {
  const may = by === null ? stage.claim === null || !stage.lives : stage.claim === by
  if (isFinal(job) || !may || stage.state === 'charged') return 'refused'
  if (!organization.paysForFailure) takeBack(organization, job)
  return end(organization, job, 'failed')
}

function claim(organization: Organization, job: Job, stage: Stage, by: string): string {
  if (stage.state === 'charged') return 'settled'
  const due = job.stages.find(isOpen)
  const expected = stage.step === 0 ? 'queued' : 'processing'
  if (job.state !== expected || !isOpen(stage) || due?.step !== stage.step) return 'dead'
  if (stage.claim !== null && stage.lives) return 'busy'
  if (stage.starts >= STARTS_MAX) {
    fail(organization, job, stage, null)
    return 'dead'
  }
  Object.assign(stage, { claim: by, lives: true, state: 'running', starts: stage.starts + 1 })
  return 'granted'
}

function letGo(job: Job, stage: Stage, by: string | null): string {
  const expected = stage.step === 0 ? 'queued' : 'processing'
  if (by !== null && stage.claim === by && job.state === expected) stage.lives = false
  return 'let go'
}

/** Seats first, then parked jobs, the longest waiting first. */
function wake(books: Books, organization: Organization): string {
  const waiting = Object.entries(organization.members).filter(([, { state }]) => state === 'pending_payment')
  const members = waiting
    .toSorted(([a, first], [b, second]) => first.moment - second.moment || (a < b ? -1 : 1))
    .flatMap(([user]) => (takeSeat(organization, user) ? [user] : []))
  const parked = Object.values(books.jobs).filter(
    (job) => job.organization === organization.id && job.state === 'rejected_for_balance',
  )
  const resumed = parked
    .toSorted((a, b) => a.moment - b.moment || (a.id < b.id ? -1 : 1))
    .flatMap((job) => (resume(organization, job) ? [job.id] : []))
  return `woke ${members} ${resumed}`
}

function resume(organization: Organization, job: Job): boolean {
  if (job.state !== 'rejected_for_balance') return false
  job.refusal = refusalOf(organization, needOf(job))
  if (job.refusal !== null) return false
  start(organization, job)
  return true
}

type Payment = Extract<Operation, { reference: string }>

function pay(books: Books, organization: Organization, { kind, amount, reference }: Payment): string {
  const name = `${kind === 'top_up' ? 'top_up' : 'adjustment'} ${reference}`
  const terms = `${kind} ${amount}`
  const before = organization.payments[name]
  if (before) return before.terms === terms ? `again ${before.answer}` : 'reference-conflict'
  if (kind === 'debit' && amount > organization.available + organization.overdraft) return 'insufficient-balance'
  organization.available += kind === 'debit' ? -amount : amount
  organization.seq += 1
  const seq = organization.seq
  const answer = `${seq} ${wake(books, organization)}`
  organization.payments[name] = { terms, answer }
  return answer
}

function addMember(books: Books, organization: Organization, user: string): string {
  const { members } = organization
  const known = members[user]
  if (known && known.state !== 'removed') return `known ${known.state} ${known.charged}`
  const taken = Object.values(members).filter(({ state }) => state !== 'removed').length
  if (taken >= SEATS_MAX) return 'seat-limit'
  members[user] = { state: 'pending_payment', charged: 0n, moment: books.moment }
  takeSeat(organization, user)
  return `added ${members[user].state} ${members[user].charged}`
}

function takeSeat(organization: Organization, user: string): boolean {
  const member = found(organization.members[user])
  const isPaid = organization.seatsPaid > organization.seatsUsed
  const fee = isPaid ? 0n : PRICES.seat
  if (organization.seatsUsed >= SEATS_MAX || fee > organization.available + organization.overdraft) return false
  organization.available -= fee
  if (fee > 0n) organization.seq += 1
  if (!isPaid) organization.seatsPaid += 1
  organization.seatsUsed += 1
  Object.assign(member, { state: 'active', charged: fee })
  return true
}

function removeMember(organization: Organization, user: string): string {
  const member = organization.members[user]
  if (!member || member.state === 'removed') return 'not-found'
  if (member.state === 'active') organization.seatsUsed -= 1
  member.state = 'removed'
  return 'removed'
}
