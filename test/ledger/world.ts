import { expect } from 'vitest'
import type { AbsorbedRow } from '../../src/ledger/absorbed-row.ts'
import type { AlertRow, ThresholdRow } from '../../src/ledger/alert-facts.ts'
import type { AnswerRow } from '../../src/ledger/answer-row.ts'
import { type Call, type CallKind, type Calls, PARKED_PER_WAKE, type Verdicts } from '../../src/ledger/calls.ts'
import { currentStage } from '../../src/ledger/delivery.ts'
import type {
  CounterRow,
  EntryRow,
  Facts,
  FeatureChargeRow,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  StageRow,
  Writes,
} from '../../src/ledger/facts.ts'
import { fold } from '../../src/ledger/fold.ts'
import type { PeriodRow } from '../../src/ledger/period-row.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import { storeAlerts } from './world-alerts.ts'
import { isAboveLimit, readsMember } from './world-members.ts'
import { keysOf, type Page, pagesOf, readOf } from './world-reads.ts'

const counterKey = (row: CounterRow): string =>
  `${row.organizationId} ${row.planId} ${row.component} ${row.periodStart}`
const featureKey = (row: Pick<FeatureChargeRow, 'organizationId' | 'key'>): string => `${row.organizationId} ${row.key}`
const memberKey = (row: Pick<MemberRow, 'organizationId' | 'userId'>): string => `${row.organizationId} ${row.userId}`
const isParked = (job: JobRow): boolean => job.state === 'rejected_for_balance'
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
const byParking = (a: JobRow, b: JobRow): number =>
  (a.parkedAt ?? 0) - (b.parkedAt ?? 0) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/**
 * The tables behind the fold, in memory: `run` reads what the lock statement would, folds, and stores what the write
 * statement would, constraints included. Rows are copied on both ways, so that nothing is shared but by being written.
 */
export class World {
  now = Date.UTC(2026, 0, 10)
  readonly tariffs = new Map<string, Tariff>()
  readonly organizations = new Map<string, OrganizationRow>()
  readonly jobs = new Map<string, JobRow>()
  readonly stages = new Map<string, StageRow>()
  readonly holds = new Map<string, HoldRow>()
  readonly counters = new Map<string, CounterRow>()
  readonly members = new Map<string, MemberRow>()
  readonly entries = new Map<string, EntryRow>()
  readonly absorbed: AbsorbedRow[] = []
  readonly periods = new Map<string, PeriodRow>()
  readonly thresholds = new Map<string, ThresholdRow & { readonly organizationId: string }>()
  readonly alerts = new Map<string, AlertRow>()
  readonly featureCharges = new Map<string, FeatureChargeRow>()
  readonly answers = new Map<string, AnswerRow>()
  /** Entries of the audit log as their texts. */
  readonly audited: string[] = []
  /** Whether walks over what may fit find only that, as the statement does; else they find all, and the fold passes over. */
  findsFittingOnly = true
  /** What the last batch wrote. */
  written: Writes | undefined

  /** Folds the calls as one batch and stores what they did. */
  batch(calls: readonly Call[]): readonly unknown[] {
    const { verdicts, writes } = fold(structuredClone(this.facts(calls)), this.tariffs, calls)
    this.#store(structuredClone(writes))
    return verdicts
  }

  /** One call in a batch of its own. */
  run<K extends CallKind>(kind: K, call: Calls[K]): Verdicts[K] {
    const [verdict] = this.batch([{ kind, ...call } as unknown as Call])
    if (verdict instanceof Error) throw verdict
    return verdict as Verdicts[K]
  }

