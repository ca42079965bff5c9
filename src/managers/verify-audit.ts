import { createHash } from 'node:crypto'
import { unescaped } from '../database/copy-out.ts'
import type { InSnapshot, Snapshot } from '../database/snapshot.ts'
import type { Logger } from '../foundation/logger.ts'
import { AuditChain, type AuditRow, BEGINNING, type ChainPlace } from '../ledger/audit-chain.ts'
import type { Violation } from '../ledger/audit-findings.ts'

/** What a scheduled check reads at most: ten million entries take two hours of sweeps, and then only the new ones. */
const CHECKED_MAX = 5_000
/** Rows between two looks at whether to go on. */
const STEP = 1_000
const NULL = '\\N'

/** How far the audit log goes, and what is wrong with it. Who keeps its last hash elsewhere can prove that it only grew. */
export interface ChainReport extends ChainPlace {
  /** Entries that were read. */
  readonly entries: number
  readonly violations: readonly Violation[]
}

interface VerifyAuditDependencies {
  readonly inSnapshot: InSnapshot
  readonly logger: Logger
  /** 5,000 by default. */
  readonly checkedMax?: number
}

const HEAD = `select seq, encode(hash, 'hex') from tollkeeper.audit_head`
const HASH_OF = `select encode(hash, 'hex') from tollkeeper.audit_log where seq = $1`

const rowsBehind = (seq: number, limit: number | null): string => `
  select seq, encode(hash, 'hex'), encode(prev_hash, 'hex'), tollkeeper.to_ms(at), action, organization_id, key_id, entry
  from tollkeeper.audit_log where seq > ${seq} order by seq limit ${limit ?? 'all'}`

/** Verifies the audit log: each entry by its hash and the hash before it, and its end by the head. */
export class VerifyAudit {
  readonly #with: VerifyAuditDependencies
  /** Until here the scheduled check of this process has read. In its memory, where who changes tables cannot change it. */
  #checked: ChainPlace = BEGINNING
  readonly #told = new Set<string>()

  constructor(dependencies: VerifyAuditDependencies) {
    this.#with = dependencies
  }

  /** Reads all of it. @param goOn throws where it shall end */
  whole(goOn: () => void): Promise<ChainReport> {
    return this.#with.inSnapshot((snapshot) => follow(snapshot, BEGINNING, null, goOn))
  }

  /**
   * Reads what is new since the last check of this process, whose first one begins with the first entry: at most so many.
   * That the entry where it stopped still has its hash shows that what was read before was not written anew.
   */
  async changed(goOn: () => void): Promise<void> {
    const { inSnapshot, checkedMax = CHECKED_MAX } = this.#with
    const report = await inSnapshot((snapshot) => follow(snapshot, this.#checked, checkedMax, goOn))
    this.#checked = { seq: report.seq, hash: report.hash }
    for (const { invariant, detail } of report.violations) {
      if (this.#told.has(detail)) continue
      this.#told.add(detail)
      this.#with.logger.error({ invariant, detail }, 'a safety invariant is broken')
    }
  }
}

async function follow(
  snapshot: Snapshot,
  from: ChainPlace,
  limit: number | null,
  goOn: () => void,
): Promise<ChainReport> {
  const chain = new AuditChain(sha256, from)
  if (from.seq > 0) {
    const [row] = await snapshot.read<[string]>(HASH_OF, [from.seq])
    chain.resumed(row?.[0] ?? null)
  }
  await snapshot.stream(rowsBehind(from.seq, limit), (row) => {
    chain.row(toRow(row))
    if (chain.entries % STEP === 0) goOn()
  })
  if (limit === null || chain.entries < limit) {
    const [head] = await snapshot.read<[string, string]>(HEAD, [])
    chain.end(head ? { seq: Number(head[0]), hash: head[1] } : null)
  }
  return { ...chain.place, entries: chain.entries, violations: chain.violations }
}

function toRow(row: string): AuditRow {
  const [seq, hash = '', prevHash = '', at, action = '', organizationId = NULL, keyId = NULL, entry = ''] =
    row.split('\t')
  return {
    seq: Number(seq),
    hash,
    prevHash,
    at: Number(at),
    action: unescaped(action),
    organizationId: organizationId === NULL ? null : unescaped(organizationId),
    keyId: keyId === NULL ? null : unescaped(keyId),
    entry: unescaped(entry),
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
