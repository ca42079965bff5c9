import type { LineKind } from './tariff.ts'

/**
 * What an organisation has used of one component in one period, in the component's units.
 *
 * Included units are promised before they are used: a quote *grants* a job some of those that nobody has used or been
 * promised (`reserved`), and settling gives the job at least its grant, whatever other jobs did in between. Hence always
 * `includedUsed + reserved ≤ included`, and a quote that counted on free units stays true.
 */
export interface Counter {
  /** All units, free or billed. */
  readonly used: number
  /** Of these, the free ones. `used − includedUsed` is the position in tiers and packages. */
  readonly includedUsed: number
  /** Free units promised to the unsettled stages of open holds. */
  readonly reserved: number
}

/** By component key; an absent counter is zero. */
export type Counters = ReadonlyMap<string, Counter>

/**
 * Component key → free units promised to one stage; kept with its hold until it settles or is released. A key may be
 * called `constructor`: read the record with `Object.entries` or `Object.hasOwn`.
 */
export type Grants = Readonly<Record<string, number>>

const ZERO: Counter = { used: 0, includedUsed: 0, reserved: 0 }

export function counterOf(counters: Counters, component: string): Counter {
  return counters.get(component) ?? ZERO
}

/** `counters` with `changes` laid over them: what a batch goes on with after pricing or quoting one of its calls. */
export function mergeCounters(counters: Counters, changes: Counters): Counters {
  return new Map([...counters, ...changes])
}

/** Free units that nobody has used or been promised. */
export function freeUnits(included: number, counter: Counter): number {
  return Math.max(0, included - counter.includedUsed - counter.reserved)
}

/** The counters that change when a quoted stage is admitted (again) with these grants. Only those that change. */
export function reserveGrants(counters: Counters, grants: Grants): Counters {
  return shiftReserved(counters, grants, 1)
}

/** The counters that change when a stage ends without being settled: its grants are free again. Only those that change. */
export function releaseGrants(counters: Counters, grants: Grants): Counters {
  return shiftReserved(counters, grants, -1)
}

function shiftReserved(counters: Counters, grants: Grants, sign: 1 | -1): Counters {
  const changes = new Map<string, Counter>()
  for (const [component, units] of Object.entries(grants)) {
    const counter = counterOf(counters, component)
    changes.set(component, { ...counter, reserved: Math.max(0, counter.reserved + sign * units) })
  }
  return changes
}

interface CountedLine {
  readonly component: string | null
  readonly kind: LineKind
  readonly quantity: number
  readonly includedUsed: number
}

/** The counters that change when charged lines are reversed: their units were never used. Only those that change. */
export function reverseLines(counters: Counters, lines: readonly CountedLine[]): Counters {
  const changes = new Map<string, Counter>()
  for (const { component, kind, quantity, includedUsed } of lines) {
    if (component === null || kind === 'minimum') continue
    const counter = changes.get(component) ?? counterOf(counters, component)
    changes.set(component, {
      ...counter,
      used: Math.max(0, counter.used - quantity),
      includedUsed: Math.max(0, counter.includedUsed - includedUsed),
    })
  }
  return changes
}
