import type { ChainPlace } from '../ledger/audit-chain.ts'
import type { Violation } from '../ledger/audit-findings.ts'

/** What a verification found. `ok` is about safety only: warnings do not change it. */
export interface VerifyReport {
  readonly ok: boolean
  readonly organizations: number
  /** Ledger entries that were read. */
  readonly entries: number
  /** Safety, invariants 1 to 7 and 9. */
  readonly violations: readonly Violation[]
  /** Liveness, and guards that are weaker than they could be. */
  readonly warnings: readonly Violation[]
  /** Organisations whose spending was frozen for it. */
  readonly frozen: readonly string[]
  /** Number and hash of the last entry of the audit log; null where only one organisation was verified. */
  readonly auditLog: ChainPlace | null
}

const findingToJson = ({ invariant, organizationId, detail }: Violation) => {
  return { invariant, organization_id: organizationId, detail }
}

/** The shape of contract.md. */
export function verifyToJson({ ok, organizations, entries, violations, warnings, frozen, auditLog }: VerifyReport) {
  const findings = { violations: violations.map(findingToJson), warnings: warnings.map(findingToJson) }
  const chain = auditLog && { seq: auditLog.seq, hash: auditLog.hash }
  return { ok, organizations, entries, ...findings, frozen, audit_log: chain }
}
