import { newId } from '../foundation/ids.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Counter, Counters } from '../pricing/counters.ts'
import type { Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { StageBound } from '../pricing/usage.ts'
import type { AbsorbedRow } from './absorbed-row.ts'
import type {
  Account,
  BalanceView,
  CounterRow,
  EntryKind,
  EntryRow,
  Facts,
  FeatureChargeRow,
  HoldRow,
  JobRow,
  OrganizationRow,
  StageRow,
  Writes,
} from './facts.ts'
import { ParkedJobs } from './parked-jobs.ts'
import type { PeriodRow } from './period-row.ts'
import type { JobState } from './states.ts'
import { Team } from './team.ts'
import { Touched } from './touched.ts'

interface Posting {
  readonly kind: EntryKind
  readonly debit: Account
  readonly credit: Account
  readonly amount: Nano
  readonly key: string
  readonly jobId?: string
  readonly stage?: string
  readonly component?: string | null
  readonly tokenClass?: string | null
  readonly reference?: string
  readonly reversesSeq?: number
}

const featureKey = (organizationId: string, key: string): string => `${organizationId} ${key}`
const counterKey = (organizationId: string, planId: string, component: string, periodStart: number): string =>
  `${organizationId} ${planId} ${component} ${periodStart}`

/** The working copy of one batch: the locked rows, what was changed of them, and the only way to move money. */
export class Book {
  readonly now: number
  readonly #tariffs: ReadonlyMap<string, Tariff>
  readonly #organizations: Map<string, OrganizationRow>
  readonly #jobs: Map<string, JobRow>
  readonly #statesAtFirst: ReadonlyMap<string, JobState>
  readonly #stages = new Map<string, StageRow[]>()
  readonly #holds = new Map<string, HoldRow>()
  readonly #counters = new Map<string, CounterRow>()
  readonly #entries: Map<string, EntryRow>
  readonly team: Team
  readonly #featureCharges: Map<string, FeatureChargeRow>
  /** Parked jobs that were read, or that a call of this batch parked. */
  readonly parked: ParkedJobs
  readonly #touched = new Touched()

  constructor(facts: Facts, tariffs: ReadonlyMap<string, Tariff>) {
    this.now = facts.now
    this.#tariffs = tariffs
    this.#organizations = new Map(facts.organizations.map((row) => [row.id, row]))
    this.#jobs = new Map(facts.jobs.map((row) => [row.id, row]))
    this.#statesAtFirst = new Map(facts.jobs.map((row) => [row.id, row.state]))
    for (const row of facts.stages) {
      const rows = this.#stages.get(row.jobId)
      if (rows) rows.push(row)
      else this.#stages.set(row.jobId, [row])
    }
    for (const rows of this.#stages.values())
      rows.sort((a, b) => a.position - b.position || (a.stage < b.stage ? -1 : 1))
    for (const job of facts.jobs) job.charged = this.stages(job.id).reduce((sum, { charged }) => sum + charged, 0n)
    for (const row of facts.holds) this.#holds.set(row.jobId, row)
    for (const row of facts.counters) {
      this.#counters.set(counterKey(row.organizationId, row.planId, row.component, row.periodStart), row)
    }
    this.team = new Team(facts.members, this.#organizations, this.#touched.members)
    this.#entries = new Map(facts.entries.map((row) => [row.businessKey, row]))
    this.#featureCharges = new Map(facts.featureCharges.map((row) => [featureKey(row.organizationId, row.key), row]))
    this.parked = new ParkedJobs(facts.jobs, facts.parkedUpTo)
  }

  organization(id: string): OrganizationRow {
    const row = this.#organizations.get(id)
    invariant(row, `organisation ${id} is locked before it is used`)
    return row
  }

  job(id: string): JobRow | undefined {
    return this.#jobs.get(id)
  }

  /** The job that a call names, if it belongs to the organisation that pays for the call. */
  jobOf(call: { readonly organizationId: string; readonly jobId: string }): JobRow | undefined {
    const job = this.#jobs.get(call.jobId)
    return job?.organizationId === call.organizationId ? job : undefined
  }

  /** The stages of a job in the order of its steps. */
  stages(jobId: string): readonly StageRow[] {
    return this.#stages.get(jobId) ?? []
  }

  stage(jobId: string, stage: string): StageRow | undefined {
    return this.stages(jobId).find((row) => row.stage === stage)
  }

  /** The open hold of a job, if it has one. */
  hold(jobId: string): HoldRow | undefined {
    const row = this.#holds.get(jobId)
    return row?.state === 'open' ? row : undefined
  }

  entry(key: string): EntryRow | undefined {
    return this.#entries.get(key)
  }

  tariff(versionId: string): Tariff {
    const tariff = this.#tariffs.get(versionId)
    invariant(tariff, `tariff version ${versionId} is loaded before it is used`)
    return tariff
  }

  /** The counters of a tariff's components in one period, as pricing wants them. */
  counters(organizationId: string, tariff: Tariff, periodStart: number): Counters {
    const counters = new Map<string, Counter>()
    for (const { key } of tariff.components) {
      const row = this.#counters.get(counterKey(organizationId, tariff.planId, key, periodStart))
      if (row) counters.set(key, row)
    }
    return counters
  }

  /** Takes over counters that pricing advanced. */
  putCounters(organizationId: string, tariff: Tariff, periodStart: number, counters: Counters): void {
    for (const [component, counter] of counters) {
      const key = counterKey(organizationId, tariff.planId, component, periodStart)
      const row = { organizationId, planId: tariff.planId, component, periodStart, ...figures(counter) }
      const known = this.#counters.get(key)
      if (known) Object.assign(known, row)
      else this.#counters.set(key, row)
      this.#touched.counters.add(known ?? row)
    }
  }

  /** Whether money is there: available plus the overdraft, in nano-units. */
  spendable(organization: OrganizationRow): Nano {
    return organization.available + organization.overdraftLimit
  }

  /** Moves money, both sides at once, and returns the entry's `seq`. */
  post(organization: OrganizationRow, posting: Posting): EntryRow {
    invariant(posting.amount > 0n, `an entry moves more than nothing (${posting.key})`)
    invariant(!this.#entries.has(posting.key), `${posting.key} is written once`)
    if (posting.debit === 'available') organization.available -= posting.amount
    if (posting.credit === 'available') organization.available += posting.amount
    if (posting.debit === 'held') organization.held -= posting.amount
    if (posting.credit === 'held') organization.held += posting.amount
    invariant(this.spendable(organization) >= 0n, `${posting.key} keeps the balance above its limit`)
    invariant(organization.held >= 0n, `${posting.key} takes no more than what is held`)
    organization.seq += 1
    const entry: EntryRow = {
      id: newId(),
      organizationId: organization.id,
      seq: organization.seq,
      kind: posting.kind,
      debit: posting.debit,
      credit: posting.credit,
      amount: posting.amount,
      currency: organization.currency,
      availableAfter: organization.available,
      heldAfter: organization.held,
      businessKey: posting.key,
      jobId: posting.jobId ?? null,
      stage: posting.stage ?? null,
      component: posting.component ?? null,
      tokenClass: posting.tokenClass ?? null,
      reference: posting.reference ?? null,
      reversesSeq: posting.reversesSeq ?? null,
      details: null,
      createdAt: this.now,
    }
    this.#entries.set(posting.key, entry)
    this.#touched.entries.add(entry)
    this.#touched.organizations.add(organization)
    if (posting.credit === 'available' && organization.waiting) this.#touched.wake.add(organization.id)
    return entry
  }

  openHold(row: HoldRow): void {
    this.#holds.set(row.jobId, row)
    this.#touched.holds.add(row)
  }

  featureCharge(organizationId: string, key: string): FeatureChargeRow | undefined {
    return this.#featureCharges.get(featureKey(organizationId, key))
  }

  addFeatureCharge(row: FeatureChargeRow): void {
    this.#featureCharges.set(featureKey(row.organizationId, row.key), row)
    this.#touched.featureCharges.add(row)
  }

  absorb(row: AbsorbedRow): void {
    this.#touched.absorbed.add(row)
  }

  touchOrganization(row: OrganizationRow): void {
    this.#touched.organizations.add(row)
  }

  touchSubscription(row: OrganizationRow): void {
    this.#touched.organizations.add(row)
    this.#touched.subscriptions.add(row)
  }

  touchPeriod(row: PeriodRow): void {
    this.#touched.periods.add(row)
  }

  touchJob(row: JobRow): void {
    this.parked.note(row)
    this.#touched.jobs.add(row)
  }

  touchStage(row: StageRow): void {
    this.#touched.stages.add(row)
  }

  setBound(row: StageRow, bound: StageBound): void {
    row.bound = bound
    row.boundIsNew = true
    this.#touched.stages.add(row)
  }

  touchHold(row: HoldRow): void {
    this.#touched.holds.add(row)
  }

  /** A closed hold frees money without an entry when nothing was left of it; whoever waits is woken all the same. */
  wakeLater(organization: OrganizationRow): void {
    if (organization.waiting) this.#touched.wake.add(organization.id)
  }

  /** Free units are there again: a parked job may cost less than was noted when it was refused. */
  wakeAllLater(organization: OrganizationRow): void {
    this.wakeLater(organization)
    if (organization.waiting) this.#touched.wakeAll.add(organization.id)
  }

  balanceView(organization: OrganizationRow): BalanceView {
    const { currency, available, held, overdraftLimit, seatsUsed, seatsPaid, tariffVersionId, seq } = organization
    const maxTeamMembers = tariffVersionId === null ? null : this.tariff(tariffVersionId).maxTeamMembers
    const figures = { available, held, overdraftLimit, seatsUsed, seatsPaid, maxTeamMembers }
    const parked = (organization.parked ?? 0) + this.parked.change(organization.id)
    return { currency, ...figures, parked, asOfSeq: seq }
  }

  writes(): Omit<Writes, 'alerts' | 'slips'> {
    return this.#touched.writes((row) => row.state !== this.#statesAtFirst.get(row.id))
  }
}

const figures = ({ used, includedUsed, reserved }: Counter): Counter => ({ used, includedUsed, reserved })
