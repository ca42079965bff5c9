import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EntityManagerSource } from '../database/transaction.ts'
import type { Logger } from '../foundation/logger.ts'
import type { AlertManager, NewThreshold, ThresholdView } from '../managers/alert.manager.ts'
import type { DemandManager, QueuedJob, Standing } from '../managers/demand.manager.ts'
import type { QuoteManager } from '../managers/quote.manager.ts'
import { divideCeil, NANO_MAX, type Nano, smallest } from '../pricing/money.ts'
import type { BoundedStage } from '../pricing/quote.ts'
import { type Measuring, measureText } from './bounds.ts'
import { tellOfAlerts } from './tell-of-alerts.ts'

/** Queued jobs of one organisation that are quoted; what is behind them counts as their mean. */
const QUOTED_MAX = 200
/** Texts that are read at once, of up to a megabyte each. */
const TEXTS_AT_ONCE = 20
/** Organisations whose headroom is judged side by side. */
const JUDGED_AT_ONCE = 10

interface BalanceWatchDependencies extends Measuring {
  readonly em: EntityManagerSource
  readonly alerts: AlertManager
  readonly demand: DemandManager
  readonly quotes: QuoteManager
  readonly logger: Logger
  /** How long one look around may measure texts. */
  readonly intervalMs: number
}

/** A queued job as it was measured; null where it cannot be here, such as for an agent that only other workers have. */
type Measured = { readonly bounds: readonly BoundedStage[]; readonly maxCost: Nano | null } | null

/**
 * Sees that money runs low. `available` is judged by the money path itself, with each batch. What the queue will need
 * beside that is known to nobody there: here queued jobs are quoted, and each look around judges what is left without it.
 */
export class BalanceWatch {
  readonly #with: BalanceWatchDependencies
  /** Of each watched organisation its queued jobs that were measured, by id: a text is measured once while it waits. */
  readonly #measured = new Map<string, Map<string, Measured>>()

  constructor(dependencies: BalanceWatchDependencies) {
    this.#with = dependencies
  }

  /**
   * Draws a line. What is below it already is an alert when this returns.
   * @throws as AlertManager.addThreshold
   */
  async addThreshold(organizationId: string, threshold: NewThreshold): Promise<ThresholdView> {
    const { alerts, em, logger, intervalMs } = this.#with
    const { id } = await alerts.addThreshold(organizationId, threshold)
    if (threshold.metric === 'headroom') {
      await this.#judge(organizationId, performance.now() + intervalMs).catch((error: unknown) => {
        logger.warn({ organizationId, reason: String(error) }, 'the headroom is left to the sweep to judge')
      })
      // This process need not be one that sweeps: what it would never look at again, it need not keep.
      this.#measured.delete(organizationId)
    }
    return alerts.threshold(em(), organizationId, id)
  }

  /** Judges every watched headroom, and tells of what was raised since the last look. @returns how many alerts it told of */
  async lookAround(): Promise<number> {
    const { alerts, em, logger, intervalMs } = this.#with
    const until = performance.now() + intervalMs
    const watched = await alerts.watched(em())
    for (const id of new Set(this.#measured.keys()).difference(new Set(watched))) this.#measured.delete(id)
    for (let from = 0; from < watched.length; from += JUDGED_AT_ONCE) {
      const judging = watched.slice(from, from + JUDGED_AT_ONCE).map((id) =>
        this.#judge(id, until).catch((error: unknown) => {
          logger.warn({ organizationId: id, reason: String(error) }, 'a headroom was not judged; the next sweep tries')
        }),
      )
      await Promise.all(judging)
    }
    return tellOfAlerts(this.#with)
  }

  async #judge(organizationId: string, until: number): Promise<void> {
    const { demand, em, alerts } = this.#with
    const before = await demand.standing(em(), organizationId, QUOTED_MAX)
    if (!before) return
    const measured = await this.#measure(organizationId, before.oldest, until)
    // Measuring takes its time: the figures that are judged stand together in a later snapshot.
    const standing = measured.isNew ? await demand.standing(em(), organizationId, QUOTED_MAX) : before
    if (!standing) return
    const { available, seq } = standing
    const demanded = await this.#demandOf(organizationId, standing, measured.jobs)
    await alerts.judgeHeadroom({ organizationId, available, seq, ...demanded })
  }

  /** What parked jobs need, what the measured ones of the queue would hold, and the mean of these for each of the rest. */
  async #demandOf(
    organizationId: string,
    { oldest, queued, parked }: Standing,
    measured: ReadonlyMap<string, Measured>,
  ) {
    const { quotes, em, limits } = this.#with
    const jobs = oldest.flatMap((id) => measured.get(id) ?? [])
    const upper = jobs.length === 0 ? 0n : await quotes.heldByAll(em(), organizationId, jobs, limits.maxOutputTokens)
    const rest = queued - jobs.length
    const mean = jobs.length === 0 ? 0n : divideCeil(upper, BigInt(jobs.length))
    return { demanded: smallest([parked + upper + mean * BigInt(rest), NANO_MAX]), estimated: rest > 0 }
  }

  /** Measures those of the jobs that are not measured yet, until it is time to stop, and forgets those that wait no more. */
  async #measure(organizationId: string, ids: readonly string[], until: number) {
    const known = this.#measured.get(organizationId)
    const jobs = new Map<string, Measured>()
    for (const id of ids) {
      const job = known?.get(id)
      if (job !== undefined) jobs.set(id, job)
    }
    this.#measured.set(organizationId, jobs)
    const unknown = ids.filter((id) => !jobs.has(id))
    for (let from = 0; from < unknown.length && performance.now() < until; from += TEXTS_AT_ONCE) {
      const page = unknown.slice(from, from + TEXTS_AT_ONCE)
      for (const job of await this.#with.demand.queuedJobs(this.#with.em(), page)) {
        await nextTurn()
        jobs.set(job.id, await this.#measureJob(job))
      }
    }
    return { jobs, isNew: unknown.length > 0 }
  }

  async #measureJob({ text, steps, maxCost }: QueuedJob): Promise<Measured> {
    try {
      const { bounds } = await measureText(text, steps, this.#with)
      return { bounds, maxCost }
    } catch (error) {
      this.#with.logger.debug({ reason: String(error) }, 'a queued job cannot be quoted here; it counts as the mean')
      return null
    }
  }
}
