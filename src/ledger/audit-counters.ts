import type { Tariff } from '../pricing/tariff.ts'
import type { AuditedFeatureCharge } from './audit-feature.ts'
import type { Findings } from './audit-findings.ts'
import type { AuditedJob } from './audit-job.ts'
import type { CounterRow, SettledLine } from './facts.ts'

type AuditedCounter = Omit<CounterRow, 'organizationId'>
type Figures = { used: number; includedUsed: number; reserved: number }

/**
 * Adds up what the lines of charged stages and features used and what the open holds were promised, per component and
 * period. Holds as many sums as there are counters, however many jobs and charges go through it.
 */
export class CounterFold {
  readonly #sums = new Map<string, Figures>()

  add(job: AuditedJob, tariff: Tariff | undefined): void {
    if (!tariff || job.periodStart === null) return
    const isOpen = job.holds.some((hold) => hold.state === 'open')
    for (const { state, lines, grants } of job.stages) {
      if (state === 'charged') {
        for (const line of lines ?? []) this.#use(tariff, line, job.periodStart)
      }
      if (!isOpen) continue
      for (const [component, units] of Object.entries(grants)) {
        this.#of(tariff.planId, component, job.periodStart).reserved += units
      }
    }
  }

  addFeature({ line, periodStart }: AuditedFeatureCharge, tariff: Tariff | undefined): void {
    if (tariff && line) this.#use(tariff, line, periodStart)
  }

  #use({ planId }: Tariff, { component, kind, quantity, includedUsed }: SettledLine, periodStart: number): void {
    if (component === null || kind === 'minimum') return
    const sum = this.#of(planId, component, periodStart)
    sum.used += quantity
    sum.includedUsed += includedUsed
  }

  /** Compares the sums with every counter that is stored; a counter that is not stored is zero. */
  compare(rows: readonly AuditedCounter[], findings: Findings): void {
    const missing = new Map(this.#sums)
    for (const row of rows) {
      const key = keyOf(row.planId, row.component, row.periodStart)
      compareOne(key, row, missing.get(key) ?? ZERO, findings)
      missing.delete(key)
    }
    for (const [key, sum] of missing) compareOne(key, ZERO, sum, findings)
  }

  #of(planId: string, component: string, periodStart: number): Figures {
    const key = keyOf(planId, component, periodStart)
    const known = this.#sums.get(key)
    if (known) return known
    const sum = { ...ZERO }
    this.#sums.set(key, sum)
    return sum
  }
}

const ZERO: Figures = { used: 0, includedUsed: 0, reserved: 0 }

const keyOf = (planId: string, component: string, periodStart: number): string =>
  `${component} of plan ${planId} from ${periodStart}`

function compareOne(key: string, stored: Figures, sum: Figures, findings: Findings): void {
  for (const name of ['used', 'includedUsed', 'reserved'] as const) {
    if (stored[name] === sum[name]) continue
    findings.add(7, `counter ${key}: ${name} is ${stored[name]}, the charges and open holds make ${sum[name]}`)
  }
}
