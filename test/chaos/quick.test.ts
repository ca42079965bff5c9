import type { ChaosCase } from './chaos-case.ts'
import { registerCases } from './chaos-case.ts'
import { DATABASE_CASES } from './database-cases.ts'
import { KILL_CASES } from './kill-cases.ts'

/** What a change is likeliest to break, in less than a minute; `npm run test:chaos` runs every case on both backends. */
const QUICK: Readonly<Record<string, NonNullable<ChaosCase['backends']>>> = {
  'SIGKILL at money.in-transaction': ['redis'],
  'SIGKILL at settle.after': ['postgres'],
  'SIGKILL of the API at submit.after-row': ['postgres'],
  'pg_terminate_backend inside the money transaction': ['redis'],
  'the answer of COMMIT is lost': ['postgres'],
}

const all = [...KILL_CASES, ...DATABASE_CASES]
registerCases(
  'the quick part of the crash harness',
  Object.entries(QUICK).map(([wanted, backends]) => {
    const found = all.find(({ name }) => name === wanted)
    if (!found) throw new Error(`there is no case "${wanted}"`)
    return { ...found, backends }
  }),
)
