import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { parentPort, Worker } from 'node:worker_threads'
import { TollkeeperError, UnavailableError } from './errors.ts'

/** The work took longer than it may; its thread has been ended. Trying the same again takes as long. */
export class DeadlineError extends TollkeeperError {
  constructor(deadlineMs: number) {
    super('stage-deadline', 503, `The work was ended after ${deadlineMs} ms; send a smaller text`)
  }
}

/** A task threw; the message is its own. */
export class TaskError extends TollkeeperError {
  constructor(message: string) {
    super('agent-error', 500, message)
  }
}

interface RunOptions {
  /** Ends the task, and its thread when it runs already; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Of running; waiting for a free thread does not count. Default 120,000, the default stage timeout. */
  readonly deadlineMs?: number | undefined
}

interface Waiting {
  readonly task: unknown
  readonly deadlineMs: number
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

interface Thread {
  readonly worker: Worker
  /** Settles and forgets the running task; null while idle. */
  finish: ((settle: (task: Waiting) => void) => void) | null
}

type Answer = { readonly value: unknown } | { readonly error: string }

/** One core is left to the event loop, which settles, answers and renews locks. */
const DEFAULT_POOL_SIZE = Math.max(1, availableParallelism() - 1)
const DEADLINE_MS = 120_000
/** A task that wants more than this ends with its own thread instead of with our process. */
const THREAD_HEAP_MB = 512

/** A thread's entry beside the calling module, in that module's form: `.ts` from source, `.js` once built. */
export function threadEntry(callerUrl: string, name: string): URL {
  return new URL(`${name}${extname(new URL(callerUrl).pathname)}`, callerUrl)
}

/** In a thread's entry: performs each task that the pool sends, one after another. */
export function performTasks(perform: (task: unknown) => unknown): void {
  parentPort?.on('message', async (task: unknown) => {
    try {
      parentPort?.postMessage({ value: await perform(task) } satisfies Answer)
    } catch (error) {
      parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Answer)
    }
  })
}

/**
 * Runs heavy, pure work off the event loop, one task per thread at a time, first come first served. Threads start when
 * they are needed and keep no process alive when they are idle; a task that overstays or is aborted takes its thread
 * with it (nothing else stops a busy loop), and the next task gets a fresh one.
 */
export class ThreadPool {
  readonly #entry: URL
  readonly #size: number
  readonly #threads = new Set<Thread>()
  readonly #waiting = new Set<Waiting>()
  readonly #running = new Map<Waiting, Thread>()
  #closed = false

  constructor(entry: URL, size: number = DEFAULT_POOL_SIZE) {
    this.#entry = entry
    this.#size = size
  }

  /**
   * @param task anything that can be cloned
   * @returns what the entry's `perform` returned
   * @throws DeadlineError, TaskError, UnavailableError (closed, or the thread died), or the signal's reason
   */
  async run<T>(task: unknown, { signal, deadlineMs = DEADLINE_MS }: RunOptions = {}): Promise<T> {
    signal?.throwIfAborted()
    if (this.#closed) throw new UnavailableError('The thread pool is closed; start the process again')
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const waiting: Waiting = { task, deadlineMs, resolve, reject }
    const abort = () => this.#drop(waiting, signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    this.#waiting.add(waiting)
    this.#assign()
    try {
      return (await promise) as T
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Ends every thread; tasks that wait or run reject with UnavailableError. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    const reason = new UnavailableError('The thread pool was closed while this task waited or ran')
    for (const waiting of this.#waiting) waiting.reject(reason)
    this.#waiting.clear()
    await Promise.all([...this.#threads].map((thread) => this.#end(thread, reason)))
  }

  #assign(): void {
    for (const waiting of this.#waiting) {
      const thread = [...this.#threads].find(({ finish }) => finish === null) ?? this.#start()
      if (thread === null) return
      this.#waiting.delete(waiting)
      this.#begin(thread, waiting)
    }
  }

  #start(): Thread | null {
    if (this.#threads.size >= this.#size) return null
    const worker = new Worker(this.#entry, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB } })
    const thread: Thread = { worker, finish: null }
    worker.on('message', (answer: Answer) => {
      thread.finish?.((task) => {
        if ('value' in answer) task.resolve(answer.value)
        else task.reject(new TaskError(answer.error))
      })
      this.#assign()
    })
    const lost = (cause: unknown) =>
      void this.#end(thread, new UnavailableError('A worker thread died, perhaps out of memory', { cause }))
    worker.on('error', lost)
    worker.on('exit', lost)
    worker.unref()
    this.#threads.add(thread)
    return thread
  }

  #begin(thread: Thread, waiting: Waiting): void {
    const timer = setTimeout(() => this.#end(thread, new DeadlineError(waiting.deadlineMs)), waiting.deadlineMs)
    this.#running.set(waiting, thread)
    thread.finish = (settle) => {
      clearTimeout(timer)
      thread.finish = null
      thread.worker.unref()
      this.#running.delete(waiting)
      settle(waiting)
    }
    thread.worker.ref() // somebody waits for this answer: the process may not end before it
    try {
      thread.worker.postMessage(waiting.task)
    } catch (error) {
      thread.finish((task) => task.reject(error)) // the task cannot be cloned
    }
  }

  #drop(waiting: Waiting, reason: unknown): void {
    const thread = this.#running.get(waiting)
    if (thread !== undefined) void this.#end(thread, reason)
    else if (this.#waiting.delete(waiting)) waiting.reject(reason)
  }

  async #end(thread: Thread, reason: unknown): Promise<void> {
    if (!this.#threads.delete(thread)) return
    thread.finish?.((task) => task.reject(reason))
    if (!this.#closed) this.#assign()
    await thread.worker.terminate()
  }
}
