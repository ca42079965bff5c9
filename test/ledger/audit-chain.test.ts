import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { AuditChain, type AuditRow, BEGINNING, type ChainPlace, hashedText } from '../../src/ledger/audit-chain.ts'
import { auditEntryText } from '../../src/ledger/audit-entry.ts'

const AT = Date.parse('2026-11-24T10:00:00.123Z')
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** So many entries as PostgreSQL chains them. */
function chained(count: number): AuditRow[] {
  const rows: AuditRow[] = []
  for (let seq = 1; seq <= count; seq += 1) {
    const prevHash = rows.at(-1)?.hash ?? BEGINNING.hash
    const [action, organizationId] = [seq % 2 === 0 ? 'top-up.create' : 'tariff.publish', seq % 2 === 0 ? 'acme' : null]
    const principal = { role: 'admin', keyId: `key-${seq}`, organizationId: null, userId: null } as const
    const record = { action, organizationId, target: `Zoë ${seq}`, before: null, after: { amount: '1.00' } }
    const entry = auditEntryText(AT + seq, { principal, requestId: 'r' }, record)
    const hash = sha256(hashedText(prevHash, seq, entry))
    rows.push({ seq, entry, prevHash, hash, at: AT + seq, action, organizationId, keyId: `key-${seq}` })
  }
  return rows
}

function found(rows: readonly AuditRow[], head: ChainPlace | null | undefined = rows.at(-1), from = BEGINNING) {
  const chain = new AuditChain(sha256, from)
  for (const row of rows) chain.row(row)
  chain.end(head ?? null)
  return chain.violations.map(({ invariant, organizationId, detail }) => {
    expect([invariant, organizationId]).toEqual([9, null])
    return detail
  })
}

const FIVE = chained(5)
const [first, second, third, fourth, fifth] = FIVE as [AuditRow, AuditRow, AuditRow, AuditRow, AuditRow]
/** The row with its hash made to fit what it says: whoever can write can hash, too. */
const hashed = (row: AuditRow): AuditRow => ({ ...row, hash: sha256(hashedText(row.prevHash, row.seq, row.entry)) })
const NOT_HASHED = 'is not what was hashed: its number, its text or a hash was changed'
const NOT_NEXT = "does not follow the one before: its prev_hash is another's"
const other = sha256('another')