  facts(calls: readonly Call[]): Facts {
    const organizationIds = new Set(calls.map((call) => call.organizationId))
    const pages = calls.flatMap(pagesOf)
    const parkedUpTo = this.#parkedUpTo(pages)
    const keys = new Set(calls.flatMap(keysOf))
    const named = new Set(calls.flatMap((call) => ('jobId' in call && call.jobId !== null ? [call.jobId] : [])))
    for (const page of pages) for (const job of this.#parkedPage(page, parkedUpTo)) named.add(job.id)
    const jobs = [...this.jobs.values()].filter((job) => named.has(job.id) && organizationIds.has(job.organizationId))
    const walked = new Set(pages.map((page) => page.organizationId))
    const wholly = new Set(pages.flatMap((page) => (page.jobId === null ? [page.organizationId] : [])))
    const charged = calls.flatMap((call) => (call.kind === 'charge_feature' ? call : []))
    const counted = new Set([...walked, ...charged.map((call) => call.organizationId)])
    const organizations = [...this.organizations.values()]
      .filter((row) => organizationIds.has(row.id))
      .map((row) => ({
        ...row,
        waiting: this.parked(row.id).length > 0 || this.pending(row.id).length > 0 || row.dueSince !== null,
        periods: this.periodsOf(row.id).filter(({ closedAt, paidAt }) => closedAt === null || paidAt === null),
        parked: counted.has(row.id) ? this.parked(row.id).length : null,
      }))
    const periods = new Set(jobs.map((job) => job.periodStart))
    return {
      now: this.now,
      organizations,
      // A job's row is behind its stages while it runs, and nobody reads this figure of it.
      jobs: jobs.map((row) => ({ ...row, charged: 0n })),
      stages: [...this.stages.values()].filter((row) => named.has(row.jobId)).map((row) => readOf(row, calls)),
      holds: [...this.holds.values()].filter((row) => named.has(row.jobId) && row.state === 'open'),
      counters: [...this.counters.values()].filter(({ organizationId, periodStart }) => {
        const current = this.organization(organizationId).periodStart
        return organizationIds.has(organizationId) && (periodStart === current || periods.has(periodStart))
      }),
      members: [...this.members.values()].filter((row) => readsMember(row, calls, jobs, wholly)),
      entries: [...this.entries.values()].filter((row) => keys.has(row.businessKey)),
      featureCharges: charged.flatMap((call) => this.featureCharges.get(featureKey(call)) ?? []),
      answers: calls.flatMap(
        ({ organizationId, slip }) => this.answers.get(`${organizationId} ${slip?.key?.key}`) ?? [],
      ),
      parkedUpTo,
    }
  }

  organization(id: string): OrganizationRow {
    return found(this.organizations.get(id), id)
  }

  job(id: string): JobRow {
    return found(this.jobs.get(id), id)
  }

  stage(jobId: string, stage: string): StageRow {
    return found(this.stages.get(`${jobId} ${stage}`), `${jobId} ${stage}`)
  }

  stagesOf(jobId: string): readonly StageRow[] {
    return [...this.stages.values()].filter((row) => row.jobId === jobId)
  }

  member(organizationId: string, userId: string): MemberRow {
    return found(this.members.get(memberKey({ organizationId, userId })), userId)
  }

  openHolds(organizationId: string): readonly HoldRow[] {
    return [...this.holds.values()].filter((row) => row.organizationId === organizationId && row.state === 'open')
  }

  parked(organizationId: string): readonly JobRow[] {
    return [...this.jobs.values()].filter((row) => row.organizationId === organizationId && isParked(row))
  }

  pending(organizationId: string): readonly MemberRow[] {
    return [...this.members.values()].filter(
      (row) => row.organizationId === organizationId && row.state === 'pending_payment',
    )
  }

  /** The periods of an organisation, the first one first. */
  periodsOf(organizationId: string): readonly PeriodRow[] {
    const own = [...this.periods.values()].filter((row) => row.organizationId === organizationId)
    return own.toSorted((a, b) => a.number - b.number)
  }

  /** The entries of an organisation as they were written, in the order of `seq`. */
  ledger(organizationId: string): readonly EntryRow[] {
    return [...this.entries.values()].filter((row) => row.organizationId === organizationId)
  }

  /** Everything that money depends on; equal snapshots mean that nothing has changed. */
  snapshot(): object {
    const { organizations, periods, jobs, stages, holds, counters, members, entries, absorbed, featureCharges } = this
    const money = { organizations, periods, jobs, stages, holds, counters, members, entries, absorbed, featureCharges }
    const { thresholds, alerts, answers, audited } = this
    return structuredClone({ ...money, thresholds, alerts, answers, audited })
  }

  copy(): World {
    const { now, tariffs } = this
    return Object.assign(new World(), this.snapshot(), { now, tariffs })
  }

  #parkedUpTo(pages: readonly Page[]): ReadonlyMap<string, bigint> {
    const walked = new Set(pages.flatMap((page) => (page.fitting ? [page.organizationId] : [])))
    if (!this.findsFittingOnly) return new Map()
    return new Map(
      [...walked].flatMap((id) => {
        const row = this.organizations.get(id)
        return row ? [[id, row.available + row.overdraftLimit] as const] : []
      }),
    )
  }

  #parkedPage({ organizationId, jobId, fitting, after }: Page, upTo: ReadonlyMap<string, bigint>): readonly JobRow[] {
    const cursor = after && ({ parkedAt: after.parkedAt, id: after.id } as JobRow)
    const limit = fitting ? upTo.get(organizationId) : undefined
    const periodStart = this.organizations.get(organizationId)?.periodStart ?? 0
    return this.parked(organizationId)
      .filter((job) => limit === undefined || (job.rejection?.atLeast ?? 0n) <= limit)
      .filter((job) => limit === undefined || !isAboveLimit(job, this.#userOf(job), periodStart))
      .filter((job) => (jobId === null || job.id === jobId) && (cursor === null || byParking(cursor, job) < 0))
      .toSorted(byParking)
      .slice(0, PARKED_PER_WAKE)
  }

  #userOf({ organizationId, userId }: JobRow): MemberRow | undefined {
    return userId === null ? undefined : this.members.get(memberKey({ organizationId, userId }))
  }

