import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JobState } from '../../src/ledger/states.ts'
import type { HoldMove, JobHistory } from '../../src/managers/job-history.ts'
import type { JobView } from '../../src/managers/job-view.ts'
import { type Moment, momentsSince, placeFromText, placeToText } from '../../src/pipeline/job-timeline.ts'

const HELD = 100n
const CHARGE = 7n

/** A job of some agents side by side, played step by step: what its rows say behind each step. */
class Played {
  readonly #stages: { stage: string; at: number | null }[]
  readonly #holds: { generation: number; at: number }[] = []
  readonly #moves: HoldMove[] = []
  #state: JobState = 'queued'
  #finishedAt: number | null = null

  constructor(agents: number) {
    const keys = Array.from({ length: agents }, (_, index) => `agent.a${index}`)
    this.#stages = ['input', ...keys, 'output'].map((stage) => ({ stage, at: null }))
  }

  get waiting(): readonly number[] {
    const open = this.#stages.flatMap(({ at }, index) => (at === null ? [index] : []))
    return open.length > 1 ? open.filter((index) => index < this.#stages.length - 1) : open
  }

  get state(): JobState {
    return this.#state
  }

  start(at: number): void {
    const generation = this.#holds.length + 1
    this.#state = 'processing'
    this.#holds.push({ generation, at })
    this.#moves.push({ kind: 'hold', at, amount: HELD, stage: null, generation })
    if (generation === 1) this.settle(0, at)
  }

  settle(index: number, at: number): void {
    const stage = this.#stages[index]
    if (!stage) return
    stage.at = at
    this.#moves.push({ kind: 'charge', at, amount: CHARGE, stage: stage.stage, generation: null })
    if (this.#stages.every((each) => each.at !== null)) this.#rest('charged', at)
  }

  park(at: number): void {
    this.#rest('rejected_for_balance', at)
  }

  end(state: 'failed' | 'cancelled', at: number): void {
    this.#rest(state, at)
  }

  #rest(state: JobState, at: number): void {
    if (this.#state === 'processing') {
      const generation = this.#holds.length
      this.#moves.push({ kind: 'release', at, amount: this.#left(), stage: null, generation })
    }
    this.#state = state
    this.#finishedAt = state === 'rejected_for_balance' ? null : at
  }

  #left(): bigint {
    return this.#moves.reduce((sum, { kind, amount }) => (kind === 'hold' ? sum + amount : sum - amount), 0n)
  }

  history(): JobHistory {
    const settled = this.#stages.filter(({ at }) => at !== null)
    const taken = this.#state === 'failed'
    const view: JobView = {
      ...{ id: 'job', organizationId: 'acme', userId: null, externalId: null, steps: [], currency: 'USD' },
      ...{ tariffId: null, tariffVersion: null, createdAt: new Date(0), failure: null, result: null },
      state: this.#state,
      stage: this.#stages.find(({ at }) => at === null)?.stage ?? null,
      held: this.#state === 'processing' ? this.#left() : 0n,
      charged: taken ? 0n : BigInt(settled.length) * CHARGE,
      rejection: null,
      finishedAt: this.#finishedAt === null ? null : new Date(this.#finishedAt),
      stages: this.#stages.map(({ stage, at }) => {
        const state = at === null ? ('waiting' as const) : taken ? ('reversed' as const) : ('charged' as const)
        return {
          stage,
          state,
          tokens: 0,
          charged: at === null ? 0n : CHARGE,
          result: null,
          finishedAt: at === null ? null : new Date(at),
        }
      }),
    }
    return structuredClone({ view, generation: this.#holds.length, holds: this.#holds, moves: this.#moves })
  }
}

