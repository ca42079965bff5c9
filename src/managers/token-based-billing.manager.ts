import type { MoneyPath } from '../database/money/batcher.ts'
import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../foundation/errors.ts'
import { ACCOUNT_ID, newId } from '../foundation/ids.ts'
import type { Answered, Delivery, ParkedCursor, Verdicts, WakeScope } from '../ledger/calls.ts'
import type { Failure } from '../ledger/facts.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import type { BoundedStage } from '../pricing/quote.ts'
import type { StageUsage } from '../pricing/usage.ts'
import { type FeatureChargeResult, featureChargeView, refuseBadCharge } from './feature-charge-view.ts'
import { InsufficientBalanceError } from './insufficient-balance.ts'
import { answered, type MandatedMoney, type Order } from './mandated-money.ts'

/** Calls of one stage that can be asked for: their tokens must stay countable. */
const CALLS_MAX = 1_000_000

/** One stage of one job, and the organisation that pays. */
export interface StageOf {
  readonly organizationId: string
  readonly jobId: string
  readonly stage: string
}

/** A job and the organisation that pays for it. */
export type JobOf = Omit<StageOf, 'stage'>

export interface Claim extends StageOf {
  readonly claimId: string
}

/** What a claim was answered; a stage that killed its workers too often has failed its job by then. */
export type ClaimVerdict = Exclude<Verdicts['claim'], { kind: 'exhausted' }>

interface TokenBillingOptions {
  /** How long a worker's claim lasts without being extended, in milliseconds. */
  readonly claimLeaseMs: number
  /** How long a parked job waits for money, in milliseconds. */
  readonly parkedExpiresMs: number
  /** Output tokens per agent that bounds are made with. */
  readonly outputLimit: number
}

/**
 * Holds, charges, releases and reverses what jobs cost. Every method is one call on the money path: safe to repeat, its
 * effect and its business keys in one transaction, decided by the pure fold in `ledger/`.
 */
export class TokenBasedBillingManager {
  readonly #money: MoneyPath
  readonly #mandated: MandatedMoney
  readonly #options: TokenBillingOptions

  /** @param mandated the same money path, for what is done on somebody's word */
  constructor(money: MoneyPath, mandated: MandatedMoney, options: TokenBillingOptions) {
    this.#money = money
    this.#mandated = mandated
    this.#options = options
  }

  /**
   * Takes a stage for a short while, so that two workers do not do the same work.
   * @param claimId for whoever begins before the answer comes
   * @returns granted with a claim; or why there is nothing to do: settled before, busy elsewhere, or not to be run
   */
  async claim(of: StageOf, claimId: string = newId()): Promise<{ claim: Claim; verdict: ClaimVerdict }> {
    const claim = { ...of, claimId }
    const verdict = await this.#money.decide('claim', { ...claim, leaseMs: this.#options.claimLeaseMs })
    if (verdict.kind !== 'exhausted') return { claim, verdict }
    const detail = `the stage was started ${verdict.starts} times and never came to its end; submit the job again, or another text`
    const failure: Failure = { code: 'worker-lost', stage: of.stage, detail }
    const failed = await this.fail(of, null, failure)
    const state = failed.kind === 'failed' ? 'failed' : failed.state
    return { claim, verdict: { kind: 'dead', state, failure: failed.kind === 'failed' ? failure : null } }
  }

  /** Extends a claim. `stop` means: cancelled, parked, ended, or somebody else has it; the work is for nothing. */
  keep(claim: Claim): Promise<Verdicts['keep']> {
    return this.#money.decide('keep', { ...claim, leaseMs: this.#options.claimLeaseMs })
  }

  /**
   * Gives a claim back after work that failed or was stopped, so that nobody need wait for its end.
   * @param usage what the work used of a model for nothing; kept as the platform's own cost
   * @returns what the usage would have cost in nano-units; `parked` where this ended the last running stage of a job
   *          that is refused money
   */
  letGo(claim: Claim, usage: StageUsage | null): Promise<Verdicts['let_go']> {
    return this.#money.decide('let_go', { ...claim, usage })
  }

