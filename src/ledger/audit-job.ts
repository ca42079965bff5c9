import type { Grants } from '../pricing/counters.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { Findings } from './audit-findings.ts'
import { lineFaults } from './audit-line.ts'
import { minimumFault } from './audit-minimum.ts'
import type { SettledLine } from './facts.ts'
import { businessKey } from './keys.ts'
import type { JobState, StageState } from './states.ts'

/** A job with everything that was stored of its money. Amounts in nano-units. */
export interface AuditedJob {
  readonly id: string
  readonly userId: string | null
  readonly state: JobState
  readonly tariffVersionId: string | null
  /** Epoch milliseconds. */
  readonly periodStart: number | null
  readonly charged: Nano
  readonly reversed: Nano
  readonly released: Nano
  readonly writtenOff: Nano
  readonly stages: readonly AuditedStage[]
  readonly holds: readonly AuditedHold[]
  readonly entries: readonly AuditedJobEntry[]
}

export interface AuditedStage {
  readonly stage: string
  readonly state: StageState
  readonly tokens: number
  readonly charged: Nano
  /** null: none are stored, or what is stored cannot be read. */
  readonly lines: readonly SettledLine[] | null
  readonly grants: Grants
}

export interface AuditedHold {
  readonly generation: number
  readonly amount: Nano
  readonly remaining: Nano
  readonly state: 'open' | 'closed'
  /** Whether it is the hold of the job's own organisation. */
  readonly own: boolean
}

export interface AuditedJobEntry {
  readonly seq: number
  readonly kind: string
  readonly amount: Nano
  readonly credit: string
  readonly businessKey: string
  readonly reversesSeq: number | null
  /** Whether it stands in the ledger of the job's own organisation. */
  readonly own: boolean
}

/** Which invariant an entry breaks that nothing in its job accounts for. */
const OF_KIND: Readonly<Record<string, number>> = { hold: 2, extend: 2, release: 2, reversal: 7 }
const CHARGES = 3

/** What the entries of one job moved, by kind; `restored` is what reversals gave back into its hold. */
interface Sums {
  hold: Nano
  extend: Nano
  charge: Nano
  release: Nano
  reversal: Nano
  restored: Nano
}

/** The audit of one job: `left` are the entries that nothing has accounted for yet, by business key. */
interface Case {
  readonly job: AuditedJob
  readonly findings: Findings
  readonly left: Map<string, AuditedJobEntry>
  readonly sums: Readonly<Sums>
}

/**
 * Checks invariants 2, 3 and 7 of one job: each entry is accounted for by a hold or a line, each line by an entry, the
 * pinned tariff gives the same prices, and what was held is what was charged, released and is left.
 * @param tariff the version that the job pins; undefined before its admission
 */
export function auditJob(job: AuditedJob, tariff: Tariff | undefined, findings: Findings): void {
  const left = new Map<string, AuditedJobEntry>()
  for (const entry of job.entries) left.set(entry.businessKey, entry)
  const audit = { job, findings, left, sums: sumsOf(job.entries) }
  auditHolds(audit)
  for (const stage of job.stages) auditStage(audit, stage, tariff)
  auditTotals(audit)
  for (const { seq, kind, businessKey: key, own } of job.entries) {
    if (!own) findings.add(CHARGES, `entry ${key} of job ${job.id} stands in another organisation's ledger`)
    else if (left.has(key)) findings.add(OF_KIND[kind] ?? CHARGES, `entry ${seq} (${key}) has nothing that it is for`)
  }
}

const sum = <T>(rows: readonly T[], amountOf: (row: T) => Nano): Nano => {
  let total = 0n
  for (const row of rows) total += amountOf(row)
  return total
}

function sumsOf(entries: readonly AuditedJobEntry[]): Sums {
  const sums = { hold: 0n, extend: 0n, charge: 0n, release: 0n, reversal: 0n, restored: 0n }
  for (const { kind, amount, credit } of entries) {
    if (kind === 'charge') sums.charge += amount
    else if (kind === 'hold') sums.hold += amount
    else if (kind === 'release') sums.release += amount
    else if (kind === 'extend') sums.extend += amount
    else if (kind === 'reversal') {
      sums.reversal += amount
      if (credit === 'held') sums.restored += amount
    }
  }
  return sums
}

function auditHolds(audit: Case): void {
  const { job, findings, left, sums } = audit
  const open = job.holds.filter((hold) => hold.state === 'open')
  if (open.length > 1) findings.add(2, `job ${job.id} has ${open.length} open holds`)
  if (open.length > 0 && job.state !== 'processing') {
    findings.add(2, `job ${job.id} is ${job.state} and its hold ${open[0]?.generation} is still open`)
  }
  for (const { generation, own, state } of job.holds) {
    if (!own) findings.add(2, `hold ${job.id}:${generation} is another organisation's than its job`)
    left.delete(businessKey.hold(job.id, generation))
    if (state === 'closed') left.delete(businessKey.release(job.id, generation))
  }
  for (const { kind, businessKey: key } of job.entries) {
    if (kind === 'extend' && job.stages.some(({ stage }) => key.startsWith(`extend:${job.id}:${stage}:`)))
      left.delete(key)
  }
  const amounts = sum(job.holds, (hold) => hold.amount)
  if (amounts !== sums.hold + sums.extend) {
    const figures = `${formatAmount(amounts)}, its entries held ${formatAmount(sums.hold + sums.extend)}`
    findings.add(2, `the holds of job ${job.id} are ${figures}`)
  }
  const into = sums.hold + sums.extend + sums.restored
  const out = sums.charge + sums.release
  const remaining = sum(job.holds, (hold) => hold.remaining)
  if (into !== out + remaining) {
    const figures = `${formatAmount(into)} went in, ${formatAmount(out)} came out`
    findings.add(2, `the hold of job ${job.id} does not close: ${figures}, ${formatAmount(remaining)} remain`)
  }
}

