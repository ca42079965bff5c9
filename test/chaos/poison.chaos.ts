import { registerCases } from './chaos-case.ts'
import { POISON_CASES } from './poison-cases.ts'

registerCases('poison and bad models', POISON_CASES)
