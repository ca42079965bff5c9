import { businessKey } from '../../ledger/keys.ts'
import type { EvidentStage, ReceiptEvidence } from '../../managers/receipt-evidence.ts'
import { formatAmount, type Nano } from '../../pricing/money.ts'
import { compare, type Finding } from './finding.ts'
import { type DueLine, lineName } from './price-again.ts'

/** A settled stage with what its lines should have charged. */
export interface DueStage {
  readonly stage: EvidentStage
  readonly due: readonly DueLine[]
}

type Entry = ReceiptEvidence['entries'][number]

const sum = <T>(rows: readonly T[], amountOf: (row: T) => Nano): Nano => {
  let total = 0n
  for (const row of rows) total += amountOf(row)
  return total
}
const dueOf = (stages: readonly DueStage[]): Nano => sum(stages, ({ due }) => sum(due, ({ amount }) => amount))

/** Adds up a receipt again, from what its lines should have charged and from the holds, and asks the ledger for each. */
export function sumAgain(evidence: ReceiptEvidence, settled: readonly DueStage[]): readonly Finding[] {
  const left = new Map(
    evidence.entries
      .filter(({ organizationId }) => organizationId === evidence.receipt.organizationId)
      .map((entry) => [entry.businessKey, entry]),
  )
  const ofStages = settled.flatMap((stage) => sumStage(evidence.receipt.jobId, stage, left))
  return [...ofStages, ...sumJob(evidence, settled), ...ledgerOf(evidence, left)]
}

function sumStage(jobId: string, { stage, due }: DueStage, left: Map<string, Entry>): readonly Finding[] {
  const entries = due.flatMap((line) => entriesOf(jobId, stage, line, left))
  const charged = sum(due, ({ amount }) => amount)
  const how = due.map((line) => formatAmount(line.amount)).join(' + ') || 'no lines'
  const about = { stage: stage.stage, of: 'charged', figure: 'sum' } as const
  return [...entries, compare(about, formatAmount(stage.charged), formatAmount(charged), how)]
}

/** The entries that a line must have, each once; what is found leaves `left`. */
function entriesOf(
  jobId: string,
  { stage, state }: EvidentStage,
  { line, amount }: DueLine,
  left: Map<string, Entry>,
): readonly Finding[] {
  const about = { stage, of: lineName(line), figure: 'entry' } as const
  const name = line.component ?? line.kind
  const key = businessKey.charge(jobId, stage, name, line.tokenClass)
  const seq = line.ledgerSeq === null ? 'no entry' : `entry ${line.ledgerSeq}`
  const findings: Finding[] = []
  const expect = (entryKey: string, due: Nano, numberOf: (entry: Entry) => string, number: string, what: string) => {
    const entry = left.get(entryKey)
    left.delete(entryKey)
    if (!entry && due === 0n) return
    const stored = entry ? `${formatAmount(entry.amount)}${numberOf(entry)}` : 'no entry'
    findings.push(compare({ ...about, of: `${about.of}${what}` }, stored, `${formatAmount(due)}${number}`, LEDGER))
  }
  expect(key, amount, (entry) => ` as entry ${entry.seq}`, ` as ${seq}`, '')
  const writeOff = businessKey.writeOff(jobId, stage, name, line.tokenClass)
  expect(writeOff, line.writtenOff, () => '', '', ' written off')
  const reversed = state === 'reversed' ? amount : 0n
  const reverses = (entry: Entry) => ` of ${entry.reversesSeq === null ? 'no entry' : `entry ${entry.reversesSeq}`}`
  expect(businessKey.reversal(key), reversed, reverses, ` of ${seq}`, ' reversed')
  return findings
}

const LEDGER = 'the ledger'

function sumJob(evidence: ReceiptEvidence, settled: readonly DueStage[]): readonly Finding[] {
  const { receipt, entries, holds, chargedOfJob } = evidence
  const charged = dueOf(settled)
  const reversed = dueOf(settled.filter(({ stage }) => stage.state === 'reversed'))
  const off = sum(settled, ({ due }) => sum(due, ({ line }) => line.writtenOff))
  const ofKind = (kind: Entry['kind']) => entries.filter((entry) => entry.kind === kind)
  const [held, extended] = [sum(ofKind('hold'), amountOf), sum(ofKind('extend'), amountOf)]
  const remaining = sum(holds, (hold) => hold.remaining)
  // A hold that was open took the reversals in; without one they went straight to the balance.
  const intoHold = ofKind('reversal').some(({ creditAccount }) => creditAccount === 'held')
  const restored = intoHold ? reversed : 0n
  const of = (name: string, stored: Nano, again: Nano, how: string): Finding =>
    compare({ stage: null, of: name, figure: 'sum' }, formatAmount(stored), formatAmount(again), how)
  const stages = settled.map((stage) => formatAmount(dueOf([stage])))
  const releases = sum(ofKind('release'), amountOf)
  return [
    of('held', receipt.held, held + extended, signed([held, 'in holds'], [extended, 'in extensions'])),
    of('charged', chargedOfJob ?? receipt.charged, charged, stages.join(' + ') || 'nothing is settled'),
    of('reversed', receipt.reversed, reversed, 'the charges of reversed stages'),
    of('written off', receipt.writtenOff, off, 'what the lines leave to the platform'),
    of(
      'released',
      receipt.released,
      receipt.held + restored - charged - remaining,
      signed([receipt.held, 'held'], [restored, 'reversed'], [-charged, 'charged'], [-remaining, 'still held']),
    ),
    of('total', receipt.total, charged - reversed, signed([charged, 'charged'], [-reversed, 'reversed'])),
    compare(
      { stage: null, of: 'releases', figure: 'entry' },
      formatAmount(releases),
      formatAmount(receipt.released),
      `${formatAmount(releases)} in ${entriesIn(ofKind('release'))} of the ledger`,
    ),
  ]
}

const entriesIn = (entries: readonly Entry[]): string =>
  `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}`
const amountOf = ({ amount }: { readonly amount: Nano }): Nano => amount

/** A sum as a formula with figures, without what is 0 but for its first part. */
function signed(...parts: readonly (readonly [Nano, string])[]): string {
  const shown = parts.filter(([amount], index) => index === 0 || amount !== 0n)
  return shown
    .map(([amount, what], index) => {
      const sign = index === 0 ? '' : amount < 0n ? '- ' : '+ '
      return `${sign}${formatAmount(amount < 0n ? -amount : amount)} ${what}`
    })
    .join(' ')
}

/** What is left of the job's entries when each line has taken its own, and holds and releases were added up. */
function ledgerOf({ entries, receipt }: ReceiptEvidence, left: ReadonlyMap<string, Entry>): readonly Finding[] {
  const about = { stage: null, of: 'ledger', figure: 'entry' } as const
  const stray = entries.filter(({ businessKey: key, kind }) => {
    return !['hold', 'extend', 'release'].includes(kind) && left.has(key)
  })
  const foreign = entries.filter(({ organizationId }) => organizationId !== receipt.organizationId)
  const faults = [...stray, ...foreign]
  if (faults.length === 0) {
    const how = `${entriesIn(entries)} of this job, nothing without what it is for`
    return [compare(about, 'nothing else', 'nothing else', how)]
  }
  return faults.map(({ kind, seq, amount }) => {
    const how = 'an entry of this job that nothing here is for'
    return compare(about, `${kind} entry ${seq} of ${formatAmount(amount)}`, 'no such entry', how)
  })
}
