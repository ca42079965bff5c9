import { featureComponent } from '../pricing/match.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Findings } from './audit-findings.ts'
import { lineFault } from './audit-line.ts'
import type { SettledLine } from './facts.ts'

/** A feature's charge with the entry that stands under its business key. Amounts in nano-units. */
export interface AuditedFeatureCharge {
  readonly id: string
  readonly key: string
  readonly feature: string
  readonly quantity: number
  readonly tariffVersionId: string
  /** Epoch milliseconds. */
  readonly periodStart: number
  readonly charged: Nano
  readonly ledgerSeq: number | null
  /** null: what is stored cannot be read. */
  readonly line: SettledLine | null
  readonly entry: AuditedFeatureEntry | null
}

export interface AuditedFeatureEntry {
  readonly seq: number
  readonly kind: string
  readonly amount: Nano
  readonly component: string | null
  /** Whether it stands in the ledger of the charge's own organisation. */
  readonly own: boolean
}

const CHARGES = 3

/**
 * Checks one charge of a feature: its line is what the pinned tariff makes of its quantity, and it has an entry of just
 * that amount, or none where it is 0.
 * @param tariff the version that it pins
 */
export function auditFeatureCharge(charge: AuditedFeatureCharge, tariff: Tariff | undefined, findings: Findings): void {
  const { id, key, feature, line } = charge
  const found = (detail: string): void => findings.add(CHARGES, `feature charge ${id} (${key}) ${detail}`)
  if (!tariff || line === null) {
    found(`has no ${tariff ? 'readable line' : 'pinned tariff'}`)
    return
  }
  const fault = faultOf(tariff, feature, line)
  if (fault !== null) found(fault)
  if (line.kind !== 'feature' || line.quantity !== charge.quantity) {
    found(`is of ${charge.quantity} units, its line is of ${line.quantity} units of ${line.kind}`)
  }
  if (line.amount !== charge.charged || line.writtenOff !== 0n || line.ledgerSeq !== charge.ledgerSeq) {
    found(`is stored as ${formatAmount(charge.charged)}, its line says ${formatAmount(line.amount)}`)
  }
  auditEntry(charge, line, found)
}

/** Figures that no arithmetic can work with are a finding like any other, not the end of the audit. */
function faultOf(tariff: Tariff, feature: string, line: SettledLine): string | null {
  try {
    return lineFault(featureComponent(tariff, feature), line, new Set())
  } catch (error) {
    return `cannot be priced (${error instanceof Error ? error.message : String(error)})`
  }
}

function auditEntry(
  { charged, ledgerSeq, entry }: AuditedFeatureCharge,
  line: SettledLine,
  found: (detail: string) => void,
): void {
  if (entry === null) {
    if (charged > 0n) found(`has no entry of its ${formatAmount(charged)}`)
    return
  }
  const { seq, kind, amount, component, own } = entry
  if (!own) found("has its entry in another organisation's ledger")
  if (seq !== ledgerSeq) found(`names entry ${ledgerSeq}, its entry is ${seq}`)
  if (kind !== 'feature' || component !== line.component) found(`has an entry of kind ${kind} for ${component}`)
  if (amount !== charged) found(`is ${formatAmount(charged)}, its entry ${seq} is ${formatAmount(amount)}`)
}
