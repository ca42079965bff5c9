import type { Notifications } from '../database/notifications.ts'
import { failpoint } from '../foundation/failpoint.ts'
import type { Logger } from '../foundation/logger.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import type { Outbox } from './outbox.ts'

/**
 * Resumes what now fits. One function for every reason (top-up, credit, raised limit, closed hold, the sweep): it asks
 * the money path, enqueues after COMMIT, and takes the cards away. Wakes of one organisation run one after another; a
 * notice that comes meanwhile runs it once more.
 */
export class Waker {
  readonly #billing: TokenBasedBillingManager
  readonly #outbox: Outbox
  readonly #logger: Logger
  readonly #running = new Map<string, { again: boolean; done: Promise<void> }>()

  constructor(billing: TokenBasedBillingManager, outbox: Outbox, logger: Logger) {
    this.#billing = billing
    this.#outbox = outbox
    this.#logger = logger
  }

  /** Listens to the money transactions. @returns a function that stops it */
  listen(notifications: Notifications): () => void {
    return notifications.on('tollkeeper_wake', (organizationId) => {
      this.wake(organizationId).catch((error: unknown) => {
        this.#logger.warn({ organizationId, reason: String(error) }, 'a wake is left to the sweep')
      })
    })
  }

  wake(organizationId: string): Promise<void> {
    const running = this.#running.get(organizationId)
    if (running) {
      running.again = true
      return running.done
    }
    const entry = { again: false, done: Promise.resolve() }
    entry.done = this.#run(organizationId, entry).finally(() => this.#running.delete(organizationId))
    this.#running.set(organizationId, entry)
    return entry.done
  }

  async drain(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done))
  }

  async #run(organizationId: string, entry: { again: boolean }): Promise<void> {
    do {
      entry.again = false
      for await (const { resumed } of this.#billing.wake(organizationId)) {
        if (resumed.length > 0) failpoint('wake.after-commit')
        await this.#outbox.resume(resumed)
      }
    } while (entry.again)
  }
}
