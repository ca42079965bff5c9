import { describe, expect, it } from 'vitest'
import { DatabaseClock } from '../../src/database/money/database-clock.ts'
import { Memory } from '../../src/database/money/memory.ts'
import { namedRows } from '../../src/database/money/named-rows.ts'
import { Book } from '../../src/ledger/book.ts'
import type { Facts } from '../../src/ledger/facts.ts'
import { addJob, worldOf } from '../ledger/world-fixtures.ts'

/** A batch that read one organisation and one job of it, and changed nothing. */
function factsOf(
  index: number,
  organizationId = `org-${index}`,
  steps: readonly (readonly string[])[] = [],
  userId: string | null = null,
): Facts {
  const world = worldOf({ id: organizationId, available: 0n })
  addJob(world, `job-${index}`, { organizationId, steps, userId })
  const [organizations, jobs, stages] = [world.organizations, world.jobs, world.stages].map((rows) => [
    ...rows.values(),
  ]) as unknown as [Facts['organizations'], Facts['jobs'], Facts['stages']]
  const members = userId === null ? [] : [memberOf(organizationId, userId)]
  const none = { holds: [], counters: [], entries: [], featureCharges: [], answers: [], parkedUpTo: new Map() }
  return { now: world.now, organizations, jobs, stages, members, ...none }
}

function memberOf(organizationId: string, userId: string): Facts['members'][number] {
  const seat = { role: 'member', state: 'active', operation: 'op', charged: 0n, needed: null, missing: null } as const
  const limit = { spendingLimit: null, committed: 0n, committedPeriod: null }
  return { organizationId, userId, addedAt: 0, ...seat, ...limit }
}

function keep(memory: Memory, facts: Facts): void {
  const stamps = new Map(facts.organizations.map(({ id }) => [id, 'stamp']))
  memory.see(facts, stamps)
  memory.keep(facts, new Book(facts, new Map()).writes(), stamps)
}

const isKnown = (memory: Memory, index: number, organizationId = `org-${index}`): boolean =>
  memory.recall(namedRows([{ kind: 'cancel', organizationId, jobId: `job-${index}` }])) !== null

describe('the bounds of a memory', () => {
  it('ten thousand organisations are kept, those that were at work last', () => {
    const memory = new Memory(new DatabaseClock())
    for (let index = 0; index < 10_000; index += 1) keep(memory, factsOf(index))
    keep(memory, factsOf(0))
    expect([0, 1, 2, 9_999].map((index) => isKnown(memory, index))).toEqual([true, true, true, true])
    keep(memory, factsOf(10_000))
    expect([0, 1, 2, 10_000].map((index) => isKnown(memory, index))).toEqual([true, false, true, true])
  })

  it('eighty thousand stages are kept, of the jobs that were at work last', () => {
    const memory = new Memory(new DatabaseClock())
    const agents = Array.from({ length: 38 }, (_, index) => `a${index}`)
    for (let index = 0; index < 2_000; index += 1) keep(memory, factsOf(index, 'acme', [agents]))
    // What is kept again counts once.
    for (let again = 0; again < 3; again += 1) keep(memory, factsOf(0, 'acme', [agents]))
    expect([0, 1, 2].map((index) => isKnown(memory, index, 'acme'))).toEqual([true, true, true])
    keep(memory, factsOf(2_000, 'acme'))
    expect([0, 1, 2, 2_000].map((index) => isKnown(memory, index, 'acme'))).toEqual([true, false, true, true])
  })

  it('twenty thousand members are kept, those whose jobs were at work last, and a job only with its member', () => {
    const memory = new Memory(new DatabaseClock())
    const keepOf = (index: number): void => keep(memory, factsOf(index, 'acme', [], `user-${index}`))
    for (let index = 0; index < 20_000; index += 1) keepOf(index)
    keepOf(0)
    expect([0, 1, 19_999].map((index) => isKnown(memory, index, 'acme'))).toEqual([true, true, true])
    keepOf(20_000)
    expect([0, 1, 2, 20_000].map((index) => isKnown(memory, index, 'acme'))).toEqual([true, false, true, true])
    expect(
      memory.recall(namedRows([{ kind: 'cancel', organizationId: 'acme', jobId: 'job-2' }]))?.facts.members,
    ).toEqual([memberOf('acme', 'user-2')])
  })

  it('of a member that was known before its organisation was changed by others nothing is taken for true', () => {
    const memory = new Memory(new DatabaseClock())
    keep(memory, factsOf(1, 'acme', [], 'ann'))
    memory.forget(['acme'])
    keep(memory, { ...factsOf(1, 'acme', [], 'ann'), members: [] })
    expect(isKnown(memory, 1, 'acme')).toBe(false)
    keep(memory, factsOf(1, 'acme', [], 'ann'))
    expect(isKnown(memory, 1, 'acme')).toBe(true)
  })

  it('with an organisation its jobs are forgotten', () => {
    const memory = new Memory(new DatabaseClock())
    keep(memory, factsOf(1, 'acme'))
    keep(memory, factsOf(2, 'acme'))
    memory.forget(['acme'])
    expect(isKnown(memory, 1, 'acme')).toBe(false)
    keep(memory, factsOf(2, 'acme'))
    expect([1, 2].map((index) => isKnown(memory, index, 'acme'))).toEqual([false, true])
  })
})
