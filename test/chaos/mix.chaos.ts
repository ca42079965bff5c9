import { registerCases } from './chaos-case.ts'
import { MIX_CASES } from './mix-cases.ts'

registerCases('everything at once', MIX_CASES)
