import type { Notifications } from '../database/notifications.ts'
import { failpoint } from '../foundation/failpoint.ts'
import type { Logger } from '../foundation/logger.ts'
import type { WakeScope } from '../ledger/calls.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import type { Outbox } from './outbox.ts'

/**
 * Resumes what now fits. One function for every reason (top-up, credit, raised limit, closed hold, the sweep): it asks
 * the money path, enqueues after COMMIT, and takes the cards away. Of one organisation there is one walk over what may fit
 * at a time, and one over all beside it, which may be long; whatever comes meanwhile runs its walk once more, however many
 * they are.
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
    return notifications.on('tollkeeper_wake', (notice) => {
      const [organizationId = '', all] = notice.split(' ')
      this.wake(organizationId, all === undefined ? 'fitting' : 'all').catch((error: unknown) => {
        this.#logger.warn({ organizationId, reason: String(error) }, 'a wake is left to the sweep')
      })
    })
  }

  /** Resolves when a walk that began after this call has ended. */
  wake(organizationId: string, scope: WakeScope): Promise<void> {
    const key = `${organizationId} ${scope}`
    const running = this.#running.get(key)
    if (running) {
      running.again = true
      return running.done
    }
    const entry = { again: false, done: Promise.resolve() }
    entry.done = this.#run(organizationId, scope, entry).finally(() => this.#running.delete(key))
    this.#running.set(key, entry)
    return entry.done
  }

  async drain(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done))
  }

  async #run(organizationId: string, scope: WakeScope, entry: { again: boolean }): Promise<void> {
    do {
      entry.again = false
      for await (const { resumed } of this.#billing.wake(organizationId, scope)) {
        if (resumed.length > 0) failpoint('wake.after-commit')
        await this.#outbox.resume(resumed)
      }
    } while (entry.again)
  }
}