  /**
   * Holds more for a running stage that wants to call its model more often than it bounded; ask before the call. The
   * further calls are bounded as the first ones are. What finished stages left in the hold is used first.
   * @param of with the claim on the stage; an own job that claims nothing leaves it out
   * @param call the number of the call, from 1; asked again, it is answered again
   * @returns granted with the calls that the hold covers now and what was added to it in nano-units; refused, and then a
   *          job of the pipeline stops and is parked at this stage (`parked` once none of its stages works any more)
   *          while an own job goes on as before; failed where `max_cost` forbids it; dead where nothing is to be extended
   * @throws ValidationError for a call that is no integer from 1 to 1,000,000
   */
  extend(of: StageOf & { readonly claimId?: string }, call: number): Promise<Verdicts['extend']> {
    if (!Number.isSafeInteger(call) || call < 1 || call > CALLS_MAX) {
      throw ValidationError.of('/call', 'out-of-range', `Give the call's number, from 1 to ${CALLS_MAX}`)
    }
    const { organizationId, jobId, stage, claimId = null } = of
    const { parkedExpiresMs } = this.#options
    return this.#money.decide('extend', { organizationId, jobId, stage, claimId, call, parkedExpiresMs })
  }

  /**
   * Holds the upper bound of a job and starts it, with its input charged at once; or parks it with the figures.
   * @param bounds the most that each stage may use, `input` exactly, in the order of the job's stages
   * @returns admitted with the hold in nano-units, refused with needed / available / missing, or failed for good
   */
  admit(of: JobOf, bounds: readonly BoundedStage[]): Promise<Verdicts['admit']> {
    const { outputLimit, parkedExpiresMs } = this.#options
    return this.#money.decide('admit', { ...of, bounds, outputLimit, parkedExpiresMs })
  }

  /**
   * Charges a finished stage out of the job's hold, once.
   * @param usage tokens per class, integers ≥ 0
   * @param result the stage's text, kept with the charge
   * @param lost what calls used that broke off without an answer; nobody is charged for it
   * @returns the lines in nano-units; if this stage was settled before, the stored ones, whatever usage is given now
   *          (a rerun of a model never repeats its usage; the difference is kept as the platform's own cost)
   */
  settle(
    of: StageOf,
    usage: StageUsage,
    result: string | null = null,
    lost: StageUsage | null = null,
  ): Promise<Verdicts['settle']> {
    return this.#money.decide('settle', { ...of, usage, result, lost })
  }

  /**
   * Gives back what is left of the hold of a job that a platform runs itself, and ends it as charged.
   * @throws NotFoundError unless the job is being processed
   */
  async release(of: JobOf): Promise<{ released: bigint }> {
    const verdict = await this.#money.decide('complete', of)
    if (verdict.kind === 'dead') throw new NotFoundError(`No running job ${of.jobId} (it is ${verdict.state})`)
    return { released: verdict.released }
  }

  /**
   * Takes every charge of a running job back and releases its hold: the job failed and costs nothing.
   * @throws NotFoundError if the job is unknown or final
   */
  async reverse(of: JobOf, failure: Failure): Promise<{ reversed: bigint }> {
    const verdict = await this.#money.decide('reverse', { ...of, failure })
    if (verdict.kind === 'dead') throw new NotFoundError(`No job ${of.jobId} to reverse (it is ${verdict.state})`)
    return { reversed: verdict.reversed }
  }

  /** Ends a job for a technical reason, under its claim (null: no worker lives); by plan its charges are reversed. */
  fail(of: StageOf, claimId: string | null, failure: Failure): Promise<Verdicts['fail']> {
    return this.#money.decide('fail', { ...of, claimId, failure })
  }

  /** Stops a job for its customer: finished stages stay charged, the rest of the hold goes back. */
  cancel(of: JobOf): Promise<Verdicts['cancel']> {
    return this.#money.decide('cancel', of)
  }

