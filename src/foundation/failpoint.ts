import { writeSync } from 'node:fs'

/**
 * The places where the crash harness may hurt a process, in the order in which a job meets them. A name says what has
 * just happened or is about to: `claim.before` the claim is asked for, `money.in-transaction` all is written and nothing
 * committed, `settle.after` charged and nothing enqueued, `enqueue.after` the next stage is in the queue and this one's
 * queue job still open.
 */
export const FAILPOINTS = [
  'submit.after-row',
  'outbox.before',
  'enqueue.before',
  'claim.before',
  'claim.after',
  'agent.before-model',
  'agent.after-model',
  'money.before-begin',
  'money.in-transaction',
  'money.after-commit',
  'settle.after',
  'enqueue.after',
  'park.after',
  'wake.after-commit',
  'sweep.deliver',
  'move.in-transaction',
] as const

export type FailpointName = (typeof FAILPOINTS)[number]

/** kill: SIGKILL to oneself; stop: SIGSTOP; throw: an error as of a lost connection; delay: the whole process stands still for `ms`. */
const ACTIONS = ['kill', 'stop', 'throw', 'delay'] as const

interface Rule {
  readonly name: FailpointName
  readonly action: (typeof ACTIONS)[number]
  readonly ms: number
  /** At this pass only; null: at each one that the chance hits. */
  readonly nth: number | null
  readonly chance: number
}

const RULE =
  /^(?<name>[a-z-]+\.[a-z-]+):(?<action>[a-z]+)(?:=(?<ms>\d{1,6}))?(?:@(?<nth>[1-9]\d{0,6})|:(?<chance>[01](?:\.\d+)?))?$/

/**
 * Reads `name:action`, several separated by commas. `=200` after the action is the delay in milliseconds; `@3` means the
 * third pass only, `:0.3` each pass with that chance.
 * @throws RangeError that lists what is known
 */
export function readFailpoints(text: string): readonly Rule[] {
  return text.split(',').map((part) => {
    const given = RULE.exec(part.trim())?.groups
    const name = FAILPOINTS.find((known) => known === given?.name)
    const action = ACTIONS.find((known) => known === given?.action)
    if (!given || !name || !action || (action === 'delay') !== (given.ms !== undefined)) {
      const form = 'name:action, with =ms after delay, and @pass or :chance behind it'
      throw new RangeError(
        `must be ${form}; names are ${FAILPOINTS.join(', ')}; actions are ${ACTIONS.join(', ')}; "${part}" is not`,
      )
    }
    const { ms = '0', nth, chance = '1' } = given
    return { name, action, ms: Number(ms), nth: nth === undefined ? null : Number(nth), chance: Number(chance) }
  })
}

interface Armed extends Rule {
  passes: number
}

// One for the process, on purpose: what a kill hits is the process, and what is never armed costs a null check.
let armed: readonly Armed[] | null = null

/** Arms what a text says, instead of whatever was armed before; undefined disarms. @throws RangeError */
export function armFailpoints(text: string | undefined): void {
  armed = text === undefined ? null : readFailpoints(text).map((rule) => ({ ...rule, passes: 0 }))
}

/** Whether a place was chosen: what is otherwise done in one breath is then done in two, with the place between. */
export function isArmed(name: FailpointName): boolean {
  return armed?.some((rule) => rule.name === name) ?? false
}

/** A place that the crash harness may choose; in production nothing. */
export function failpoint(name: FailpointName): void {
  if (armed !== null) pass(armed, name)
}

function pass(rules: readonly Armed[], name: FailpointName): void {
  const here = rules.filter((rule) => rule.name === name)
  // All count before one acts: what throws must not hide the pass from the others.
  for (const rule of here) rule.passes += 1
  for (const rule of here) {
    const hit = rule.nth === null ? Math.random() < rule.chance : rule.passes === rule.nth
    if (hit) act(rule)
  }
}

function act({ name, action, ms }: Rule): void {
  // Said before it is done, and synchronously: whoever watches this process acts on it.
  writeSync(2, `failpoint ${name}: ${action}\n`)
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return
    case 'stop':
      process.kill(process.pid, 'SIGSTOP')
      return
    case 'delay':
      // Not a timer: a machine that swaps or a debugger stops everything, lock renewals too.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
      return
    case 'throw':
      throw Object.assign(new Error(`failpoint ${name}`), { code: 'ECONNRESET' })
  }
}
