import { performTasks } from '../foundation/thread-pool.ts'
import { o200kBase } from '../tokenizer/o200k-base.ts'

/** The counting thread: a text comes in, its tokens by the canonical tokenizer go out. */
performTasks((text) => o200kBase.count(String(text)))
