import type {
  CounterRow,
  Facts,
  HoldRow,
  JobRow,
  MemberRow,
  OrganizationRow,
  StageRow,
  Writes,
} from '../../ledger/facts.ts'
import { isFinal, isStopping } from '../../ledger/states.ts'
import type { DatabaseClock } from './database-clock.ts'
import { Doubts } from './doubts.ts'
import type { NamedRows } from './named-rows.ts'

/** A stage is about half a kilobyte, and a job has three of them, or sixty. */
const STAGES_MAX = 80_000
const ORGANIZATIONS_MAX = 10_000
const MEMBERS_MAX = 20_000

/** The stamp of each organisation of a batch, by id. */
export type Stamps = ReadonlyMap<string, string>

interface KnownOrganization {
  row: OrganizationRow
  stamp: string
  readonly counters: Map<string, CounterRow>
}

interface KnownJob {
  /** A job is known as long as its organisation has not changed without us. */
  readonly of: KnownOrganization
  readonly job: JobRow
  readonly stages: readonly StageRow[]
  readonly hold: HoldRow | undefined
}

/** Whose limit jobs count against: a hold that closes changes the row, whatever call closes it. */
interface KnownMember {
  readonly of: KnownOrganization
  readonly row: MemberRow
}

/**
 * The rows that this process wrote last, so that the next batch need not read them. They are never trusted: each change of
 * whatever an organisation's money is decided by leaves a new stamp on its balance, and a batch that was decided on
 * remembered rows locks the balance and is refused unless it still bears the stamp that these rows were written with.
 */
export class Memory {
  readonly #clock: DatabaseClock
  readonly #doubts = new Doubts()
  readonly #organizations = new Map<string, KnownOrganization>()
  readonly #jobs = new Map<string, KnownJob>()
  readonly #members = new Map<string, KnownMember>()
  /** Of all jobs together. */
  #stages = 0

  constructor(clock: DatabaseClock) {
    this.#clock = clock
  }

  /** @returns null where something that the calls name is not known, or they may need what is not kept: bounds, lines */
  recall(named: NamedRows): { readonly facts: Facts; readonly stamps: Stamps } | null {
    const now = this.#clock.now()
    if (now === undefined || !asksForLittle(named)) return null
    const organizations: OrganizationRow[] = []
    const counters: CounterRow[] = []
    const stamps = new Map<string, string>()
    for (const id of named.organizations) {
      const known = this.#organizations.get(id)
      if (known === undefined || this.#doubts.about(id)) return null
      if (now >= Math.min(known.row.periodEnd, known.row.statusUntil ?? known.row.periodEnd)) {
        // With a new period, or a new status, all is read anew: the counters of those that are over would pile up here.
        this.#organizations.delete(id)
        return null
      }
      organizations.push(known.row)
      counters.push(...known.counters.values())
      stamps.set(id, known.stamp)
    }
    const jobs = this.#recallJobs(named)
    const members = jobs && this.#recallMembers(jobs)
    if (jobs === null || members === null) return null
    const stages = jobs.flatMap((known) => known.stages)
    const holds = jobs.flatMap(({ hold }) => hold ?? [])
    const facts = { now, organizations, jobs: jobs.map(({ job }) => job), stages, holds, counters }
    return { facts: { ...facts, members, entries: [], featureCharges: [], answers: [], parkedUpTo: new Map() }, stamps }
  }

  #recallJobs({ jobs, organizations, settled }: NamedRows): readonly KnownJob[] | null {
    const found: KnownJob[] = []
    for (const id of jobs) {
      const known = this.#jobs.get(id)
      if (known === undefined || isStopping(known.job)) return null
      const { organizationId } = known.job
      if (!organizations.has(organizationId) || known.of !== this.#organizations.get(organizationId)) return null
      found.push(known)
    }
    for (const { jobId, stage } of settled) {
      const row = this.#jobs.get(jobId)?.stages.find((other) => other.stage === stage)
      // Charged before: it answers its lines, which are not kept.
      if (row?.state === 'charged') return null
    }
    return found
  }

  /** The users of jobs. @returns null where one of them is not known */
  #recallMembers(jobs: readonly KnownJob[]): readonly MemberRow[] | null {
    const found = new Set<MemberRow>()
    for (const { of, job } of jobs) {
      if (job.userId === null) continue
      const known = this.#members.get(memberKey(job.organizationId, job.userId))
      if (known === undefined || known.of !== of) return null
      found.add(known.row)
    }
    return [...found]
  }

