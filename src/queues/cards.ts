import type { Queue } from 'bullmq'
import { CARD_QUEUE, jobOptions } from './catalogue.ts'
import { withinTimeout } from './outage.ts'

/** One parked job's card. `generation` counts the job's resumes, so that an old card never stands for a new parking. */
export interface CardKey {
  readonly jobId: string
  readonly generation: number
}

export interface Card extends CardKey {
  readonly organizationId: string
  readonly stage: string
}

const CARD_ID = /^(?<jobId>[0-9a-f-]{36})\.card\.(?<generation>\d+)$/
const PAGE = 500

/**
 * The cards of `billing.rejected-for-balance`. BullMQ cannot add a queue job as failed, and a fetch cannot choose its job,
 * so a new card waits and the queue's worker fails it with the refusal's sentence, which it reads from the job's row: the
 * card tells what is true when it is written, and a job resumed in between just lets its card go.
 */
export interface Cards {
  /** Puts one card per parked job; again, or over a card in any state, is harmless. @throws UnavailableError */
  putCards(cards: readonly Card[]): Promise<void>
  /** Takes cards away; one that is missing, or being written right now, is passed over. @throws UnavailableError */
  removeCards(cards: readonly CardKey[]): Promise<void>
  /** All cards, in pages of at most 500, in whatever state. The list may shift meanwhile. @throws UnavailableError */
  listCards(): AsyncGenerator<readonly CardKey[]>
}

/** The queue-job id of a card: the same for the same parking, so that there is never a second one. */
export function cardId({ jobId, generation }: CardKey): string {
  return `${jobId}.card.${generation}`
}

/** @returns undefined for an id that is not ours, such as one added by hand */
function parseCardId(id: string): CardKey | undefined {
  const groups = CARD_ID.exec(id)?.groups
  return groups?.jobId ? { jobId: groups.jobId, generation: Number(groups.generation) } : undefined
}

export function createCards(queue: Queue, reachable: () => Promise<void>): Cards {
  const call = <T>(what: string, work: () => Promise<T>) =>
    withinTimeout(what, async () => {
      await reachable()
      return work()
    })
  return {
    async putCards(cards) {
      if (cards.length === 0) return
      const options = jobOptions(CARD_QUEUE, 0)
      const jobs = cards.map((card) => ({
        name: `${card.organizationId} · ${card.stage}`,
        data: { jobId: card.jobId, stage: card.stage },
        opts: { ...options, jobId: cardId(card) },
      }))
      await call('show a rejected job', () => queue.addBulk(jobs))
    },
    async removeCards(cards) {
      for (let from = 0; from < cards.length; from += PAGE) {
        const ids = cards.slice(from, from + PAGE).map(cardId)
        await call('remove a card', () => Promise.all(ids.map((id) => queue.remove(id))))
      }
    },
    async *listCards() {
      const states = ['failed', 'waiting', 'active', 'delayed', 'prioritized', 'completed'] as const
      for (const state of states) {
        for (let from = 0, more = true; more; from += PAGE) {
          const ids = await call('list the cards', () => queue.getRanges([state], from, from + PAGE - 1))
          more = ids.length === PAGE
          yield ids.map(parseCardId).filter((key) => key !== undefined)
        }
      }
    },
  }
}
