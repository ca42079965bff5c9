import { registerCases } from './chaos-case.ts'
import { RACE_CASES } from './race-cases.ts'

registerCases('processes race one another', RACE_CASES)
