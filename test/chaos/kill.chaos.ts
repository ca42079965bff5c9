import { registerCases } from './chaos-case.ts'
import { KILL_CASES } from './kill-cases.ts'

registerCases('a process is killed at a named point', KILL_CASES)