  #store(writes: Writes): void {
    this.written = writes
    for (const row of unique(writes.organizations, ({ id }) => id)) {
      expect(row.available + row.overdraftLimit, 'check: available').toBeGreaterThanOrEqual(0n)
      expect(row.held, 'check: held').toBeGreaterThanOrEqual(0n)
      const { available, held, seq, seatsUsed, seatsPaid } = row
      Object.assign(this.organization(row.id), { available, held, seq, seatsUsed, seatsPaid })
    }
    storeAlerts(this, writes.alerts)
    for (const row of unique(writes.subscriptions, ({ id }) => id)) {
      const { status, tariffVersionId, nextTariffVersionId, nextTariffAt, dueSince, statusUntil } = row
      const { periodAnchor, periodNumber, periodStart, periodEnd } = row
      const period = { periodAnchor, periodNumber, periodStart, periodEnd }
      const tariff = { status, tariffVersionId, nextTariffVersionId, nextTariffAt, dueSince, statusUntil }
      Object.assign(this.organization(row.id), period, tariff)
    }
    const periodKey = ({ organizationId, number }: PeriodRow): string => `${organizationId} ${number}`
    for (const row of unique(writes.periods, periodKey)) this.periods.set(periodKey(row), row)
    for (const row of unique(writes.jobs, ({ id }) => id)) this.jobs.set(row.id, row)
    for (const row of unique(writes.stages, ({ jobId, stage }) => `${jobId} ${stage}`)) {
      const known = this.stage(row.jobId, row.stage)
      const { result = known.result, usage = known.usage } = row
      const bound = row.boundIsNew ? row.bound : known.bound
      const lines = row.usage === undefined ? known.lines : row.lines
      this.stages.set(`${row.jobId} ${row.stage}`, { ...row, bound, boundIsNew: false, result, usage, lines })
    }
    for (const job of this.jobs.values()) this.#readFromStages(job)
    for (const row of unique(writes.holds, ({ jobId, generation }) => `${jobId} ${generation}`)) this.#storeHold(row)
    for (const row of unique(writes.counters, counterKey)) this.counters.set(counterKey(row), row)
    for (const row of unique(writes.members, memberKey)) this.members.set(memberKey(row), row)
    for (const row of unique(writes.entries, ({ businessKey: key }) => key)) {
      expect(this.entries.has(row.businessKey), `unique: ${row.businessKey}`).toBe(false)
      this.entries.set(row.businessKey, row)
    }
    this.absorbed.push(...writes.absorbed)
    for (const row of unique(writes.featureCharges, featureKey)) {
      expect(this.featureCharges.has(featureKey(row)), `unique: feature charge ${row.key}`).toBe(false)
      this.featureCharges.set(featureKey(row), row)
    }
    for (const row of writes.slips.answers) {
      expect(this.answers.has(`${row.scope} ${row.key}`), `unique: answer under ${row.key}`).toBe(false)
      this.answers.set(`${row.scope} ${row.key}`, row)
    }
    this.audited.push(...writes.slips.entries)
  }

  /** While a job is processed its row says neither where it is nor what it was charged; whoever asks reads its stages. */
  #readFromStages(job: JobRow): void {
    if (job.state !== 'processing') return
    const stages = this.stagesOf(job.id).toSorted((a, b) => a.position - b.position || (a.stage < b.stage ? -1 : 1))
    job.charged = sum(stages.map((stage) => stage.charged))
    job.stage = currentStage(stages)
  }

  #storeHold(row: HoldRow): void {
    expect(row.remaining >= 0n && row.remaining <= row.amount, 'check: holds_figures').toBe(true)
    expect(row.state === 'open' || row.remaining === 0n, 'check: holds_closed_is_empty').toBe(true)
    const key = `${row.jobId} ${row.generation}`
    expect(this.holds.has(key), `only a new hold is inserted: ${key}`).toBe(!row.isNew)
    this.holds.set(key, { ...row, isNew: false })
    const open = [...this.holds.values()].filter(({ jobId, state }) => jobId === row.jobId && state === 'open')
    expect(open.length, 'unique: holds_one_open').toBeLessThanOrEqual(1)
  }
}

/** The rows of one kind of write: the write statement refuses to meet a row twice. */
function unique<Row>(rows: readonly Row[], keyOf: (row: Row) => string): readonly Row[] {
  expect(new Set(rows.map(keyOf)).size, 'a batch writes a row once').toBe(rows.length)
  return rows
}

function found<Row>(row: Row | undefined, name: string): Row {
  if (row === undefined) throw new Error(`the world has no ${name}`)
  return row
}

export { sum }