describe('the chain of the audit log', () => {
  it('is whole from its first entry to its head, empty too, and from any place on', () => {
    expect(found(FIVE)).toEqual([])
    expect(found([], BEGINNING)).toEqual([])
    expect(found(FIVE.slice(2), fifth, second)).toEqual([])
  })

  it('says how far it came', () => {
    const chain = new AuditChain(sha256, BEGINNING)
    for (const row of FIVE) chain.row(row)
    expect([chain.place, chain.entries]).toEqual([{ seq: 5, hash: fifth.hash }, 5])
  })

  it.each<readonly [what: string, rows: readonly AuditRow[], names: readonly string[]]>([
    [
      'the text',
      [first, { ...second, entry: second.entry.replace('1.00', '9.00') }, third],
      [`audit entry 2 ${NOT_HASHED}`],
    ],
    ['a blank in it', [first, { ...second, entry: ` ${second.entry}` }, third], [`audit entry 2 ${NOT_HASHED}`]],
    [
      'the hash',
      [first, { ...second, hash: other }, third],
      [`audit entry 2 ${NOT_HASHED}`, `audit entry 3 ${NOT_NEXT}`],
    ],
    [
      'the hash before',
      [first, { ...second, prevHash: other }],
      [`audit entry 2 ${NOT_NEXT}`, `audit entry 2 ${NOT_HASHED}`],
    ],
    [
      'the text and its hash',
      [first, hashed({ ...second, entry: second.entry.replace('1.00', '9.00') }), third],
      [`audit entry 3 ${NOT_NEXT}`],
    ],
    ['the time', [{ ...first, at: AT }], ['audit entry 1: its column at is not what it says']],
    ['the action', [{ ...first, action: 'nothing' }], ['audit entry 1: its column action is not what it says']],
    [
      'the organisation',
      [{ ...first, organizationId: 'acme' }],
      ['audit entry 1: its column organization_id is not what it says'],
    ],
    ['the key', [{ ...first, keyId: null }], ['audit entry 1: its column key_id is not what it says']],
    [
      'a text that says nothing any more',
      [hashed({ ...first, organizationId: null, entry: '{' })],
      ['at', 'action', 'organization_id', 'key_id'].map(
        (name) => `audit entry 1: its column ${name} is not what it says`,
      ),
    ],
  ])('names a change of %s', (_what, rows, names) => {
    expect(found(rows)).toEqual(names)
  })

  it.each<readonly [what: string, rows: readonly AuditRow[], names: readonly string[]]>([
    ['an entry that is gone', [first, third, fourth], ['audit entry 2 is missing']],
    ['entries that are gone', [first, fifth], ['audit entries 2 to 4 are missing']],
    ['a beginning that is gone', [second, third], ['audit entry 1 is missing']],
    [
      'two that changed places',
      [first, { ...third, seq: 2 }, { ...second, seq: 3 }, fourth],
      [
        `audit entry 2 ${NOT_NEXT}`,
        `audit entry 2 ${NOT_HASHED}`,
        `audit entry 3 ${NOT_NEXT}`,
        `audit entry 3 ${NOT_HASHED}`,
        `audit entry 4 ${NOT_NEXT}`,
      ],
    ],
    [
      'one that moved up into the place of another',
      [first, { ...third, seq: 2 }],
      [`audit entry 2 ${NOT_NEXT}`, `audit entry 2 ${NOT_HASHED}`],
    ],
    ['one that stands there twice', [first, second, second], ['audit entry 2 stands there twice']],
  ])('names what stands elsewhere: %s', (_what, rows, names) => {
    expect(found(rows)).toEqual(names)
  })

  it.each<readonly [what: string, head: ChainPlace | null, names: readonly string[]]>([
    ['a cut tail', { seq: 6, hash: other }, ['audit entry 6 is missing at the end: the head has numbered up to there']],
    [
      'a long cut tail',
      { seq: 9, hash: other },
      ['audit entries 6 to 9 are missing at the end: the head has numbered up to there'],
    ],
    ['entries behind the head', fourth, ['the audit log goes on to entry 5, its head ends at 4']],
    [
      'another hash of the head',
      { ...fifth, hash: other },
      ['the head of the audit log has another hash than its last entry, 5'],
    ],
    ['a head that is gone', null, ['the head of the audit log is gone, so that a cut tail would not be missed']],
  ])('names an end that is not the head: %s', (_what, head, names) => {
    expect(found(FIVE, head)).toEqual(names)
  })

  it('names a log that was emptied, and one that was written anew up to where it was verified last', () => {
    expect(found([], fifth)).toEqual(['audit entries 1 to 5 are missing at the end: the head has numbered up to there'])
    const anew = new AuditChain(sha256, third)
    anew.resumed(other)
    expect(anew.violations.map(({ detail }) => detail)).toEqual([
      'audit entry 3 has another hash than when it was verified last: what stands up to it was written anew',
    ])
    const gone = new AuditChain(sha256, third)
    gone.resumed(null)
    expect(gone.violations).toMatchObject([
      { detail: 'audit entry 3 is gone, which was there when it was verified last' },
    ])
    const same = new AuditChain(sha256, third)
    same.resumed(third.hash)
    expect(same.violations).toEqual([])
  })

  it('lists the first of many damages, and how many more there are', () => {
    const details = found(chained(50).map((row) => ({ ...row, keyId: null })))
    expect(details).toHaveLength(21)
    expect(details.at(-1)).toBe('and 30 more of invariant 9')
  })

  it('hashes different texts for different numbers and entries', () => {
    expect(hashedText('a', 1, '2\n3')).toBe('a\n1\n2\n3')
    const texts = [hashedText(other, 1, '1{}'), hashedText(other, 11, '{}'), hashedText(other, 1, '\n{}')]
    expect(new Set(texts).size).toBe(3)
  })
})
