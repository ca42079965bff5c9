import { performTasks } from '../foundation/thread-pool.ts'
import { answerOffline, type OfflineRequest } from './offline-answer.ts'

/** The offline provider's thread: a request comes in, its answer goes out. */
performTasks((request) => answerOffline(request as OfflineRequest))
