import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { newId } from '../../src/foundation/ids.ts'
import { formatAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { explain, followTime, storedView, viewOf } from './money-books.ts'
import { type Books, type Job, type Organization, SEATS_MAX } from './money-model-terms.ts'
import {
  type Asked,
  askedOf,
  COMPONENTS,
  type JobPlan,
  jobPlans,
  type Moment,
  moments,
  openingsOf,
  SEAT_PRICE,
  stagesOf,
  stretchesOf,
} from './money-operations.ts'
import { type Claims, perform } from './money-perform.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const RUNS = Number(process.env.RUNS ?? 20)
/** A long hunt ends with the first failure; run again with its seed alone, it looks for a shorter one. */
const IS_HUNT = process.env.RUNS !== undefined
/** The quick part does what a busy machine does in that time. */
const LIMIT_MS = IS_HUNT ? 60_000 + RUNS * 4_000 : 18_000
const OVERDRAFT = 150n
/** Enough for some of the jobs. */
const FUNDS = 800n
/** Of a job of the second organisation: of one agent it is more than some may use, and mostly more than they do use. */
const MINIMUM = 260n

interface Real {
  readonly world: World
  readonly processes: readonly [Tollkeeper, Tollkeeper]
  readonly plans: ReadonlyMap<string, JobPlan>
  readonly claims: Claims
}

/** The model as fast-check passes it on: it is replaced whole by what explains the last moment. */
interface Model {
  books: Books
}

/** Asks all at once, and looks whether some order of them explains what was answered and what is stored. */
async function ask(
  model: Model,
  { world: { database }, processes, plans, claims }: Real,
  asked: readonly Asked[],
  { spread, cut }: Pick<Moment, 'spread' | 'cut'>,
): Promise<void> {
  const asking = asked.map((each, index) => {
    const tollkeeper = processes[spread && index % 2 === 1 ? 1 : 0]
    return perform({ database, tollkeeper }, plans, claims, each, model.books)
  })
  if (cut) await database.cutConnections('tollkeeper money')
  const answers = await Promise.allSettled(asking)
  const told = asked.map(({ operation }, index) => {
    const answer = answers[index]
    // Two who cancel at once may both hear that they did, if one of them had to ask twice.
    if (!cut && answer?.status === 'rejected') throw answer.reason
    return { operation, answer: cut || answer?.status !== 'fulfilled' ? null : answer.value }
  })
  const seen = await storedView(database, model.books)
  const outcome = explain(model.books, told, seen, !cut)
  if (!outcome.explained) {
    const what = JSON.stringify(asked, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect({ answers: told.map(({ answer }) => answer), seen }, what).toEqual({
      answers: outcome.answers,
      seen: viewOf(outcome.books),
    })
    expect.fail(`no order explains ${what}`)
  }
  model.books = outcome.books
  await followTime(database, model.books)
}

class Ask implements fc.AsyncCommand<Model, Real> {
  readonly #moment: Moment

  constructor(moment: Moment) {
    this.#moment = moment
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    const asked = this.#moment.drafts.map((draft) => askedOf(model.books, draft))
    await ask(model, real, asked, this.#moment)
  }

  toString(): string {
    return JSON.stringify(this.#moment)
  }
}

describe('the money, under random operations on a real database', () => {
  let world: World
  let processes: readonly [Tollkeeper, Tollkeeper]
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    processes = [await world.open(), await world.open()]
  })
  afterAll(() => world.close())

  /** Two organisations of a run's own: one that pays for what finished before a failure, one that may overdraw. */
  async function openBooks(jobs: readonly JobPlan[]): Promise<{ model: Model; real: Real }> {
    const ids = [newId(), newId()] as const
    const [tollkeeper] = processes
    const organizations: Record<string, Organization> = {}
    for (const [index, id] of ids.entries()) {
      const chargeOnFailure = index === 0 ? 'finished_stages' : 'none'
      const minimumPerJob = formatAmount(index === 0 ? 0n : MINIMUM)
      const terms = { memberPrice: SEAT_PRICE, minimumPerJob, maxTeamMembers: SEATS_MAX, chargeOnFailure } as const
      await fundedOrganization(tollkeeper, id, formatAmount(FUNDS), COMPONENTS, terms)
      const overdraft = index === 0 ? 0n : OVERDRAFT
      await tollkeeper.inTransaction((em) => tollkeeper.organizations.update(em, id, { overdraftLimit: overdraft }))
      const money = {
        available: FUNDS,
        held: 0n,
        seq: 1,
        seatsUsed: 0,
        seatsPaid: 0,
        pages: 0,
        members: {},
        payments: {},
      }
      organizations[id] = { id, overdraft, paysForFailure: index === 0, ...money }
    }
    // A period of a thousand years: a seat costs its whole price, whenever in the test it is taken.
    await world.database.query(
      `update tollkeeper.organizations set period_start = now(), period_end = now() + interval '1000 years'
       where id = any ($1)`,
      [ids],
    )
    const plans = new Map<string, JobPlan>()
    const books: Books = { organizations, jobs: {}, moment: 0 }
    for (const plan of jobs) {
      const job = await storeJob(tollkeeper, ids[plan.organization === 0 ? 0 : 1], plan)
      plans.set(job.id, plan)
      books.jobs[job.id] = job
    }
    return { model: { books }, real: { world, processes, plans, claims: new Map() } }
  }

  it(
    'is what a model says that knows no batches: each answer and each row, after every operation',
    async () => {
      console.info(`SEED=${SEED} RUNS=${RUNS}`)
      const moment = moments.map((each) => new Ask(each))
      await fc.assert(
        fc.asyncProperty(
          jobPlans,
          fc.constantFrom('new', 'at work', 'at work', 'short of money'),
          fc.commands([moment], { maxCommands: 40, size: 'max' }),
          async (jobs, beginning, commands) => {
            const { model, real } = await openBooks(jobs)
            const alone = { spread: false, cut: false }
            if (beginning !== 'new') for (const asked of openingsOf(model.books)) await ask(model, real, asked, alone)
            if (beginning === 'short of money') {
              for (const asked of stretchesOf(model.books)) await ask(model, real, asked, alone)
            }
            await fc.asyncModelRun(() => ({ model, real }), commands)
            for (const organizationId of Object.keys(model.books.organizations)) {
              const { ok, violations, entries } = await processes[0].verifier.verify({ organizationId })
              expect({ ok, violations }).toEqual({ ok: true, violations: [] })
              expect(entries).toBe(model.books.organizations[organizationId]?.seq)
            }
          },
        ),
        { seed: SEED, numRuns: RUNS, endOnFailure: IS_HUNT, interruptAfterTimeLimit: LIMIT_MS },
      )
      await expectBooksToBalance(world.database)
    },
    2 * LIMIT_MS + 30_000,
  )
})

async function storeJob({ inTransaction, jobs }: Tollkeeper, organizationId: string, plan: JobPlan): Promise<Job> {
  const { runner, steps, maxCost } = plan
  const nobody = { userId: null, externalId: null, key: null }
  const text = runner === 'own' ? null : 'text'
  const { id } = await inTransaction((em) =>
    jobs.create(em, { organizationId, runner, steps, text, maxCost, ...nobody }),
  )
  const nothing = { paid: [], claim: null, lives: false, starts: 0, absorbed: 0, extensions: {} }
  const stages = stagesOf(plan).map(({ stage, step, bound }) => {
    return { name: stage, step, bound, full: { ...bound }, state: 'waiting' as const, ...structuredClone(nothing) }
  })
  const minimum = plan.organization === 0 ? 0n : MINIMUM
  const money = { hold: null, charged: 0n, reversed: 0n, released: 0n, writtenOff: 0n, maxCost, minimum }
  const refusal = { refusal: null, refusedAt: null }
  return { id, organization: organizationId, runner, stages, state: 'queued', moment: 0, ...money, ...refusal }
}
