import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Findings } from './audit-findings.ts'
import type { PeriodRow } from './period-row.ts'

export type AuditedPeriod = Omit<PeriodRow, 'organizationId'>

/** What of an entry periods are compared with. */
interface EntryBetween {
  readonly seq: number
  readonly kind: string
  readonly amount: Nano
  readonly jobId: string | null
  readonly availableAfter: Nano
  readonly heldAfter: Nano
}

/**
 * The periods of one organisation against its ledger, which is fed in the order of `seq`: they follow each other without a
 * gap, each edge is the balance that the ledger had there, and what was paid for them stands in it.
 */
export class PeriodAudit {
  readonly #periods: readonly AuditedPeriod[]
  readonly #findings: Findings
  /** Edges by the entry that they lie behind. */
  readonly #edges: ReadonlyMap<number, AuditedPeriod>
  #planFees: Nano = 0n
  #givenBack: Nano = 0n

  constructor(periods: readonly AuditedPeriod[], findings: Findings) {
    this.#periods = periods
    this.#findings = findings
    this.#edges = new Map(periods.map((period) => [period.opening.seq, period]))
    for (const [index, period] of periods.entries()) this.#follows(period, periods[index - 1])
  }

  entry({ seq, kind, amount, jobId, availableAfter, heldAfter }: EntryBetween): void {
    if (kind === 'plan_fee') this.#planFees += amount
    if (kind === 'reversal' && jobId === null) this.#givenBack += amount
    const period = this.#edges.get(seq)
    if (!period || (period.opening.available === availableAfter && period.opening.held === heldAfter)) return
    const { available, held } = period.opening
    const noted = `${formatAmount(available)} available and ${formatAmount(held)} held`
    const made = `${formatAmount(availableAfter)} and ${formatAmount(heldAfter)}`
    this.#findings.add(1, `period ${period.number} opens behind entry ${seq} with ${noted}, the entries make ${made}`)
  }

  /** After a whole ledger: what periods say was paid is what was posted. */
  end(): void {
    const paid = this.#periods.filter(({ paidAt }) => paidAt !== null)
    this.#compare('plan fees', total(paid.map(({ planFee }) => planFee)), this.#planFees)
    this.#compare('unused fees given back', total(paid.map(({ credit }) => credit)), this.#givenBack)
  }

  #follows({ number, opening, start }: AuditedPeriod, former: AuditedPeriod | undefined): void {
    if (former === undefined) {
      if (number !== 1) this.#findings.add(4, `the first period is number ${number}`)
      const isEmpty = opening.seq === 0 && opening.available === 0n && opening.held === 0n
      if (!isEmpty) this.#findings.add(1, `period ${number} does not open with nothing`)
      return
    }
    if (number !== former.number + 1) this.#findings.add(4, `period ${number} follows period ${former.number}`)
    const { closing, end } = former
    const meets =
      closing?.seq === opening.seq && closing.available === opening.available && closing.held === opening.held
    if (!meets || end !== start)
      this.#findings.add(1, `period ${number} does not open where period ${former.number} closes`)
  }

  #compare(what: string, noted: Nano, posted: Nano): void {
    if (noted === posted) return
    this.#findings.add(3, `${what} are ${formatAmount(noted)} by the periods, ${formatAmount(posted)} by the entries`)
  }
}

const total = (amounts: readonly Nano[]): Nano => amounts.reduce((sum, amount) => sum + amount, 0n)
