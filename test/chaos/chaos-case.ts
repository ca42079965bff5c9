import { describe, it } from 'vitest'
import { BACKENDS_HERE, type Backend } from '../support/tollkeeper.ts'
import { type Draws, drawsOf, SEED } from './seed.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** What the seed chose, for the line that tells the verdict. */
    chaos?: string
  }
}

/** One fault: what is done, to which system, and what is expected of it afterwards. */
export interface ChaosCase {
  /** Short and of its own; with the seed it says what was drawn. */
  readonly name: string
  /** Where it makes a difference; default: both. */
  readonly backends?: readonly Backend[]
  /** @param tell notes what was drawn */
  run(backend: Backend, draws: Draws, tell: (note: string) => void): Promise<void>
}

/** Enough for a start of three processes, two locks that run out, and a wait, on a machine with other work. */
const CASE_MS = 300_000

/** Registers each case on each backend that this machine has; they run side by side, as `maxConcurrency` allows. */
export function registerCases(title: string, cases: readonly ChaosCase[]): void {
  describe.concurrent(`${title} (SEED=${SEED})`, () => {
    for (const each of cases) {
      const backends = BACKENDS_HERE.filter((backend) => each.backends?.includes(backend) ?? true)
      it.for(backends)(`${each.name}, queue on %s`, { timeout: CASE_MS }, async (backend, { task }) => {
        task.meta.chaos = `seed ${SEED}`
        await each.run(backend, drawsOf(`${each.name} ${backend}`), (note) => {
          task.meta.chaos = `seed ${SEED}: ${note}`
        })
      })
    }
  })
}
