import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'vitest'
import { Batcher } from '../../src/database/money/batcher.ts'
import { bytesOf, walks } from '../../src/database/money/call-size.ts'
import type { LanePlace, LaneTime } from '../../src/database/money/lane.ts'
import type { BatchBounds, WaitingBounds } from '../../src/database/money/waiting-calls.ts'
import { OutdatedFacts, UnansweredCommit } from '../../src/database/retry.ts'
import type { Call, Verdict } from '../../src/ledger/calls.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'

const BATCH: BatchBounds = { calls: 5, bytes: 4_000, rows: 210, whole: 2, behind: 1 }
const WAITING: WaitingBounds = { calls: 24, bytes: 20_000 }
const ORGANIZATIONS = ['hot', 'hot', 'hot', 'a', 'b', 'c', 'd', 'e']
/** A transaction that ends so was rolled back, or lost its answer: nobody can say which. */
const PASSING = ['40P01', '40001', '55P03', '57P01', '08006', 'ECONNRESET']
const LOST = ['57P01', '08006', 'ECONNRESET']
const POISON = 'poison'
const NOWHERE: LanePlace = { lane: 0, sent: () => undefined }

interface Made {
  readonly key: string
  readonly number: number
  readonly call: Call
  begun: boolean
  answers: number
  verdict: { of?: string } | undefined
  error: Error | undefined
}

interface Transaction {
  readonly lane: number
  readonly made: readonly Made[]
  readonly calls: readonly Call[]
  readonly commit: () => void
  readonly fail: (error: Error) => void
  /** Lets the next one be sent behind it. */
  readonly sent: () => void
  /** What the failure of one ahead makes of it. */
  fate: 'outdated' | 'lost' | 'untouched' | undefined
}

/**
 * A batcher in a world where a seed decides when a transaction ends and how, when calls come, and when time passes. What
 * is stored is a map of keys: an effect that is there is found, and not made again, as the money statements do it. A lane's
 * transactions are on one connection: they end in their order, one behind a failed one of the same organisation has been
 * decided on what never came to be, and a lost connection loses both answers.
 */
