import type { AbsorbedRow } from './absorbed-row.ts'
import type {
  CounterRow,
  EntryRow,
  FeatureChargeRow,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  StageRow,
  Writes,
} from './facts.ts'
import type { PeriodRow } from './period-row.ts'

/** The rows of a batch that its calls changed or made, each once. */
export class Touched {
  readonly organizations = new Set<OrganizationRow>()
  readonly subscriptions = new Set<OrganizationRow>()
  readonly periods = new Set<PeriodRow>()
  readonly jobs = new Set<JobRow>()
  readonly stages = new Set<StageRow>()
  readonly holds = new Set<HoldRow>()
  readonly counters = new Set<CounterRow>()
  readonly members = new Set<MemberRow>()
  readonly entries = new Set<EntryRow>()
  readonly absorbed = new Set<AbsorbedRow>()
  readonly featureCharges = new Set<FeatureChargeRow>()
  readonly wake = new Set<string>()
  readonly wakeAll = new Set<string>()

  /** @param hasMoved whether a job's state is another one than at first */
  writes(hasMoved: (row: JobRow) => boolean): Omit<Writes, 'alerts' | 'slips'> {
    return {
      organizations: [...this.organizations],
      subscriptions: [...this.subscriptions],
      periods: [...this.periods],
      jobs: [...this.jobs],
      stages: [...this.stages],
      holds: [...this.holds],
      counters: [...this.counters],
      members: [...this.members],
      entries: [...this.entries],
      absorbed: [...this.absorbed],
      featureCharges: [...this.featureCharges],
      wake: [...this.wake],
      wakeAll: [...this.wakeAll],
      changed: [...this.jobs].flatMap((row) => (hasMoved(row) ? row.id : [])),
    }
  }
}
