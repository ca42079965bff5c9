import { describe, expect, it } from 'vitest'
import { Book } from '../../src/ledger/book.ts'
import type { Delivery } from '../../src/ledger/calls.ts'
import { dueStages, planDelivery, planNext, plannedNext } from '../../src/ledger/delivery.ts'
import type { JobRow, StageRow } from '../../src/ledger/facts.ts'
import type { StageState } from '../../src/ledger/states.ts'
import { addJob, ORG, worldOf } from './world-fixtures.ts'

interface Scene {
  readonly book: Book
  readonly job: JobRow
  readonly row: (stage: string) => StageRow
  readonly settle: (...stages: readonly string[]) => void
}

/** A job in `processing` whose input is settled; `states` says which of its stages are something else than waiting. */
function scene(
  steps: JobRow['steps'],
  states: Readonly<Record<string, StageState>> = {},
  runner: JobRow['runner'] = 'pipeline',
): Scene {
  const world = worldOf()
  const job = { ...world.job(addJob(world, 'j', { steps, runner })), state: 'processing' as const }
  const stages = world.stagesOf('j').map((row) => ({ ...row, state: states[row.stage] ?? row.state }))
  const facts = world.facts([{ kind: 'cancel', organizationId: ORG, jobId: 'j' }])
  const book = new Book({ ...facts, jobs: [job], stages }, world.tariffs)
  const row = (stage: string): StageRow => stages.find((item) => item.stage === stage) as StageRow
  const settle = (...names: readonly string[]): void => {
    for (const name of names) row(name).state = 'charged'
  }
  settle('input')
  return { book, job, row, settle }
}

/** `a.1 b.1 > output.1`: the stages with their deliveries, and the parent that waits for them. */
function written(delivery: Delivery | null): string | null {
  if (delivery === null) return null
  const stages = delivery.stages.map((item) => `${item.stage}.${item.delivery}`).join(' ')
  return delivery.parent ? `${stages} > ${delivery.parent.stage}.${delivery.parent.delivery}` : stages
}

describe('a delivery', () => {
  it.each<[string, JobRow['steps'], Record<string, StageState>, string | null]>([
    ['a job without agents', [], {}, 'output.2'],
    ['a single agent', [['a']], {}, 'agent.a.2'],
    ['two agents, with the output behind them', [['a', 'b']], {}, 'agent.a.2 agent.b.2 > output.2'],
    ['two agents, with a single one behind them', [['a', 'b'], ['c']], {}, 'agent.a.2 agent.b.2 > agent.c.2'],
    [
      'two agents before two',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      {},
      'agent.a.2 agent.b.2',
    ],
    ['one agent before two', [['a'], ['b', 'c']], {}, 'agent.a.2'],
    ['what is left of a step', [['a', 'b', 'c']], { 'agent.b': 'charged' }, 'agent.a.2 agent.c.2 > output.2'],
    ['the last one of a step', [['a', 'b']], { 'agent.a': 'charged' }, 'agent.b.2'],
    ['a stage that runs', [['a', 'b']], { 'agent.a': 'running' }, 'agent.a.2 agent.b.2 > output.2'],
    ['nothing of what is settled', [['a']], { 'agent.a': 'charged', output: 'charged' }, null],
  ])('takes %s', (_what, steps, states, expected) => {
    const { book, job } = scene(steps, states)
    expect(written(planDelivery(book, job))).toBe(expected)
  })

  it('sets the stages that are due to be looked at, not the parent that waits for them', () => {
    const { book, job, row } = scene([['a', 'b']])
    expect(planDelivery(book, job)).toMatchObject({ jobId: 'j', organizationId: ORG })
    expect([row('agent.a').checkAt, row('output').checkAt]).toEqual([book.now + 5_000, null])
    expect(
      book
        .writes()
        .stages.map((stage) => stage.stage)
        .sort(),
    ).toEqual(['agent.a', 'agent.b', 'output'])
  })

  it('gives every stage of a job a number that none had before', () => {
    const { book, job, row, settle } = scene([
      ['a', 'b'],
      ['c', 'd'],
    ])
    planDelivery(book, job)
    expect(written(planDelivery(book, job))).toBe('agent.a.3 agent.b.3')
    settle('agent.a', 'agent.b')
    expect(written(planNext(book, job, row('agent.b')))).toBe('agent.c.4 agent.d.4 > output.4')
  })

  it('is none for an own job, whose platform has a worker of its own', () => {
    const { book, job, row, settle } = scene([['a'], ['b']], {}, 'own')
    expect(planDelivery(book, job)).toBeNull()
    settle('agent.a')
    expect([planNext(book, job, row('agent.a')), plannedNext(book, job, row('agent.a'))]).toEqual([null, null])
    expect(book.writes().stages).toEqual([])
  })
})

