import { errorCode } from '../database/retry.ts'
import type { InTenantSnapshot, Snapshot } from '../database/snapshot.ts'
import type { Tenant } from '../database/tenant.ts'
import { ValidationError } from '../foundation/errors.ts'
import type { Bucket, TimeZone } from '../foundation/time-zone.ts'
import { Turnstile } from '../foundation/turnstile.ts'
import { unknownOrganization } from '../ledger/fold.ts'
import { type Dimension, readUsage, type UsageGroup, type UsageSum } from './usage-lines.ts'

const HOUR_MS = 3_600_000
const DAYS_MAX = 400
/** A time of so many local days may be an hour longer than they are: a clock went back in it. */
const RANGE_MAX_MS = DAYS_MAX * 24 * HOUR_MS + HOUR_MS
/** An answer of more rows is read by nobody, and would fill this process's memory. */
const ROWS_MAX = 10_000
/** The money path reads through the same few connections: two reports at once leave it half of them. */
const AT_ONCE = 2
const WAITING_MAX = 20
/** Jobs that one statement sums: some tenths of a second, or seconds on a busy machine. */
const JOBS_AT_ONCE = 20_000
/** Nobody waits longer for a page; half a million jobs are summed in that time. */
const REPORT_MAX_MS = 30_000
/** Less than the 10 s after which a connection that owes an answer is taken for dead. */
const STATEMENT_MAX_MS = 8_000
const CANCELED = '57014'
const TOO_LONG = 'This takes too long'
/** Memory for sorting and hashing in one statement; beyond it PostgreSQL works on disk. */
const SETTINGS = `select set_config('statement_timeout', $1, true), set_config('work_mem', '16MB', true)`

const ORGANIZATION = `
select currency, tollkeeper.to_ms(period_start), tollkeeper.to_ms(period_end) from tollkeeper.organizations where id = $1`

export interface UsageRequest {
  /** Epoch milliseconds; null: the beginning of the running period. */
  readonly from: number | null
  /** Epoch milliseconds; null: the end of the running period. */
  readonly to: number | null
  /** null: all of it in one part. */
  readonly by: Bucket | null
  readonly groupBy: readonly Dimension[]
  readonly timeZone: TimeZone
}

/** What an organisation used from `from` until before `to`, in parts and groups that have any. */
export interface UsageReport extends Omit<UsageRequest, 'from' | 'to'> {
  readonly organizationId: string
  readonly currency: string
  readonly from: number
  readonly to: number
  readonly groups: readonly (UsageGroup & { readonly start: number; readonly end: number })[]
  readonly total: UsageSum
}

interface UsageDependencies {
  readonly inTenantSnapshot: InTenantSnapshot
  /** Whether stages are finished by the same clock that ids are made by. */
  readonly idsTellTime: boolean
  /** How long one report may be computed; 30 s by default. */
  readonly reportMaxMs?: number
  /** 20,000 by default. */
  readonly jobsAtOnce?: number
}

/** What organisations used: sums of the lines that they were charged by. Only reads. */
export class UsageManager {
  readonly #with: UsageDependencies
  readonly #turnstile = new Turnstile({ atOnce: AT_ONCE, waitingMax: WAITING_MAX })

  constructor(dependencies: UsageDependencies) {
    this.#with = dependencies
  }

  /**
   * Sums the lines of charged stages by when they were finished; a reversed stage is not in it, nor what was written off.
   * Of a member only what that member used.
   * @throws NotFoundError; ValidationError where `from` is not before `to`, or too much is asked for at once;
   *         UnavailableError where too many ask
   */
  report(tenant: Tenant, request: UsageRequest): Promise<UsageReport> {
    return this.#turnstile.pass(() =>
      this.#with.inTenantSnapshot(tenant, (snapshot) => this.#report(snapshot, tenant.organizationId, request)),
    )
  }

  async #report(snapshot: Snapshot, organizationId: string, request: UsageRequest): Promise<UsageReport> {
    const [organization] = await snapshot.read<[string, string, string]>(ORGANIZATION, [organizationId])
    if (!organization) throw unknownOrganization(organizationId)
    const [currency, periodStart, periodEnd] = organization
    const [from, to] = [request.from ?? Number(periodStart), request.to ?? Number(periodEnd)]
    refuseRange(from, to, request)
    const { by, groupBy, timeZone } = request
    const starts = by === null ? [from] : timeZone.starts(from, to, by)
    const { idsTellTime, reportMaxMs = REPORT_MAX_MS, jobsAtOnce = JOBS_AT_ONCE } = this.#with
    await snapshot.read(SETTINGS, [String(Math.min(STATEMENT_MAX_MS, reportMaxMs))])
    const until = performance.now() + reportMaxMs
    const goOn = (): void => {
      if (performance.now() > until) throw narrowIt(TOO_LONG)
    }
    const question = { organizationId, from, to, starts, groupBy, idsTellTime, jobsAtOnce, limit: ROWS_MAX }
    const { total, groups } = await readUsage(snapshot, question, goOn).catch(refuseSlow)
    if (groups.length > ROWS_MAX) throw narrowIt(`This has more than ${ROWS_MAX} rows`)
    const dated = groups.map((group) => {
      return { ...group, start: starts[group.part] ?? from, end: starts[group.part + 1] ?? to }
    })
    return { organizationId, currency, from, to, by, groupBy, timeZone, groups: dated, total }
  }
}

function refuseRange(from: number, to: number, request: UsageRequest): void {
  const pointer = request.from === null ? '/to' : '/from'
  if (from >= to) {
    const [begin, end] = [from, to].map((at) => new Date(at).toISOString())
    throw ValidationError.of(pointer, 'invalid-value', `Give a from before to: this goes from ${begin} to ${end}`)
  }
  if (to - from > RANGE_MAX_MS) {
    throw ValidationError.of(pointer, 'out-of-range', `Ask for at most ${DAYS_MAX} days at once`)
  }
}

function narrowIt(what: string): ValidationError {
  return ValidationError.of('', 'out-of-range', `${what}; ask for a shorter time, longer parts or fewer dimensions`)
}

function refuseSlow(error: unknown): never {
  if (errorCode(error) === CANCELED) throw narrowIt(TOO_LONG)
  throw error
}
