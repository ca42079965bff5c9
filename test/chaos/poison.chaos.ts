import { registerCases } from './chaos-case.ts'
import { POISON_CASES } from './poison-cases.ts'
import { STORM_CASES } from './storm-cases.ts'

registerCases('poison and bad models', [...POISON_CASES, ...STORM_CASES])
