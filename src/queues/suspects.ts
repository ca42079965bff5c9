/** Once or twice a worker is lost by an update or a neighbour; what lost three may have ended them itself. */
const LOST_OFTEN = 3

/**
 * A queue job that ends its workers takes along whatever runs beside it, and an innocent one that comes back at the same
 * moment each time would be given up together with it, after five starts. So of those that lost their worker again and
 * again, a process runs one at a time: who waits has not been started.
 */
export class Suspects {
  #turn: Promise<unknown> = Promise.resolve()

  /**
   * @param losses how often the queue job has lost its worker
   * @throws what the signal says, if it is aborted before the work's turn has come
   */
  async run<T>(losses: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (losses < LOST_OFTEN) return work()
    const before = this.#turn
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    this.#turn = before.then(() => over)
    try {
      await unlessAborted(before, signal)
      return await work()
    } finally {
      end()
    }
  }
}

async function unlessAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([turn, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
