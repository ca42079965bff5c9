import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Findings } from './audit-findings.ts'
import type { AuditedJob } from './audit-job.ts'

interface AuditedMember {
  readonly userId: string
  /** What stands with the member of its jobs in the audited period, in nano-units. */
  readonly committed: Nano
}

/**
 * Adds up what the jobs of one period hold and were charged, by the member in whose name they run. Holds as many sums as
 * there are such members, however many jobs go through it.
 */
export class MemberFold {
  readonly #periodStart: number
  readonly #sums = new Map<string, Nano>()

  constructor(periodStart: number) {
    this.#periodStart = periodStart
  }

  add({ userId, periodStart, holds, stages }: AuditedJob): void {
    if (userId === null || periodStart !== this.#periodStart) return
    let sum = this.#sums.get(userId) ?? 0n
    for (const hold of holds) if (hold.state === 'open') sum += hold.remaining
    for (const stage of stages) if (stage.state === 'charged') sum += stage.charged
    this.#sums.set(userId, sum)
  }

  /** Compares the sums with what stands with every member; with whom nothing stands it is 0. */
  compare(members: readonly AuditedMember[], findings: Findings): void {
    const stored = new Map(members.map(({ userId, committed }) => [userId, committed]))
    for (const userId of new Set([...stored.keys(), ...this.#sums.keys()])) {
      const [stands, made] = [stored.get(userId) ?? 0n, this.#sums.get(userId) ?? 0n]
      if (stands === made) continue
      const figures = `${formatAmount(stands)}, the period's open holds and charges make ${formatAmount(made)}`
      findings.add(7, `committed of member ${userId} is ${figures}`)
    }
  }
}