/** Plays choices until the job ends or they do. @returns what the rows say behind each step, the first before any */
function play(agents: number, choices: readonly number[], step: (at: number) => number): readonly JobHistory[] {
  const job = new Played(agents)
  const histories = [job.history()]
  let at = 1_000
  for (const choice of choices) {
    at = step(at)
    if (['charged', 'failed', 'cancelled'].includes(job.state)) break
    if (choice % 17 === 0) job.end(choice % 2 === 0 ? 'cancelled' : 'failed', at)
    else if (job.state === 'rejected_for_balance') job.start(at)
    else if (choice % 5 === 0) job.park(at)
    else if (job.state === 'queued') job.start(at)
    else job.settle(job.waiting[choice % job.waiting.length] ?? 0, at)
    histories.push(job.history())
  }
  return histories
}

/** What a reader hears who looks at these moments, and comes back elsewhere behind each. */
function heardBy(looks: readonly JobHistory[]): readonly Moment[] {
  const heard: Moment[] = []
  let last: string | null = null
  for (const history of looks) {
    for (const moment of momentsSince(history, last === null ? null : placeFromText(last))) {
      heard.push(moment)
      last = placeToText(moment.place)
    }
  }
  return heard
}

const stories = { agents: fc.integer({ min: 0, max: 6 }), choices: fc.array(fc.nat(), { maxLength: 24 }) }
const looks = fc.infiniteStream(fc.boolean())
const textOf = ({ place }: Moment): string => placeToText(place)

describe('the timeline of a job', () => {
  it('is the same for who looks at each step and for who is away for some, but for rejections that are over', () => {
    fc.assert(
      fc.property(stories.agents, stories.choices, looks, (agents, choices, look) => {
        const histories = play(agents, choices, (at) => at + 5)
        const away = histories.filter((_, index) => index === 0 || index === histories.length - 1 || look.next().value)
        const [all, some] = [heardBy(histories), heardBy(away)]
        const seen = new Set(some.map(textOf))
        const wanted = all.filter((moment) => seen.has(textOf(moment)) || moment.job.state !== 'rejected_for_balance')
        expect(some.map(textOf)).toEqual(wanted.map(textOf))
        expect(some.map(({ job }) => job)).toEqual(wanted.map(({ job }) => job))
      }),
    )
  })

  it('tells each step once to who looks at each', () => {
    fc.assert(
      fc.property(stories.agents, stories.choices, (agents, choices) => {
        const histories = play(agents, choices, (at) => at + 5)
        const heard = heardBy(histories)
        expect(heard.map(({ job }) => job)).toEqual(histories.map(({ view }) => view))
        expect(new Set(heard.map(textOf)).size).toBe(heard.length)
      }),
    )
  })

  it('tells each stage once and ends where the job is, also where all happened in one millisecond', () => {
    fc.assert(
      fc.property(stories.agents, stories.choices, looks, (agents, choices, look) => {
        const histories = play(agents, choices, (at) => at)
        const away = histories.filter((_, index) => index === 0 || index === histories.length - 1 || look.next().value)
        const heard = heardBy(away)
        expect(new Set(heard.map(textOf)).size).toBe(heard.length)
        expect(heard.at(-1)?.job).toEqual(histories.at(-1)?.view)
        let settled = 0n
        for (const { place } of heard) {
          expect(place.settled & settled).toBe(settled)
          settled = place.settled
        }
      }),
    )
  })

  it('begins with the present for who names a place that this job cannot have been at', () => {
    const [, started] = play(2, [1], (at) => at + 5)
    if (!started) throw new Error('a story of one step has two looks')
    const foreign = ['2.1.processing', '1.3.processing', '1.1.charged', '1.2.processing', '0.0.failed']
    for (const text of foreign)
      expect(momentsSince(started, placeFromText(text)).map(textOf)).toEqual(['1.1.processing'])
    expect(momentsSince(started, placeFromText('1.1.processing'))).toEqual([])
    for (const text of ['', '1.1', '1.g.processing', '1.1.done', '-1.1.queued', `1.${'f'.repeat(21)}.queued`]) {
      expect(placeFromText(text)).toBeNull()
    }
  })
})
