import { describe, expect, it } from 'vitest'
import type { Principal } from '../../src/foundation/mandate.ts'
import { type AuditRecord, auditEntryText } from '../../src/ledger/audit-entry.ts'

const AT = Date.parse('2026-11-24T10:00:00.123Z')
const ANN: Principal = { role: 'organization', keyId: 'key-1', organizationId: 'acme', userId: 'ann' }
const RECORD: AuditRecord = {
  action: 'member.add',
  organizationId: 'acme',
  target: 'member bob',
  before: null,
  after: null,
}
const told = (fields: Partial<AuditRecord>) =>
  JSON.parse(auditEntryText(AT, { principal: ANN, requestId: 'r-1' }, { ...RECORD, ...fields }))

describe('an entry of the audit log', () => {
  it('has always the same fields in the same order', () => {
    const after = { role: 'member', note: null, charged: '9.995' }
    expect(auditEntryText(AT, { principal: ANN, requestId: 'r-1' }, { ...RECORD, after })).toBe(
      '{"at":"2026-11-24T10:00:00.123Z","role":"organization","key_id":"key-1","user_id":"ann","request_id":"r-1",' +
        '"action":"member.add","organization_id":"acme","target":"member bob","before":null,' +
        '"after":{"role":"member","note":null,"charged":"9.995"}}',
    )
    expect(JSON.parse(auditEntryText(AT, { principal: null, requestId: null }, RECORD))).toMatchObject({
      ...{ role: 'nobody', key_id: null, user_id: null, request_id: null },
    })
  })

  it('keeps every kind of figure exactly', () => {
    const after = {
      nano: 9_007_199_254_740_993n,
      at: new Date(AT),
      count: 3,
      is: true,
      list: [1, 'two', null],
      gone: undefined,
    }
    expect(told({ after }).after).toEqual({
      ...{ nano: '9007199254740993', at: '2026-11-24T10:00:00.123Z', count: 3, is: true, list: [1, 'two', null] },
    })
  })

  it('leaves secrets and texts of customers out, wherever they were given by mistake', () => {
    const after = {
      id: 'k',
      secret: 'tk_live_1234',
      key: 'llm-out',
      job: { text: 'dear diary', result: { text: 'a diary' }, texts: ['one'] },
      list: [{ password: 'p', text: null }],
    }
    const entry = auditEntryText(AT, { principal: ANN, requestId: null }, { ...RECORD, before: after, after })
    expect(entry).not.toMatch(/tk_live|diary|"one"|"p"/)
    expect(JSON.parse(entry).after).toEqual({
      ...{ id: 'k', secret: 'left out', key: 'llm-out', list: [{ password: 'left out', text: null }] },
      job: { text: 'left out', result: { text: 'left out' }, texts: 'left out' },
    })
  })

  it('cuts what is long, with a mark, and never grows beyond what fits', () => {
    const note = 'ä'.repeat(501)
    const list = Array.from({ length: 53 }, (_, index) => index)
    const { after, target } = told({ after: { note, list }, target: note })
    expect(after.note).toBe(`${'ä'.repeat(500)}… (501 characters)`)
    expect(target).toBe(after.note)
    expect(after.list).toHaveLength(51)
    expect(after.list.at(-1)).toBe('… and 3 more')
    const fields = Object.fromEntries(list.map((each) => [`field-${each}`, note]))
    const large = told({ before: fields, after: { nested: Array.from({ length: 50 }, () => fields) } })
    expect(large.before.cut).toMatch(/^\d+ bytes$/)
    expect(large.after.cut).toMatch(/^\d+ bytes$/)
    let deep: object = {}
    for (let depth = 0; depth < 10_000; depth += 1) deep = { deep }
    expect(JSON.stringify(told({ after: deep }).after)).toBe(`${'{"deep":'.repeat(6)}"…"${'}'.repeat(6)}`)
  })

  it('has nothing in it that PostgreSQL cannot read: no NUL, no half of a character', () => {
    const cut = `${'a'.repeat(499)}😀`
    const entry = auditEntryText(
      AT,
      { principal: ANN, requestId: 'r\0' },
      { ...RECORD, target: 'x\0y', after: { 'a\0': '\ud800', cut } },
    )
    expect(entry).not.toMatch(/\\u0000|\\ud[89a-f]/i)
    expect(entry.isWellFormed()).toBe(true)
    expect(JSON.parse(entry)).toMatchObject({
      target: 'x\ufffdy',
      request_id: 'r\ufffd',
      after: { 'a\ufffd': '\ufffd' },
    })
  })
})
