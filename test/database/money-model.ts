import {
  admit,
  claim,
  complete,
  end,
  extend,
  fail,
  keep,
  letGo,
  parkIfIdle,
  resume,
  reverse,
  settle,
} from './money-model-jobs.ts'
import {
  type Books,
  found,
  type Job,
  type Operation,
  type Organization,
  PAGES_FREE,
  PRICES,
  SEATS_MAX,
} from './money-model-terms.ts'

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
  if ('stage' in operation) return playOnStage(books, organization, job, operation)
  switch (operation.kind) {
    case 'admit':
      return admit(
        books,
        organization,
        job,
        job.stages.map(({ full }) => full),
      )
    case 'resume':
      return resume(organization, job, true) ? job.id : 'nothing'
    case 'complete':
      return complete(organization, job)
    case 'reverse':
      return reverse(organization, job)
    case 'cancel':
      return end(organization, job, 'cancelled')
    case 'redeliver':
      parkIfIdle(books, organization, job)
      return 'delivered'
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
    case 'feature':
      return chargePages(organization, operation.pages, operation.key)
    default:
      return pay(books, organization, operation)
  }
}

function playOnStage(
  books: Books,
  organization: Organization,
  job: Job,
  operation: Extract<Operation, { stage: number }>,
): string {
  const stage = found(job.stages[operation.stage])
  switch (operation.kind) {
    case 'settle':
      return settle(books, organization, job, stage, operation.usage)
    case 'claim':
      return claim(books, organization, job, stage, operation.claim)
    case 'keep':
      return keep(job, stage, operation.claim)
    case 'extend':
      return extend(books, organization, job, stage, operation)
    case 'fail':
      return fail(organization, job, stage, operation.claim)
    case 'let_go':
      return letGo(books, organization, job, stage, operation)
    case 'lapse':
      stage.lives = false
      return 'lapsed'
  }
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
    .flatMap((job) => {
      // Many at once are woken without a look at what they were charged: one that has charges fails when it is alone.
      const isCharged = job.stages.some(({ state }) => state === 'charged')
      return resume(organization, job, !isCharged) ? [job.id] : []
    })
  return `woke ${members} ${resumed}`
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

function chargePages(organization: Organization, pages: number, key: string): string {
  const name = `feature ${key}`
  const terms = `${pages}`
  const before = organization.payments[name]
  if (before) return before.terms === terms ? `again ${before.answer}` : 'reference-conflict'
  const free = Math.min(pages, Math.max(0, PAGES_FREE - organization.pages))
  const amount = BigInt(pages - free) * PRICES.page
  if (amount > organization.available + organization.overdraft) return 'insufficient-balance'
  organization.pages += pages
  organization.available -= amount
  if (amount > 0n) organization.seq += 1
  const answer = `${amount > 0n ? organization.seq : null} charged ${amount}`
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
