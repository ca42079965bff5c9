import type { EntityManager } from '@mikro-orm/postgresql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { type LedgerFilter, readLedger } from '../../src/managers/ledger-entries.ts'
import type { LedgerEntry } from '../../src/models/ledger-entry.model.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { storyOrganization, tellJob, tellMoney } from './billed-story.ts'

const SEED = 23
const HOURS = 14
/** So few entries are looked at for one part that every question takes several. */
const LOOKED_AT = 7

let world: World
let tollkeeper: Tollkeeper
let all: readonly LedgerEntry[]
beforeAll(async () => {
  world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
  const clock = new SettableClock('2026-03-01T00:00:00Z')
  tollkeeper = await world.open([], { clock })
  const random = seededRandom(SEED)
  for (const id of ['acme', 'other']) await storyOrganization(tollkeeper, id)
  for (let hour = 1; hour <= HOURS; hour += 1) {
    clock.set(`2026-03-01T${String(hour).padStart(2, '0')}:00:00Z`)
    for (const id of ['acme', 'other']) {
      await tellJob(tollkeeper, id, random)
      await tellMoney(tollkeeper, id, random)
    }
  }
  all = (await read((em) => readLedger(em, 'acme', { limit: 100_000, after: null }))).entries
})
afterAll(async () => {
  await expectBooksToBalance(world.database)
  await world.close()
})

const read = <T>(work: (em: EntityManager) => Promise<T>): Promise<T> => tollkeeper.inTransaction(work)
const hour = (number: number): number => Date.UTC(2026, 2, 1, number)

/** Every part of an answer, one after another, with how many there were. */
async function parts(filter: LedgerFilter, limit: number) {
  const seqs: number[] = []
  let [after, count]: [number | null, number] = [null, 0]
  do {
    const part = await read((em) => readLedger(em, 'acme', { ...filter, limit, after }, LOOKED_AT))
    expect(part.entries.length).toBeLessThanOrEqual(limit)
    if (part.next !== null) expect(part.next).toBeGreaterThan(after ?? 0)
    seqs.push(...part.entries.map(({ seq }) => seq))
    after = part.next
    count += 1
  } while (after !== null)
  return { seqs, count }
}

const wanted = ({ kind, jobId, from, to }: LedgerFilter): readonly number[] =>
  all
    .filter((entry) => (kind ?? entry.kind) === entry.kind && (jobId ?? entry.jobId) === entry.jobId)
    .filter(({ createdAt }) => createdAt.getTime() >= (from ?? 0) && createdAt.getTime() < (to ?? Infinity))
    .map(({ seq }) => seq)

describe('a ledger', () => {
  it('has no gaps, and is found whole in parts of any size', async () => {
    expect(all.length).toBeGreaterThan(60)
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
    for (const limit of [1, LOOKED_AT, 50]) expect((await parts({}, limit)).seqs).toEqual(wanted({}))
  })

  it.each<[string, LedgerFilter]>([
    ['of a kind', { kind: 'top_up' }],
    ['of a kind that is rare', { kind: 'plan_fee' }],
    ['of a kind that never was', { kind: 'feature' }],
    ['from a time', { from: hour(6) }],
    ['until a time', { to: hour(6) }],
    ['of one hour', { from: hour(6), to: hour(7) }],
    ['of a kind in a time', { kind: 'charge', from: hour(3), to: hour(11) }],
    ['from before its begin', { from: hour(-100) }],
    ['from after its end', { from: hour(100) }],
    ['until before its begin', { to: hour(-100) }],
    ['until after its end', { to: hour(100) }],
  ])('is found by those %s', async (_, filter) => {
    const expected = wanted(filter)
    for (const limit of [1, 3, 200]) expect((await parts(filter, limit)).seqs).toEqual(expected)
  })

  it('looks at no more entries for a part than it may, and says where to go on', async () => {
    const { entries, next } = await read((em) => {
      return readLedger(em, 'acme', { kind: 'feature', limit: 3, after: null }, LOOKED_AT)
    })
    expect([entries, next]).toEqual([[], LOOKED_AT])
    expect((await parts({ kind: 'feature' }, 3)).count).toBe(Math.ceil(all.length / LOOKED_AT))
    // Where a time begins is looked up: nothing in front of it is read.
    const late = await read((em) => readLedger(em, 'acme', { from: hour(HOURS), limit: 3, after: null }, LOOKED_AT))
    expect(late.entries[0]?.seq).toBe(wanted({ from: hour(HOURS) })[0])
  })

  it('is found by a job, none of whose entries lie in another ledger', async () => {
    const jobs = new Set(all.map(({ jobId }) => jobId).filter((id) => id !== null))
    expect(jobs.size).toBeGreaterThan(5)
    for (const jobId of jobs) expect((await parts({ jobId }, 2)).seqs).toEqual(wanted({ jobId }))
    const [jobId = null] = jobs
    const foreign = await read((em) => readLedger(em, 'other', { jobId, limit: 200, after: null }))
    expect(foreign.entries).toEqual([])
  })

  it('ends for a reader where it ended when he began', async () => {
    const first = await read((em) => readLedger(em, 'acme', { limit: 2, after: null }))
    expect(first.upTo).toBe(all.length)
    const question = { limit: 200, after: first.next, upTo: first.upTo - 1 }
    const rest = await read((em) => readLedger(em, 'acme', question))
    expect(rest.entries.map(({ seq }) => seq)).toEqual(wanted({}).slice(2, -1))
    expect(rest.next).toBeNull()
  })
})