  /** Compares what was just read under its lock with what is known; what others have changed is forgotten. */
  see({ now, organizations }: Facts, stamps: Stamps): void {
    // Where no organisation exists, nobody said what time it is.
    if (organizations.length > 0) this.#clock.see(now)
    for (const { id } of organizations) {
      const known = this.#organizations.get(id)
      if (known === undefined) continue
      const isOurs = known.stamp === stamps.get(id)
      this.#doubts.note(id, isOurs)
      if (!isOurs) this.#organizations.delete(id)
    }
  }

  /**
   * Keeps what a batch read and wrote, from the moment when its writes are on their way: what follows on the same
   * connection may be decided by it. The rows stay those of the facts; what is written once is let go.
   */
  keep(facts: Facts, writes: Pick<Writes, 'counters' | 'holds' | 'members'>, stamps: Stamps): void {
    for (const row of facts.organizations) this.#keepOrganization(row, stamps.get(row.id) ?? '')
    for (const row of [...facts.counters, ...writes.counters]) {
      const { organizationId, planId, component, periodStart } = row
      this.#organizations.get(organizationId)?.counters.set(`${planId} ${component} ${periodStart}`, row)
    }
    for (const row of [...facts.members, ...writes.members]) this.#keepMember(row)
    const stages = Map.groupBy(facts.stages, ({ jobId }) => jobId)
    const holds = new Map([...facts.holds, ...writes.holds].map((row) => [row.jobId, row]))
    for (const job of facts.jobs) this.#keepJob(job, stages.get(job.id) ?? [], holds.get(job.id))
    for (const id of this.#jobs.keys()) {
      if (this.#stages <= STAGES_MAX) break
      this.#dropJob(id)
    }
    for (const id of this.#organizations.keys()) {
      if (this.#organizations.size <= ORGANIZATIONS_MAX) break
      this.#organizations.delete(id)
    }
    for (const key of this.#members.keys()) {
      if (this.#members.size <= MEMBERS_MAX) break
      this.#members.delete(key)
    }
  }

  #keepOrganization(row: OrganizationRow, stamp: string): void {
    const known = this.#organizations.get(row.id) ?? { row, stamp, counters: new Map() }
    this.#organizations.delete(row.id)
    row.parked = null
    known.row = row
    known.stamp = stamp
    this.#organizations.set(row.id, known)
  }

  #keepMember(row: MemberRow): void {
    const key = memberKey(row.organizationId, row.userId)
    const of = this.#organizations.get(row.organizationId)
    this.#members.delete(key)
    if (of !== undefined) this.#members.set(key, { of, row })
  }

  #keepJob(job: JobRow, stages: readonly StageRow[], hold: HoldRow | undefined): void {
    this.#dropJob(job.id)
    const of = this.#organizations.get(job.organizationId)
    if (of === undefined || isFinal(job.state) || job.state === 'rejected_for_balance') return
    for (const row of stages) {
      row.bound = null
      row.boundIsNew = false
      row.usage = undefined
      row.lines = undefined
      row.result = undefined
    }
    const open = hold?.state === 'open' ? { ...hold, isNew: false } : undefined
    this.#jobs.set(job.id, { of, job, stages, hold: open })
    this.#stages += stages.length
  }

  #dropJob(id: string): void {
    this.#stages -= this.#jobs.get(id)?.stages.length ?? 0
    this.#jobs.delete(id)
  }

  /** What was decided on remembered rows was stored. */
  confirm(organizationIds: Iterable<string>): void {
    for (const id of organizationIds) this.#doubts.note(id, true)
  }

  /** Others have changed these organisations since. */
  doubt(organizationIds: Iterable<string>): void {
    for (const id of organizationIds) this.#doubts.note(id, false)
  }

  /** After a batch that failed nothing is known of its organisations: the next one reads. */
  forget(organizationIds: Iterable<string>): void {
    for (const id of organizationIds) this.#organizations.delete(id)
  }
}

const memberKey = (organizationId: string, userId: string): string => `${organizationId} ${userId}`

/** Whether claims, settlements and ends are all that is asked: they need neither bounds nor members nor parked jobs. */
function asksForLittle({ admits, whole, members, keys, features, walks, slips }: NamedRows): boolean {
  const keyed = keys.ofJobs.length + keys.others.size + features.length
  return !admits && whole.size === 0 && members.size === 0 && keyed === 0 && walks.length === 0 && !slips
}