  /**
   * Charges a feature outside of any job, at once and once under its key: at the organisation's present tariff, by the
   * counters of its present period, out of what is available. A feature that the tariff does not price costs nothing, and
   * the answer warns of it.
   * @param quantity in the feature's own units, an integer from 1 on
   * @param key names what is charged, 1 to 200 characters; again with the same contents it answers what is stored
   * @param userId an active member on whose behalf it is charged
   * @param order on whose word, and how it is answered there; by default this program's own
   * @throws ValidationError; NotFoundError; ConflictError `no-tariff`, or `reference-conflict` where the key charged
   *   something else; ForbiddenError `not-a-member`; InsufficientBalanceError, and then the same key may be tried again
   */
  chargeFeature(
    organizationId: string,
    feature: string,
    quantity: number,
    key: string,
    of: { readonly userId?: string | null },
    order: Order<FeatureChargeResult>,
  ): Promise<Answered>
  chargeFeature(
    organizationId: string,
    feature: string,
    quantity: number,
    key: string,
    of?: { readonly userId?: string | null },
  ): Promise<FeatureChargeResult>
  async chargeFeature(
    organizationId: string,
    feature: string,
    quantity: number,
    key: string,
    { userId = null }: { readonly userId?: string | null } = {},
    order?: Order<FeatureChargeResult>,
  ): Promise<FeatureChargeResult | Answered> {
    if (!ACCOUNT_ID.test(organizationId)) throw unknownOrganization(organizationId)
    refuseBadCharge({ feature, quantity, key, userId })
    const call = { organizationId, id: newId(), feature, quantity, key, userId }
    const deed = { kind: 'charge_feature', call, result: chargedFeature, record: null } as const
    const verdict = await this.#mandated.carryOut(deed, order)
    switch (verdict.kind) {
      case 'answered':
        return verdict
      case 'charged':
        return answered(featureChargeResult(verdict), order)
      case 'conflict': {
        const { charge } = verdict
        const former = `${charge.quantity} of ${charge.feature}${charge.userId === null ? '' : ` by ${charge.userId}`}`
        throw new ConflictError('reference-conflict', `"${key}" charged ${former} before; use another key for this`)
      }
      case 'refused':
        throw new InsufficientBalanceError(`${quantity} of ${feature}`, verdict)
      case 'no-tariff':
        throw new ConflictError('no-tariff', `${organizationId} has no tariff; assign a published one first`)
      case 'not-a-member': {
        const detail = `${userId} is not an active member of ${organizationId}; add the member or pay the seat`
        throw new ForbiddenError('not-a-member', detail)
      }
      case 'too-much':
        throw ValidationError.of('/quantity', 'out-of-range', 'This is more than can be counted or paid; charge less')
    }
  }

  /** Plans the due stages of a job under new delivery numbers, if what the sweep saw is still so. */
  redeliver(of: JobOf, seen: readonly { stage: string; delivery: number }[]): Promise<Verdicts['redeliver']> {
    return this.#money.decide('redeliver', { ...of, seen })
  }

  /** Resumes one parked job, if it fits now; fails it, if no money helps it any more. */
  async resume(of: JobOf): Promise<Delivery | null> {
    const verdict = await this.#money.decide('wake', { ...of, scope: 'all', after: null })
    return verdict.resumed[0] ?? null
  }

  /**
   * Resumes every parked job and pending seat of an organisation that fits now, oldest first, a page at a time.
   * @param scope `fitting` looks only at jobs that may fit by what was noted when they were refused, which is enough where
   *   money came or was freed; `all` prices each anew and refreshes its figures
   */
  async *wake(organizationId: string, scope: WakeScope = 'all'): AsyncGenerator<Verdicts['wake']> {
    let after: ParkedCursor | null = null
    do {
      const verdict: Verdicts['wake'] = await this.#money.decide('wake', { organizationId, jobId: null, scope, after })
      yield verdict
      for (const jobId of verdict.hopeless) {
        yield this.#money.decide('wake', { organizationId, jobId, scope, after: null })
      }
      after = verdict.more
    } while (after)
  }
}

type ChargeVerdict = Verdicts['charge_feature']

function chargedFeature(verdict: ChargeVerdict): FeatureChargeResult | undefined {
  return verdict.kind === 'charged' ? featureChargeResult(verdict) : undefined
}

function featureChargeResult(verdict: Extract<ChargeVerdict, { kind: 'charged' }>): FeatureChargeResult {
  return { ...featureChargeView(verdict.charge, verdict.tariff), replayed: verdict.replayed }
}
