import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManagerSource, InTransaction } from '../database/transaction.ts'
import { failpoint } from '../foundation/failpoint.ts'
import type { Logger } from '../foundation/logger.ts'
import type { Delivery } from '../ledger/calls.ts'
import type { IdempotencyManager } from '../managers/idempotency.manager.ts'
import type { OrganizationManager } from '../managers/organization.manager.ts'
import type { PlanMoveManager } from '../managers/plan-move.manager.ts'
import { DUE_MAX, type DueStage, type OverdueJob, type ScheduleManager } from '../managers/schedule.manager.ts'
import type { TokenBasedBillingManager } from '../managers/token-based-billing.manager.ts'
import type { VerifyManager } from '../managers/verify.manager.ts'
import type { CardKey } from '../queues/cards.ts'
import type { Queues } from '../queues/queues.ts'
import type { BalanceWatch } from './balance-watch.ts'
import type { Outbox } from './outbox.ts'
import type { Waker } from './wake.ts'

/** A job that is processed for a whole day without a living claim will not come back by itself. */
const JOB_DEADLINE_MS = 86_400_000
/** Organisations whose books one sweep verifies at most. */
const VERIFIED_MAX = 50
/** A live queue job is looked at again after this many sweeps. */
const LIVE_SWEEPS = 4
/** Organisations that are woken at once: enough to share batches and outages, few enough to leave room for others. */
const WAKES_AT_ONCE = 50

export interface SweepDependencies {
  readonly em: EntityManagerSource
  readonly inTransaction: InTransaction
  readonly schedule: ScheduleManager
  readonly organizations: Pick<OrganizationManager, 'renew'>
  readonly billing: TokenBasedBillingManager
  readonly planMoves: Pick<PlanMoveManager, 'workOff'>
  readonly queues: Queues
  readonly outbox: Outbox
  readonly waker: Waker
  readonly verifier: Pick<VerifyManager, 'checkChanged'>
  readonly balanceWatch: Pick<BalanceWatch, 'lookAround'>
  readonly idempotency: Pick<IdempotencyManager, 'forget'>
  readonly logger: Logger
  /** Runs the sweep in one process at a time; null where another one has it. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T | null>
  readonly intervalMs: number
  readonly holdLeaseMs: number
  /** How long the text of a final job is kept; 0 for ever. */
  readonly textRetentionMs: number
}

/**
 * The periodic repair: from a plain timer, not from the queue that it repairs. Whatever an event should have caused and
 * did not, this causes. Its steps are independent: those that need no queue run while the queue is down.
 */
export class Sweep {
  readonly #with: SweepDependencies
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined

