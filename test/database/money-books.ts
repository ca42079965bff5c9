import { isDeepStrictEqual } from 'node:util'
import type { TestDatabase } from '../support/postgres.ts'
import { play } from './money-model.ts'
import { type Books, found, type Operation } from './money-model-terms.ts'

/** What stands in the books of some organisations; amounts as text. */
export interface View {
  readonly organizations: readonly unknown[]
  readonly jobs: readonly { readonly id: string; readonly stages: readonly (readonly unknown[])[] }[]
  readonly members: readonly unknown[]
}

const ORGANIZATIONS = `
select organization_id as id, available::text, held::text, seq::int, seats_used, seats_paid,
  coalesce((select sum(c.used)::int from tollkeeper.usage_counters c
    where c.organization_id = b.organization_id and c.component = 'pages'), 0) as pages
from tollkeeper.organization_balances b where organization_id = any ($1) order by 1`
const JOBS = `
select j.id, j.state, (case when j.state <> 'processing' then j.charged else (
    select sum(s.charged) from tollkeeper.job_stages s where s.job_id = j.id) end)::text as charged, j.reversed::text, j.released::text, j.written_off::text,
  (select h.remaining::text from tollkeeper.holds h where h.job_id = j.id and h.state = 'open') as hold,
  (j.rejection ->> 'reason') || ' ' || (j.rejection ->> 'missing') as refusal,
  (select json_agg(json_build_array(s.stage, s.state, s.charged::text, s.absorbed) order by s.position, s.stage)
    from tollkeeper.job_stages s where s.job_id = j.id) as stages
from tollkeeper.jobs j where j.organization_id = any ($1) order by 1`
const MEMBERS = `
select organization_id, user_id, state, charged::text from tollkeeper.team_members
where organization_id = any ($1) order by 1, 2`
const STAGES = `
update tollkeeper.job_stages
set claimed_until = case when claimed_until > now() then now() + interval '1 hour' else claimed_until end
where job_id = any ($1) returning job_id, stage, absorbed`
const WAITING = `
select 'job' as what, id::text, dense_rank() over (order by parked_at)::int as moment from tollkeeper.jobs
where organization_id = any ($1) and state = 'rejected_for_balance'
union all
select 'member', organization_id || ' ' || user_id, dense_rank() over (order by added_at)::int
from tollkeeper.team_members where organization_id = any ($1) and state = 'pending_payment'`

export async function storedView({ query }: TestDatabase, books: Books): Promise<View> {
  const ids = [Object.keys(books.organizations)]
  return {
    organizations: await query(ORGANIZATIONS, ids),
    jobs: await query(JOBS, ids),
    members: await query(MEMBERS, ids),
  }
}

export function viewOf(books: Books): View {
  const organizations = sorted(Object.values(books.organizations), ({ id }) => id)
  return {
    organizations: organizations.map(({ id, available, held, seq, seatsUsed, seatsPaid, pages }) => {
      const seats = { seats_used: seatsUsed, seats_paid: seatsPaid }
      return { id, available: `${available}`, held: `${held}`, seq, ...seats, pages }
    }),
    jobs: sorted(Object.values(books.jobs), ({ id }) => id).map((job) => ({
      id: job.id,
      state: job.state,
      charged: `${job.charged}`,
      reversed: `${job.reversed}`,
      released: `${job.released}`,
      written_off: `${job.writtenOff}`,
      hold: job.hold === null ? null : `${job.hold}`,
      refusal: job.refusal,
      stages: job.stages.map(({ name, state, paid, absorbed }) => {
        return [name, state, `${paid.reduce((a, b) => a + b, 0n)}`, absorbed]
      }),
    })),
    members: organizations.flatMap(({ id, members }) =>
      sorted(Object.entries(members), ([user]) => user).map(([user, { state, charged }]) => {
        return { organization_id: id, user_id: user, state, charged: `${charged}` }
      }),
    ),
  }
}

const sorted = <T>(rows: readonly T[], keyOf: (row: T) => string): readonly T[] =>
  rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))

/**
 * Takes over in which order jobs and members began to wait, and what was counted as absorbed, and keeps living claims
 * alive: of time and of lost connections the model knows nothing.
 */
export async function followTime({ query }: TestDatabase, books: Books): Promise<void> {
  const stages = await query<{ job_id: string; stage: string; absorbed: number }>(STAGES, [Object.keys(books.jobs)])
  for (const { job_id: job, stage, absorbed } of stages) {
    found(found(books.jobs[job]).stages.find(({ name }) => name === stage)).absorbed = absorbed
  }
  const rows = await query<{ what: string; id: string; moment: number }>(WAITING, [Object.keys(books.organizations)])
  for (const { what, id, moment } of rows) {
    const [organization = '', user = ''] = id.split(' ')
    const waiting = what === 'job' ? books.jobs[id] : books.organizations[organization]?.members[user]
    found(waiting).moment = moment
    books.moment = Math.max(books.moment, moment)
  }
}

/** An operation that was asked, and its answer; null: whether it was done was not told. */
export interface Told {
  readonly operation: Operation
  readonly answer: string | null
}

/**
 * The books after operations that were asked at once, if the answers and what is stored are those of *some* order of
 * them, each done whole. What was not answered may have been done or not.
 * @param countsAbsorbed whether every work for nothing was counted: a call that was made again counts none
 * @returns those books; or, where no order explains what is seen, the books of the order in which they were asked
 */
export function explain(
  books: Books,
  asked: readonly Told[],
  seen: View,
  countsAbsorbed: boolean,
): { readonly books: Books; readonly answers: readonly string[]; readonly explained: boolean } {
  const compared = (view: View): View => (countsAbsorbed ? view : withoutAbsorbed(view))
  const expected = compared(seen)
  for (const order of ordersOf(asked)) {
    for (const atOnce of asked.length > 1 ? [true, false] : [false]) {
      const outcome = playAll(books, order, atOnce)
      const answered = order.every(({ answer }, index) => answer === null || answer === outcome.answers[index])
      if (answered && isDeepStrictEqual(compared(viewOf(outcome.books)), expected))
        return { ...outcome, explained: true }
    }
  }
  return { ...playAll(books, asked, true), explained: false }
}

function withoutAbsorbed({ jobs, ...view }: View): View {
  return { ...view, jobs: jobs.map((job) => ({ ...job, stages: job.stages.map((stage) => stage.slice(0, 3)) })) }
}

function playAll(books: Books, asked: readonly Told[], atOnce: boolean) {
  const after = structuredClone(books)
  after.moment += 1
  const answers = asked.map(({ operation }) => {
    if (!atOnce) after.moment += 1
    return play(after, operation)
  })
  return { books: after, answers }
}

/** Every order of every choice of what was done; the one that was asked comes first. */
function* ordersOf(asked: readonly Told[]): Generator<readonly Told[]> {
  for (const done of choicesOf(asked)) yield* permutationsOf(done)
}

function* choicesOf([first, ...rest]: readonly Told[]): Generator<readonly Told[]> {
  if (!first) return yield []
  for (const others of choicesOf(rest)) {
    yield [first, ...others]
    if (first.answer === null) yield others
  }
}

function* permutationsOf(asked: readonly Told[]): Generator<readonly Told[]> {
  if (asked.length < 2) return yield asked
  for (const [index, first] of asked.entries()) {
    for (const rest of permutationsOf(asked.toSpliced(index, 1))) yield [first, ...rest]
  }
}
