import { describe, expect, it } from 'vitest'
import { Findings } from '../../src/ledger/audit-findings.ts'
import { type AuditedJob, type AuditedJobEntry, auditJob } from '../../src/ledger/audit-job.ts'
import type { SettledLine } from '../../src/ledger/facts.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'

const TARIFF = tariff(
  component({ key: 'input', kind: 'input_tokens', price: 1n, per: 1 }),
  component({ key: 'llm', kind: 'llm_tokens', price: 1n, per: 1, llmModel: '*', tokenClass: 'input' }),
)
const PLAIN = { model: 'per_unit', price: 1n, per: 1, tiers: null, source: 'counted', includedUsed: 0 } as const
const line = (
  fields: Pick<SettledLine, 'component' | 'kind' | 'llmModel' | 'tokenClass'>,
  units: number,
  seq: number,
) => {
  const figures = { quantity: units, billedQuantity: units, counterBefore: 0, counterAfter: units, billedBefore: 0 }
  return { ...PLAIN, ...fields, ...figures, amount: BigInt(units), writtenOff: 0n, ledgerSeq: seq }
}
const INPUT = line({ component: 'input', kind: 'input_tokens', llmModel: null, tokenClass: null }, 10, 2)
const CALLS = line({ component: 'llm', kind: 'llm_tokens', llmModel: 'm', tokenClass: 'input' }, 35, 5)

const entry = (seq: number, kind: string, businessKey: string, amount: bigint): AuditedJobEntry => {
  const credit = kind === 'charge' ? 'revenue' : kind === 'release' ? 'available' : 'held'
  return { seq, kind, amount, credit, businessKey, reversesSeq: null, own: true }
}

/** Held 30, charged 10 of it; twice the agent asked for 10 more; charged 35, and 5 went back. */
const ENTRIES = [
  entry(1, 'hold', 'hold:j:1', 30n),
  entry(2, 'charge', 'charge:j:input:input:-', 10n),
  entry(3, 'extend', 'extend:j:agent.a:2', 10n),
  entry(4, 'extend', 'extend:j:agent.a:3', 10n),
  entry(5, 'charge', 'charge:j:agent.a:llm:input', 35n),
  entry(6, 'release', 'release:j:1', 5n),
]
const JOB: AuditedJob = {
  id: 'j',
  userId: null,
  state: 'cancelled',
  tariffVersionId: TARIFF.versionId,
  periodStart: 0,
  charged: 45n,
  reversed: 0n,
  released: 5n,
  writtenOff: 0n,
  stages: [
    { stage: 'input', state: 'charged', tokens: 10, charged: 10n, lines: [INPUT], grants: {} },
    { stage: 'agent.a', state: 'charged', tokens: 35, charged: 35n, lines: [CALLS], grants: {} },
  ],
  holds: [{ generation: 1, amount: 50n, remaining: 0n, state: 'closed', own: true }],
  entries: ENTRIES,
}

function violationsOf(change: Partial<AuditedJob>): readonly string[] {
  const findings = new Findings('acme')
  auditJob({ ...JOB, ...change }, TARIFF, findings)
  return findings.violations().map(({ invariant, detail }) => `${invariant} ${detail}`)
}

const changed = (seq: number, change: Partial<AuditedJobEntry>): Pick<AuditedJob, 'entries'> => ({
  entries: ENTRIES.map((each) => (each.seq === seq ? { ...each, ...change } : each)),
})

describe('the audit of a job whose hold was extended', () => {
  it('finds nothing where holds are what was held and extended, and charges are no more', () => {
    expect(violationsOf({})).toEqual([])
  })

  it.each<[string, Partial<AuditedJob>, readonly string[]]>([
    [
      'a hold that does not say its extensions',
      { holds: [{ generation: 1, amount: 30n, remaining: 0n, state: 'closed', own: true }] },
      ['2 the holds of job j are 0.00000003, its entries held 0.00000005'],
    ],
    [
      'an extension that is missing',
      { entries: ENTRIES.filter(({ seq }) => seq !== 4) },
      [
        '2 the holds of job j are 0.00000005, its entries held 0.00000004',
        '2 the hold of job j does not close: 0.00000004 went in, 0.00000005 came out, 0.00 remain',
        '3 job j is charged 0.000000045, above its hold of 0.00000004',
      ],
    ],
    [
      'an extension of another amount',
      changed(3, { amount: 11n }),
      [
        '2 the holds of job j are 0.00000005, its entries held 0.000000051',
        '2 the hold of job j does not close: 0.000000051 went in, 0.00000005 came out, 0.00 remain',
      ],
    ],
    [
      'an extension for a stage that the job does not have',
      changed(3, { businessKey: 'extend:j:agent.b:2' }),
      ['2 entry 3 (extend:j:agent.b:2) has nothing that it is for'],
    ],
    [
      'an extension for a stage whose name only begins like one',
      changed(3, { businessKey: 'extend:j:agent.ab:2' }),
      ['2 entry 3 (extend:j:agent.ab:2) has nothing that it is for'],
    ],
    [
      'an extension for another job',
      changed(3, { businessKey: 'extend:k:agent.a:2' }),
      ['2 entry 3 (extend:k:agent.a:2) has nothing that it is for'],
    ],
    [
      'a charge above what was held and extended',
      {
        ...changed(6, { kind: 'charge', businessKey: 'charge:j:input:more:-', credit: 'revenue', amount: 6n }),
        released: 0n,
      },
      [
        '2 the hold of job j does not close: 0.00000005 went in, 0.000000051 came out, 0.00 remain',
        '3 job j is charged 0.000000051, above its hold of 0.00000005',
        '3 entry 6 (charge:j:input:more:-) has nothing that it is for',
      ],
    ],
  ])('names, of an extended hold, %s', (_what, change, expected) => {
    expect(violationsOf(change)).toEqual(expected)
  })
})