  constructor(dependencies: SweepDependencies) {
    this.#with = dependencies
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  /** One run of every step, for whoever cannot wait for the timer. */
  async once(): Promise<void> {
    await this.#with.alone(async () => {
      const counts = {
        renewed: await this.#step('renew', () => this.#renew()),
        // Before the wake, which prices by the new version whoever was never admitted.
        moved: await this.#step('move', () => this.#move()),
        resumed: await this.#step('wake', () => this.#wake()),
        expired: await this.#step('expire', () => this.#expire()),
        lapsed: await this.#step('lapse', () => this.#lapse()),
        forgotten: await this.#step('forget', () => this.#forget()),
        unkeyed: await this.#step('unkey', () => this.#unkey()),
        delivered: await this.#step('deliver', () => this.#deliver()),
        cards: await this.#step('cards', () => this.#cards()),
        alerts: await this.#step('alerts', () => this.#with.balanceWatch.lookAround()),
        verified: await this.#step('verify', () => this.#with.verifier.checkChanged(VERIFIED_MAX)),
      }
      const summary = Object.entries(counts).map(([name, count]) => `${name} ${count ?? 'failed'}`)
      await this.#step('record', async () => {
        await this.#with.queues.recordMaintenance({ task: 'sweep', summary: summary.join(', ') })
        return 0
      })
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      // Jitter keeps several workers from asking for the lock in the same instant.
      const pause = this.#with.intervalMs * (0.8 + Math.random() * 0.4)
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      await this.once().catch((error: unknown) => {
        this.#with.logger.warn({ reason: String(error) }, 'the sweep did not run; the next one tries again')
      })
    }
  }

  async #step(name: string, work: () => Promise<number>): Promise<number | null> {
    if (this.#stop.signal.aborted) return null
    try {
      return await work()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#with.logger.warn({ step: name, reason }, 'a step of the sweep failed; the next sweep tries again')
      return null
    }
  }

  /** Periods that are over, grace that has ended: each organisation once, whoever else looks at it. */
  async #renew(): Promise<number> {
    const { schedule, em, organizations } = this.#with
    const due = await schedule.renewed(em())
    await Promise.all(due.map((id) => organizations.renew(id)))
    return due.length
  }

  /** Page by page, each a transaction of its own: a plan may have many organisations, and the other steps wait. */
  async #move(): Promise<number> {
    const { inTransaction, planMoves, organizations, intervalMs } = this.#with
    const until = performance.now() + intervalMs
    let moved = 0
    for (;;) {
      const page = await inTransaction((em) => planMoves.workOff(em))
      if (page === null) return moved
      await Promise.all(page.overdue.map((id) => organizations.renew(id)))
      moved += page.moved
      if (performance.now() > until || this.#stop.signal.aborted) return moved
    }
  }

  async #wake(): Promise<number> {
    const { schedule, em, waker } = this.#with
    const organizations = await schedule.waitingOrganizations(em())
    // Several at once: while the queue is down, what each wake enqueues waits for the same refusal.
    for (let from = 0; from < organizations.length; from += WAKES_AT_ONCE) {
      await Promise.all(organizations.slice(from, from + WAKES_AT_ONCE).map((id) => waker.wake(id, 'all')))
    }
    return organizations.length
  }

  /** A parked job that nobody paid for in time ends as cancelled: what was finished stays charged. */
  async #expire(): Promise<number> {
    const { schedule, em, billing } = this.#with
    const expired = await schedule.expired(em())
    await Promise.all(expired.map((job) => billing.cancel(job)))
    return expired.length
  }

  async #lapse(): Promise<number> {
    const { schedule, em, billing, holdLeaseMs } = this.#with
    const late = await schedule.lapsed(em(), 'pipeline', JOB_DEADLINE_MS)
    const detail = 'the job was processed for a day without an end; submit it again'
    await Promise.all(late.map((job) => billing.fail(job, null, { code: 'stage-deadline', stage: job.stage, detail })))
    const abandoned: readonly OverdueJob[] = await schedule.lapsed(em(), 'own', holdLeaseMs)
    await Promise.all(abandoned.map((job) => billing.cancel(job)))
    return late.length + abandoned.length
  }

  async #forget(): Promise<number> {
    const { schedule, em, textRetentionMs } = this.#with
    return textRetentionMs === 0 ? 0 : schedule.forgetTexts(em(), textRetentionMs)
  }

  /** Page by page: a busy platform answers more under keys between two sweeps than one statement should remove. */
  async #unkey(): Promise<number> {
    const { idempotency, em, intervalMs } = this.#with
    const until = performance.now() + intervalMs
    let total = 0
    for (;;) {
      const { forgotten, more } = await idempotency.forget(em())
      total += forgotten
      if (!more || performance.now() > until || this.#stop.signal.aborted) return total
    }
  }

  /** Page by page: after a lost Redis everything is due at once, and must not wait for a sweep per page. */
  async #deliver(): Promise<number> {
    const until = performance.now() + this.#with.intervalMs
    let delivered = 0
    for (;;) {
      const due = await this.#with.schedule.due(this.#with.em())
      const page = await this.#deliverLost(due)
      delivered += page.delivered
      const more = due.length === DUE_MAX && page.delivered + page.live > 0
      if (!more || performance.now() > until || this.#stop.signal.aborted) return delivered
    }
  }

  async #deliverLost(due: readonly DueStage[]): Promise<{ live: number; delivered: number }> {
    if (due.length === 0) return { live: 0, delivered: 0 }
    const { schedule, em, queues, billing, outbox, intervalMs } = this.#with
    const states = await queues.liveness(due)
    const live = due.filter((_, index) => states[index] === 'live')
    await schedule.pushAhead(em(), live, intervalMs * LIVE_SWEEPS)
    const lost = Map.groupBy(
      due.filter((_, index) => states[index] !== 'live'),
      (stage) => stage.jobId,
    )
    const planned = await Promise.all(
      [...lost.values()].map((stages) => {
        const [{ jobId, organizationId }] = stages as [DueStage]
        return billing.redeliver({ jobId, organizationId }, stages)
      }),
    )
    if (lost.size > 0) failpoint('sweep.deliver')
    await outbox.push(planned)
    await queues.dropStages(planned.flatMap((delivery) => replacedBy(delivery, lost)))
    return { live: live.length, delivered: planned.filter((delivery) => delivery !== null).length }
  }

  /** One card per parked job, and none for any other. */
  async #cards(): Promise<number> {
    const { schedule, em, queues } = this.#with
    const listed = new Map<string, CardKey>()
    for await (const page of queues.listCards()) for (const card of page) listed.set(keyOf(card), card)
    // The rows are read after the cards: a job that was parked in between has a card that must not count as stale.
    const parked = await schedule.parked(em())
    const missing = parked.filter((job) => !listed.delete(keyOf(job)))
    const stale = [...listed.values()]
    await queues.putCards(missing)
    await queues.removeCards(stale)
    return missing.length + stale.length
  }
}

function keyOf({ jobId, generation }: CardKey): string {
  return `${jobId} ${generation}`
}

/** The queue jobs that a new delivery stands for: failed or forgotten ones, and what waits for them for ever. */
function replacedBy(delivery: Delivery | null, lost: ReadonlyMap<string, readonly DueStage[]>) {
  if (!delivery) return []
  const { jobId } = delivery
  const old = new Set((lost.get(jobId) ?? []).map((stage) => stage.delivery))
  const members = delivery.parent ? [...delivery.stages, delivery.parent] : delivery.stages
  return [...old].flatMap((number) => members.map(({ stage }) => ({ jobId, stage, delivery: number })))
}
