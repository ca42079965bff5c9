import { describe, expect, it } from 'vitest'
import { type AuditedEntry, type AuditedOrganization, OrganizationAudit } from '../../src/ledger/audit.ts'

const ACME: AuditedOrganization = {
  id: 'acme',
  currency: 'USD',
  available: 70n,
  held: 30n,
  overdraftLimitPeak: 0n,
  seq: 2,
  seatsUsed: 1,
  activeMembers: 1,
  maxTeamMembers: 1,
  openHolds: 30n,
  periodStart: 0,
}
const TOP_UP: AuditedEntry = {
  seq: 1,
  kind: 'top_up',
  debit: 'funding',
  credit: 'available',
  amount: 100n,
  currency: 'USD',
  availableAfter: 100n,
  heldAfter: 0n,
  jobId: null,
}
const HOLD: AuditedEntry = {
  ...TOP_UP,
  seq: 2,
  kind: 'hold',
  debit: 'available',
  credit: 'held',
  amount: 30n,
  availableAfter: 70n,
  heldAfter: 30n,
}

function violationsOf(entries: readonly AuditedEntry[], organization: Partial<AuditedOrganization> = {}) {
  const audit = new OrganizationAudit({ ...ACME, ...organization })
  for (const entry of entries) audit.entry(entry)
  audit.endOfLedger()
  audit.rows()
  return audit.violations.map(({ invariant, detail }) => `${invariant} ${detail}`)
}

describe('the audit of a ledger', () => {
  it('finds nothing in books that balance', () => {
    expect(violationsOf([TOP_UP, HOLD])).toEqual([])
  })

  it.each<[string, Partial<AuditedEntry>, readonly string[]]>([
    ['a wrong amount, once', { amount: 101n }, ['1 entry 1: available is 0.0000001, the entries make 0.000000101']],
    [
      'a wrong sum, once',
      { availableAfter: 101n },
      [
        '1 entry 1: available is 0.000000101, the entries make 0.0000001',
        '1 entry 2: available is 0.00000007, the entries make 0.000000071',
      ],
    ],
    [
      'more held after it than was moved, once',
      { heldAfter: 1n },
      [
        '1 entry 1: held is 0.000000001, the entries make 0.00',
        '1 entry 2: held is 0.00000003, the entries make 0.000000031',
      ],
    ],
    [
      'an amount of nothing',
      { amount: 0n, availableAfter: 0n },
      ['1 entry 1 moves 0.00', '1 after entry 2 available is -0.00000003, below the limit'],
    ],
    [
      'accounts that its kind does not move between',
      { debit: 'revenue' },
      ['1 entry 1 is a top_up from revenue to available'],
    ],
    ['a kind that nobody knows', { kind: 'gift' }, ['1 entry 1 is a gift from funding to available']],
    ['another currency', { currency: 'EUR' }, ['1 entry 1 is in EUR']],
    ['a gap before it', { seq: 2 }, ['4 entry 2 stands where 1 is due', '4 entry 2 stands where 3 is due']],
  ])('names the entry with %s', (_what, change, expected) => {
    const [first, second] = [{ ...TOP_UP, ...change }, HOLD]
    const follows = change.amount === 0n ? { ...second, availableAfter: -30n } : second
    const available = follows.availableAfter
    expect(violationsOf([first, follows], { available })).toEqual(expected)
  })

  it.each<[string, Partial<AuditedOrganization>, string]>([
    [
      "a balance that is not the last entry's",
      { available: 71n },
      '1 balance: available is 0.000000071, the entries make 0.00000007',
    ],
    ['a balance of an entry that is not there', { seq: 3 }, '4 the balance is of entry 3, the ledger ends at 2'],
    ['open holds of another sum', { openHolds: 29n }, '2 held is 0.00000003, the open holds are 0.000000029'],
    ['seats that nobody has', { activeMembers: 0 }, '5 1 seats are used, 0 members are active'],
    ['more seats than are allowed', { maxTeamMembers: 0 }, '5 1 seats are used, the tariff allows 0'],
  ])('names %s', (_what, change, expected) => {
    expect(violationsOf([TOP_UP, HOLD], change)).toEqual([expected])
  })

  it('goes on behind an entry that was checked before', () => {
    const audit = new OrganizationAudit(ACME, { seq: 1, available: 100n, held: 0n })
    audit.entry(HOLD)
    audit.endOfLedger()
    expect([audit.violations, audit.seq, audit.entries]).toEqual([[], 2, 1])
  })

  it('lists the first of very many, and counts the others', () => {
    const audit = new OrganizationAudit(ACME)
    for (let seq = 1; seq <= 5_000; seq += 1)
      audit.entry({ ...TOP_UP, seq, currency: 'EUR', availableAfter: BigInt(seq) * 100n })
    expect(audit.violations).toHaveLength(21)
    expect(audit.violations.at(-1)?.detail).toBe('and 4980 more of invariant 1')
  })
})
