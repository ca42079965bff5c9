import { performTasks } from '../foundation/thread-pool.ts'
import { ENCODINGS } from '../tokenizer/encodings.ts'
import type { CountingTask } from './counting-pool.ts'

/** The counting thread: a text and the id of an encoding come in, its tokens go out. */
performTasks((task) => {
  const { encoding, text } = task as CountingTask
  return ENCODINGS[encoding].count(text)
})