function auditStage(audit: Case, stage: AuditedStage, tariff: Tariff | undefined): void {
  const { job, findings } = audit
  const settled = stage.state === 'charged' || stage.state === 'reversed'
  const place = `stage ${stage.stage} of job ${job.id}`
  if (!settled) {
    if (stage.charged !== 0n) findings.add(CHARGES, `${place} is ${stage.state} and has a charge`)
    return
  }
  if (!tariff || stage.lines === null) {
    findings.add(CHARGES, `${place} is ${stage.state} and has no ${tariff ? 'readable lines' : 'pinned tariff'}`)
    return
  }
  for (const fault of faultsOf(tariff, stage.stage, stage.lines)) findings.add(CHARGES, `${place}: ${fault}`)
  const fault = minimumFault(tariff, stage.stage, stage.lines, job.stages)
  if (fault !== null) findings.add(CHARGES, `${place} ${fault}`)
  let [charged, tokens] = [0n, 0]
  for (const line of stage.lines) {
    charged += line.amount
    if (line.kind !== 'agent' && line.kind !== 'minimum') tokens += line.quantity
    auditLine(audit, stage, line)
  }
  if (charged !== stage.charged) {
    const figures = `${formatAmount(stage.charged)} is stored, its lines make ${formatAmount(charged)}`
    findings.add(CHARGES, `${place} is charged otherwise than its lines: ${figures}`)
  }
  if (tokens !== stage.tokens) findings.add(CHARGES, `${place} used ${stage.tokens} tokens, its lines have ${tokens}`)
}

/** Figures that no arithmetic can work with are a finding like any other, not the end of the audit. */
function faultsOf(tariff: Tariff, stage: string, lines: readonly SettledLine[]): readonly string[] {
  try {
    return lineFaults(tariff, stage, lines)
  } catch (error) {
    return [`its lines cannot be priced (${error instanceof Error ? error.message : String(error)})`]
  }
}

function auditLine(audit: Case, stage: AuditedStage, line: SettledLine): void {
  const { job, findings } = audit
  const component = line.component ?? line.kind
  const key = businessKey.charge(job.id, stage.stage, component, line.tokenClass)
  const charge = line.amount > 0n ? take(audit, CHARGES, key, line.amount) : undefined
  if (charge && charge.seq !== line.ledgerSeq) {
    findings.add(CHARGES, `the line of ${key} names entry ${line.ledgerSeq}, its entry is ${charge.seq}`)
  }
  if (line.writtenOff > 0n) {
    const writeOff = businessKey.writeOff(job.id, stage.stage, component, line.tokenClass)
    take(audit, CHARGES, writeOff, line.writtenOff)
  }
  if (stage.state !== 'reversed' || line.amount === 0n) return
  const reversal = take(audit, 7, businessKey.reversal(key), line.amount)
  if (reversal && reversal.reversesSeq !== line.ledgerSeq) {
    findings.add(7, `entry ${reversal.seq} reverses entry ${reversal.reversesSeq}, the charge is ${line.ledgerSeq}`)
  }
}

/** Accounts for the entry of a key, which must be there with this amount. */
function take({ findings, left }: Case, invariant: number, key: string, amount: Nano): AuditedJobEntry | undefined {
  const entry = left.get(key)
  left.delete(key)
  if (!entry) findings.add(invariant, `${key} has no entry of its ${formatAmount(amount)}`)
  else if (entry.amount !== amount) {
    findings.add(invariant, `entry ${entry.seq} (${key}) is ${formatAmount(entry.amount)}, not ${formatAmount(amount)}`)
  }
  return entry
}

/** What the job's own row says, which is what its receipt shows. */
function auditTotals(audit: Case): void {
  const { job, findings, sums } = audit
  const expect = (invariant: number, name: string, stored: Nano, found: Nano): void => {
    if (stored === found) return
    const figures = `${formatAmount(stored)} is stored, the parts make ${formatAmount(found)}`
    findings.add(invariant, `${name} of job ${job.id} does not add up: ${figures}`)
  }
  expect(
    CHARGES,
    'charged',
    job.charged,
    sum(job.stages, (stage) => stage.charged),
  )
  const off = sum(job.stages, ({ lines, state }) => {
    return state === 'charged' || state === 'reversed' ? sum(lines ?? [], (line) => line.writtenOff) : 0n
  })
  expect(CHARGES, 'written_off', job.writtenOff, off)
  expect(2, 'released', job.released, sums.release)
  expect(7, 'reversed', job.reversed, sums.reversal)
  if (sums.reversal > sums.charge) findings.add(7, `job ${job.id} has more reversed than charged`)
  const ceiling = sums.hold + sums.extend
  if (sums.charge <= ceiling) return
  const figures = `${formatAmount(sums.charge)}, above its hold of ${formatAmount(ceiling)}`
  findings.add(CHARGES, `job ${job.id} is charged ${figures}`)
}
