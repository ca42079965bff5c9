import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import { CounterFold } from './audit-counters.ts'
import { type AuditedFeatureCharge, auditFeatureCharge } from './audit-feature.ts'
import { Findings, type Violation } from './audit-findings.ts'
import { type AuditedJob, auditJob } from './audit-job.ts'
import { MemberFold } from './audit-members.ts'
import { type AuditedPeriod, PeriodAudit } from './audit-periods.ts'

/** An entry of the ledger as the fold reads it. Amounts in nano-units. */
export interface AuditedEntry {
  readonly seq: number
  readonly kind: string
  readonly debit: string
  readonly credit: string
  readonly amount: Nano
  readonly currency: string
  readonly availableAfter: Nano
  readonly heldAfter: Nano
  readonly jobId: string | null
}

/** An organisation's balance row and what is counted beside it, in one snapshot. Amounts in nano-units. */
export interface AuditedOrganization {
  readonly id: string
  readonly currency: string
  readonly available: Nano
  readonly held: Nano
  /** The highest limit that it ever had: a limit may be lowered after the money came back. */
  readonly overdraftLimitPeak: Nano
  readonly seq: number
  readonly seatsUsed: number
  readonly activeMembers: number
  /** null: no limit. */
  readonly maxTeamMembers: number | null
  /** Σ `remaining` of its open holds. */
  readonly openHolds: Nano
  /** Of the present period: what its jobs come to is compared with what stands with their members. Epoch milliseconds. */
  readonly periodStart: number
}

/** Where a fold begins: at nothing, or behind an entry that was checked before. */
export interface FoldStart {
  readonly seq: number
  readonly available: Nano
  readonly held: Nano
}

export const FROM_NOTHING: FoldStart = { seq: 0, available: 0n, held: 0n }

/** Between which accounts each kind of entry moves money: kind → debit → credits. */
const WAYS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  top_up: { funding: ['available'] },
  hold: { available: ['held'] },
  extend: { available: ['held'] },
  charge: { held: ['revenue'] },
  release: { held: ['available'] },
  reversal: { revenue: ['held', 'available'] },
  plan_fee: { available: ['revenue'] },
  seat_fee: { available: ['revenue'] },
  feature: { available: ['revenue'] },
  write_off: { write_off: ['revenue'] },
  adjustment: { adjustment: ['available'], available: ['adjustment'] },
}

/**
 * The audit of one organisation: is fed its ledger in the order of `seq`, its jobs and its features' charges in any
 * order, row by row, and keeps only sums. Pure; whoever feeds it reads everything in one snapshot.
 */
export class OrganizationAudit {
  readonly #organization: AuditedOrganization
  readonly #findings: Findings
  readonly #counters = new CounterFold()
  readonly #members: MemberFold
  #seq: number
  #available: Nano
  #held: Nano
  #entries = 0
  #jobEntries = 0
  readonly #periods: PeriodAudit
  #featureEntries = 0

  constructor(
    organization: AuditedOrganization,
    start: FoldStart = FROM_NOTHING,
    periods: readonly AuditedPeriod[] = [],
  ) {
    this.#organization = organization
    this.#findings = new Findings(organization.id)
    this.#members = new MemberFold(organization.periodStart)
    this.#seq = start.seq
    this.#available = start.available
    this.#held = start.held
    this.#periods = new PeriodAudit(periods, this.#findings)
  }

  /** How many entries were read. */
  get entries(): number {
    return this.#entries
  }

  /** The `seq` that was read last. */
  get seq(): number {
    return this.#seq
  }

  /** Entries that name a job and were not met again in a job; not 0 after all jobs: some name none that exists. */
  get strayEntries(): number {
    return this.#jobEntries
  }

  /** Entries of features that were not met again with a charge; not 0 after all charges: some are of none that exists. */
  get strayFeatureEntries(): number {
    return this.#featureEntries
  }

  get violations(): readonly Violation[] {
    return this.#findings.violations()
  }

