import { failpoint } from '../foundation/failpoint.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Delivery } from '../ledger/calls.ts'
import type { StageDelivery, StageFlow } from '../queues/adding.ts'
import type { Queues } from '../queues/queues.ts'

/**
 * Puts planned queue jobs into the queue, gathered: what is pushed while an add is under way travels with the next one.
 * A lost add is no loss: the stage's row says that it is due, and the sweep delivers it.
 */
export class Outbox {
  readonly #queues: Queues
  readonly #logger: Logger
  #waiting: { delivery: Delivery; done: () => void }[] = []
  #flushing: Promise<void> | undefined

  constructor(queues: Queues, logger: Logger) {
    this.#queues = queues
    this.#logger = logger
  }

  /** Resolves when the queue has them, or when it is clear that the sweep must bring them; never rejects. */
  async push(deliveries: readonly (Delivery | null)[]): Promise<void> {
    const planned = deliveries.filter((delivery) => delivery !== null)
    if (planned.length === 0) return
    const waits = planned.map((delivery) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push({ delivery, done: resolve })
      return promise
    })
    this.#flushing ??= this.#flush()
    await Promise.all(waits)
  }

  /** Puts what a wake resumed into the queue and takes its cards away. */
  async resume(deliveries: readonly Delivery[]): Promise<void> {
    await this.push(deliveries)
    const cards = deliveries.map(({ jobId, generation }) => ({ jobId, generation: generation - 1 }))
    await this.#attempt('cards of resumed jobs stay until the next sweep', () => this.#queues.removeCards(cards))
  }

  async drain(): Promise<void> {
    await this.#flushing
  }

  async #flush(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      failpoint('outbox.before')
      await this.#attempt('queue jobs are left to the sweep', () => this.#send(batch.map(({ delivery }) => delivery)))
      for (const { done } of batch) done()
    }
    this.#flushing = undefined
  }

  async #send(deliveries: readonly Delivery[]): Promise<void> {
    const plain = deliveries.filter((delivery) => delivery.parent === null)
    if (plain.length > 0) await this.#queues.enqueueStages(plain.flatMap(toItems))
    const flows = deliveries.flatMap(toFlows)
    if (flows.length > 0) await this.#queues.enqueueFlows(flows)
  }

  async #attempt(otherwise: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#logger.warn({ reason: error instanceof Error ? error.message : String(error) }, otherwise)
    }
  }
}

function toItem({ jobId, organizationId }: Delivery, stage: { stage: string; delivery: number }): StageDelivery {
  return { jobId, organizationId, ...stage }
}

function toFlows(delivery: Delivery): StageFlow[] {
  return delivery.parent === null ? [] : [{ parent: toItem(delivery, delivery.parent), children: toItems(delivery) }]
}

function toItems(delivery: Delivery): StageDelivery[] {
  return delivery.stages.map((stage) => toItem(delivery, stage))
}
