import { registerCases } from './chaos-case.ts'
import { QUEUE_CASES } from './queue-cases.ts'

registerCases('the queue forgets, fills up, falls silent and is meddled with', QUEUE_CASES)