describe('what is due', () => {
  it('is the unfinished part of the first step that is not settled', () => {
    const { book, settle } = scene([['a', 'b'], ['c']], { 'agent.b': 'running' })
    const due = (): readonly string[] => dueStages(book.stages('j')).map((stage) => stage.stage)
    expect(due()).toEqual(['agent.a', 'agent.b'])
    settle('agent.a')
    expect(due()).toEqual(['agent.b'])
    settle('agent.b')
    expect(due()).toEqual(['agent.c'])
    settle('agent.c', 'output')
    expect(due()).toEqual([])
  })
})

describe('what follows a settled stage', () => {
  it('is nothing while a sibling works', () => {
    const { book, job, row, settle } = scene([['a', 'b']])
    planDelivery(book, job)
    settle('agent.a')
    expect([planNext(book, job, row('agent.a')), plannedNext(book, job, row('agent.a'))]).toEqual([null, null])
  })

  it('is nothing, either, while several siblings work: none of them is delivered twice', () => {
    const { book, job, row, settle } = scene([['a', 'b', 'c']])
    planDelivery(book, job)
    settle('agent.a')
    expect(planNext(book, job, row('agent.a'))).toBeNull()
    expect(['agent.b', 'agent.c', 'output'].map((stage) => row(stage).delivery)).toEqual([2, 2, 2])
  })

  it('is nothing to enqueue where the next stage came along as the parent of a flow; the sweep looks after it', () => {
    const { book, job, row, settle } = scene([['a', 'b']])
    planDelivery(book, job)
    settle('agent.a', 'agent.b')
    expect([planNext(book, job, row('agent.b')), plannedNext(book, job, row('agent.b'))]).toEqual([null, null])
    expect(row('output')).toMatchObject({ delivery: 2, checkAt: book.now + 5_000 })
  })

  it('is a fresh delivery in a chain, and the same one to whoever asks again', () => {
    const { book, job, row, settle } = scene([['a']])
    expect(written(planDelivery(book, job))).toBe('agent.a.2')
    expect(written(plannedNext(book, job, row('input')))).toBe('agent.a.2')
    settle('agent.a')
    expect(written(planNext(book, job, row('agent.a')))).toBe('output.3')
    expect(written(plannedNext(book, job, row('agent.a')))).toBe('output.3')
    expect(row('output').delivery).toBe(3)
  })

  it('is the planned flow again after one agent, parent and all', () => {
    const { book, job, row, settle } = scene([['a'], ['b', 'c']])
    planDelivery(book, job)
    settle('agent.a')
    expect(written(planNext(book, job, row('agent.a')))).toBe('agent.b.3 agent.c.3 > output.3')
    expect(written(plannedNext(book, job, row('agent.a')))).toBe('agent.b.3 agent.c.3 > output.3')
  })

  it('is left to the sweep where the next step is partly settled, since a parent must not get another child set', () => {
    const { book, job, row, settle } = scene([['a'], ['b', 'c']])
    planDelivery(book, job)
    settle('agent.a')
    planNext(book, job, row('agent.a'))
    settle('agent.b')
    expect(plannedNext(book, job, row('agent.a'))).toBeNull()
  })

  it('is a fresh delivery where the last sibling was delivered again without the flow', () => {
    const { book, job, row, settle } = scene([['a', 'b']])
    planDelivery(book, job)
    settle('agent.a')
    expect(written(planDelivery(book, job))).toBe('agent.b.3')
    settle('agent.b')
    expect(written(planNext(book, job, row('agent.b')))).toBe('output.4')
  })

  it('is nothing when the job stands still', () => {
    const { book, job, row } = scene([['a']])
    planDelivery(book, job)
    job.state = 'rejected_for_balance'
    expect(plannedNext(book, job, row('input'))).toBeNull()
  })
})