  /** The next entry. What is wrong is reported once: the fold goes on from what is stored. */
  entry(entry: AuditedEntry): void {
    const { seq, amount, debit, credit } = entry
    const findings = this.#findings
    this.#entries += 1
    if (entry.jobId !== null) this.#jobEntries += 1
    this.#periods.entry(entry)
    if (entry.kind === 'feature') this.#featureEntries += 1
    if (seq !== this.#seq + 1) findings.add(4, `entry ${seq} stands where ${this.#seq + 1} is due`)
    this.#seq = seq
    if (amount <= 0n) findings.add(1, `entry ${seq} moves ${formatAmount(amount)}`)
    if (!WAYS[entry.kind]?.[debit]?.includes(credit)) {
      findings.add(1, `entry ${seq} is a ${entry.kind} from ${debit} to ${credit}`)
    }
    if (entry.currency !== this.#organization.currency) findings.add(1, `entry ${seq} is in ${entry.currency}`)
    if (debit === 'available') this.#available -= amount
    else if (debit === 'held') this.#held -= amount
    if (credit === 'available') this.#available += amount
    else if (credit === 'held') this.#held += amount
    if (entry.availableAfter !== this.#available) {
      this.#differs(`entry ${seq}`, 'available', entry.availableAfter, this.#available)
      this.#available = entry.availableAfter
    }
    if (entry.heldAfter !== this.#held) {
      this.#differs(`entry ${seq}`, 'held', entry.heldAfter, this.#held)
      this.#held = entry.heldAfter
    }
    if (this.#available < -this.#organization.overdraftLimitPeak) {
      findings.add(1, `after entry ${seq} available is ${formatAmount(this.#available)}, below the limit`)
    }
    if (this.#held < 0n) findings.add(1, `after entry ${seq} held is ${formatAmount(this.#held)}`)
  }

  /** A job with all that belongs to it. @param tariff the version that it pins; undefined before its admission */
  job(job: AuditedJob, tariff: Tariff | undefined): void {
    this.#jobEntries -= job.entries.length
    auditJob(job, tariff, this.#findings)
    this.#counters.add(job, tariff)
    this.#members.add(job)
  }

  /** A feature's charge with its entry. @param tariff the version that it pins */
  featureCharge(charge: AuditedFeatureCharge, tariff: Tariff | undefined): void {
    if (charge.entry?.own && charge.entry.kind === 'feature') this.#featureEntries -= 1
    auditFeatureCharge(charge, tariff, this.#findings)
    this.#counters.addFeature(charge, tariff)
  }

  /** An entry of a feature that nothing was charged for. */
  missingFeatureCharge(seq: number, key: string): void {
    this.#findings.add(3, `entry ${seq} (${key}) is of a feature's charge that is not there`)
  }

  /** A job that entries name and that is not there. */
  missingJob(jobId: string, seq: number): void {
    this.#findings.add(3, `entry ${seq} names job ${jobId}, which this organisation does not have`)
  }

  /** An entry behind which a fold should have begun. */
  missingEntry(seq: number): void {
    this.#findings.add(4, `entry ${seq} is missing`)
  }

  /** After the last entry: the balance row is the ledger's projection. */
  endOfLedger(): void {
    const { available, held, seq } = this.#organization
    if (seq !== this.#seq) this.#findings.add(4, `the balance is of entry ${seq}, the ledger ends at ${this.#seq}`)
    if (available !== this.#available) this.#differs('balance', 'available', available, this.#available)
    if (held !== this.#held) this.#differs('balance', 'held', held, this.#held)
  }

  /** After a ledger that was read from its first entry. */
  endOfPeriods(): void {
    this.#periods.end()
  }

  /**
   * After every job and every feature's charge of the organisation: its counters, and what is counted against members, are
   * the fold of them all.
   */
  endOfCharges(counters: Parameters<CounterFold['compare']>[0], members: Parameters<MemberFold['compare']>[0]): void {
    this.#counters.compare(counters, this.#findings)
    this.#members.compare(members, this.#findings)
  }

  /** What the organisation's own rows say of each other. */
  rows(): void {
    const { held, openHolds, seatsUsed, activeMembers, maxTeamMembers } = this.#organization
    if (held !== openHolds) {
      this.#findings.add(2, `held is ${formatAmount(held)}, the open holds are ${formatAmount(openHolds)}`)
    }
    if (seatsUsed !== activeMembers) {
      this.#findings.add(5, `${seatsUsed} seats are used, ${activeMembers} members are active`)
    }
    if (maxTeamMembers !== null && seatsUsed > maxTeamMembers) {
      this.#findings.add(5, `${seatsUsed} seats are used, the tariff allows ${maxTeamMembers}`)
    }
  }

  #differs(where: string, name: string, stored: Nano, made: Nano): void {
    this.#findings.add(1, `${where}: ${name} is ${formatAmount(stored)}, the entries make ${formatAmount(made)}`)
  }
}