export class BatcherWorld {
  readonly #random: SeededRandom
  readonly #lanes: number
  readonly #batcher: Batcher
  readonly #made: Made[] = []
  readonly #byKey = new Map<string, Made>()
  readonly #open: Transaction[] = []
  readonly #pauses: (() => void)[] = []
  readonly #drains: Promise<void>[] = []
  #alarms: (() => void)[] = []
  #outage = false
  /** The keys of what was stored, in the order of their commits. */
  readonly #stored: string[] = []
  /** What went wrong inside of a transaction, where an assertion would only be one more database error. */
  readonly #wrong: string[] = []
  /** How often each end was met, since a schedule that never meets it proves nothing about it. */
  readonly ends = { done: 0, untouched: 0, poisoned: 0, unknown: 0, found: 0, followed: 0, outdated: 0 }

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#lanes = 1 + this.#random.below(3)
    const time: LaneTime = {
      pause: () => new Promise((resolve) => this.#pauses.push(resolve)),
      later: (_, action) => void this.#alarms.push(action),
    }
    const options = { lanes: this.#lanes, batch: BATCH, waiting: WAITING, deadlineMs: 1, time }
    this.#batcher = new Batcher((calls, from) => this.#transact(calls, from), options)
  }

  /** Something happens, and whatever follows from it at once. */
  async step(): Promise<void> {
    const dice = this.#random.below(100)
    if (this.#random.chance(4)) this.#outage = !this.#outage
    if (dice < 30) for (let count = 1 + this.#random.below(8); count > 0; count -= 1) this.#callSomething()
    else if (dice < 65) this.#endTransaction(true)
    else if (dice < 70) this.#open[this.#random.below(this.#open.length)]?.sent()
    else if (dice < 92) this.#pauses.shift()?.()
    else if (dice < 96) this.#ring()
    else this.#drain()
    await turn()
    await turn()
    expect(this.#waiting(), 'calls that wait').toBeLessThanOrEqual(1.5 * WAITING.calls * this.#lanes)
  }

  /** Lets everything come to its end, without new faults. */
  async finish(): Promise<void> {
    this.#drain()
    for (let steps = 0; this.#made.some(({ answers }) => answers === 0); steps += 1) {
      if (steps > 10_000) throw new Error(`${this.#waiting()} calls wait for ever`)
      this.#endTransaction(false)
      this.#pauses.shift()?.()
      await turn()
    }
    await Promise.all(this.#drains)
  }

  /** What must hold of every schedule. */
  check(): void {
    expect(this.#wrong).toEqual([])
    expect(this.#open, 'transactions that nobody waits for').toHaveLength(0)
    expect(new Set(this.#stored).size, 'each effect once').toBe(this.#stored.length)
    const stored = new Set(this.#stored)
    for (const made of this.#made) this.#checkAnswer(made, stored.has(made.key))
    for (const organization of new Set(ORGANIZATIONS)) {
      for (const keeps of [true, false]) {
        const of = this.#stored.flatMap((key) => this.#byKey.get(key) ?? [])
        const numbers = of
          .filter(({ call }) => call.organizationId === organization && (call.kind === 'keep') === keeps)
          .map(({ number }) => number)
        expect(numbers, `the order of ${organization}`).toEqual(numbers.toSorted((a, b) => a - b))
      }
    }
  }

  #checkAnswer({ key, begun, answers, verdict, error }: Made, stored: boolean): void {
    expect(answers, `answers to ${key}`).toBe(1)
    if (verdict) {
      this.ends.done += 1
      expect(verdict.of, 'a verdict is its caller’s own').toBe(key)
      expect(stored, `${key} was said to be done`).toBe(true)
    } else if (error?.message.includes('Nothing was done')) {
      this.ends.untouched += 1
      expect([begun, stored], `${key} was said to be untouched`).toEqual([false, false])
    } else if (error?.message === POISON) {
      this.ends.poisoned += 1
      expect([key.endsWith(POISON), stored], `${key} fails for a reason of its own`).toEqual([true, false])
    } else {
      this.ends.unknown += 1
      expect(error, key).toMatchObject({ code: 'unavailable' })
      expect(begun, `${key} was begun`).toBe(true)
    }
  }

  #callSomething(): void {
    const number = this.#made.length
    const organizationId = this.#random.pick(ORGANIZATIONS)
    const poisoned = this.#random.chance(3)
    const key = `${number}${poisoned ? POISON : ''}`
    const call = this.#someCall(organizationId, key)
    const made: Made = { key, number, call, begun: false, answers: 0, verdict: undefined, error: undefined }
    this.#made.push(made)
    this.#byKey.set(key, made)
    const { kind, ...rest } = call
    this.#batcher.decide(kind, rest as never).then(
      (verdict) => {
        made.answers += 1
        made.verdict = verdict as { of?: string }
      },
      (error: Error) => {
        made.answers += 1
        made.error = error
      },
    )
  }

  #someCall(organizationId: string, key: string): Call {
    const of = { organizationId, jobId: key }
    const dice = this.#random.below(100)
    if (dice < 20) return { kind: 'keep', ...of, stage: 'output', claimId: 'c', leaseMs: 1 }
    if (dice < 40) return { kind: 'top_up', organizationId, amount: 1n, reference: key, note: null }
    if (dice < 60) return { kind: 'cancel', ...of }
    const result = 'x'.repeat(this.#random.chance(10) ? 5_000 : this.#random.below(1_500))
    return { kind: 'settle', ...of, stage: 'output', usage: { kind: 'output', tokens: 1 }, result }
  }

  #transact(calls: readonly Call[], { lane, sent }: LanePlace = NOWHERE): Promise<readonly Verdict[]> {
    const made = calls.flatMap((call) => this.#byKey.get(keyOf(call)) ?? [])
    const repeatedAtOnce = made.filter(({ begun }, index) => !begun && calls[index]?.repeated)
    if (repeatedAtOnce.length > 0) this.#wrong.push('a first try says that it is repeated')
    for (const each of made) each.begun = true
    this.#checkBatch(calls, lane)
    if (this.#random.chance(40)) sent()
    return new Promise((resolve, reject) => {
      const commit = (): void => {
        this.#commit(made, calls)
        resolve(made.map(({ key }) => ({ kind: 'dead', state: 'unknown', of: key }) as Verdict))
      }
      this.#open.push({ lane, made, calls, commit, fail: reject, sent, fate: undefined })
    })
  }

  #checkBatch(calls: readonly Call[], lane: number): void {
    const walkers = new Set(calls.filter(walks).map(({ organizationId }) => organizationId)).size
    const rows = 100 * walkers + calls.length - walkers
    const bytes = calls.reduce((sum, call) => sum + bytesOf(call), 0)
    const small = calls.length <= BATCH.calls && bytes <= BATCH.bytes && rows <= BATCH.rows
    if (!small && calls.length !== 1) this.#wrong.push(`a batch of ${calls.length} calls, ${bytes} bytes, ${rows} rows`)
    const [own, others] = [true, false].map((isOwn) => this.#open.filter((other) => (other.lane === lane) === isOwn))
    if ((own?.length ?? 0) > 1) this.#wrong.push('more than two transactions of a lane')
    if (own?.length === 1) this.ends.followed += 1
    const ours = new Set(calls.map(({ organizationId }) => organizationId))
    const theirs = (others ?? []).flatMap(({ made }) => made)
    if (theirs.some(({ call }) => ours.has(call.organizationId))) this.#wrong.push('two lanes have one organisation')
  }

  #commit(made: readonly Made[], calls: readonly Call[]): void {
    for (const [index, { key }] of made.entries()) {
      if (this.#stored.includes(key)) {
        this.ends.found += 1
        if (!calls[index]?.repeated) this.#wrong.push('what was stored before is asked for as if it were new')
      } else this.#stored.push(key)
    }
  }

  #endTransaction(faults: boolean): void {
    const lanes = [...new Set(this.#open.map(({ lane }) => lane))]
    if (lanes.length === 0) return
    const lane = this.#random.pick(lanes)
    const transaction = this.#open.find((other) => other.lane === lane)
    if (!transaction) return
    this.#open.splice(this.#open.indexOf(transaction), 1)
    const behind = this.#open.find((other) => other.lane === lane)
    const { made, calls, commit, fail, fate } = transaction
    const dice = faults ? this.#random.below(100) : 100
    const code = this.#random.pick(dice < 10 ? LOST : PASSING)
    if (fate === 'outdated') {
      this.ends.outdated += 1
      failBehind(transaction, behind)
      fail(new OutdatedFacts(fault('TK001')))
    } else if (fate !== undefined || (dice >= 20 && dice < 35)) {
      const isStored = fate !== 'untouched' && !made.some(({ key }) => key.endsWith(POISON)) && this.#random.chance(50)
      if (isStored) this.#commit(made, calls)
      if (behind) behind.fate = isStored ? 'lost' : 'untouched'
      fail(new UnansweredCommit(fault(this.#random.pick(LOST))))
    } else if (dice < 20 || (faults && this.#outage)) {
      if (!LOST.includes(code)) failBehind(transaction, behind)
      else if (behind) behind.fate = 'untouched'
      fail(fault(code))
    } else if (made.some(({ key }) => key.endsWith(POISON))) {
      failBehind(transaction, behind)
      fail(new Error(POISON))
    } else commit()
  }

  #ring(): void {
    const alarms = this.#alarms
    this.#alarms = []
    for (const alarm of alarms) alarm()
  }

  #drain(): void {
    const before = this.#made.length
    const drained = this.#batcher.drain().then(() => {
      const waits = this.#made.slice(0, before).filter(({ answers }) => answers === 0)
      if (waits.length > 0) this.#wrong.push(`${waits.length} calls wait after the drain`)
    })
    this.#drains.push(drained)
  }

  #waiting(): number {
    return this.#made.filter(({ begun, answers }) => !begun && answers === 0).length
  }
}

/** Decided on what a failed one ahead would have left of an organisation, a transaction is refused. */
function failBehind({ calls }: Transaction, behind: Transaction | undefined): void {
  const failed = new Set(calls.map(({ organizationId }) => organizationId))
  if (behind?.calls.some(({ organizationId }) => failed.has(organizationId))) behind.fate = 'outdated'
}

function keyOf(call: Call): string {
  if (call.kind === 'top_up') return call.reference
  return 'jobId' in call && call.jobId !== null ? call.jobId : ''
}

function fault(code: string): Error {
  return Object.assign(new Error(`error ${code}`), { code })
}
