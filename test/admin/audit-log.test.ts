import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Principal, SYSTEM } from '../../src/foundation/mandate.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const PATH = '/api/v1/admin/audit-log'
const KEY = 'a-key-of-the-operator-of-32-characters'
const ANN: Principal = { role: 'organization', keyId: 'key-ann', organizationId: 'acme', userId: 'ann' }

describe('GET /api/v1/admin/audit-log', () => {
  let door: Door
  beforeAll(async () => {
    door = await openDoor()
    for (let index = 1; index <= 5; index += 1) await append(index)
  })
  afterAll(() => door.close())

  const append = (index: number) => {
    const { inTransaction, auditLog } = door.tollkeeper
    const [action, organizationId] = index % 2 === 1 ? ['member.add', 'acme'] : ['tariff.publish', null]
    const [before, after] = [index === 1 ? null : { charged: '0.00' }, { charged: '9.995', secret: 'hidden' }]
    const record = {
      action: action ?? '',
      organizationId: organizationId ?? null,
      target: `thing ${index}`,
      before,
      after,
    }
    const principal = index === 3 ? SYSTEM.principal : ANN
    return inTransaction((em) => auditLog.append(em, { ...SYSTEM, principal, requestId: `r-${index}` }, record))
  }
  const seqs = async (query: string) => (await door.ask(`${PATH}?${query}`)).body.data.map(({ seq }) => seq)

  it('shows who did what, before and after, in which request, newest first', async () => {
    const { status, body } = await door.ask(PATH)
    const [head] = await door.database.query<{ hash: string }>(
      `select encode(hash, 'hex') as hash from tollkeeper.audit_head`,
    )
    expect([status, body.next_cursor]).toEqual([200, null])
    expect(body.data.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1])
    expect(body.data[0]).toEqual({
      seq: 5,
      at: body.data[0]?.at,
      actor: { role: 'organization', key_id: 'key-ann', user_id: 'ann' },
      action: 'member.add',
      organization_id: 'acme',
      target: 'thing 5',
      before: { charged: '0.00' },
      after: { charged: '9.995', secret: 'left out' },
      request_id: 'r-5',
      hash: head?.hash,
    })
    expect(body.data[2]).toMatchObject({ actor: { role: 'system', key_id: null, user_id: null } })
    expect(body.data[4]).toMatchObject({ before: null })
  })

  it('takes filters together, and pages that keep to them', async () => {
    expect(await seqs('organization_id=acme')).toEqual([5, 3, 1])
    expect(await seqs('organization_id=acme&key_id=key-ann')).toEqual([5, 1])
    expect(await seqs('action=tariff.publish')).toEqual([4, 2])
    expect(await seqs('action=nothing')).toEqual([])
    expect(await seqs('organization_id=nobody')).toEqual([])
    expect(await seqs('from=2020-01-01&to=2021-01-01T00:00:00Z')).toEqual([])
    expect(await seqs('from=2020-01-01')).toEqual([5, 4, 3, 2, 1])
    const page = (await door.ask(`${PATH}?organization_id=acme&limit=2`)).body
    expect(page.data.map(({ seq }) => seq)).toEqual([5, 3])
    const rest = await door.ask(`${PATH}?organization_id=acme&limit=2&cursor=${page.next_cursor}`)
    expect(rest.body).toMatchObject({ data: [{ seq: 1 }], next_cursor: null })
    expectProblem(await door.ask(`${PATH}?limit=2&cursor=${page.next_cursor}`), 400, 'invalid-cursor')
  })

  it.each([
    'organization_id=%00',
    'organization_id=',
    'action=',
    'action=%00',
    `action=${'a'.repeat(101)}`,
    'key_id=',
    'actor=ann',
    'limit=0',
    'cursor=x',
    'action=a&action=b',
  ])('refuses %s', async (query) => {
    const answer = await door.ask(`${PATH}?${query}`)
    expectProblem(answer, 400, query.startsWith('cursor') ? 'invalid-cursor' : 'invalid-query')
  })

  it.each(['from=soon', 'to=2026-02-30', 'from=2026-02-28T13:00:00'])('refuses the time in %s', async (query) => {
    expectProblem(await door.ask(`${PATH}?${query}`), 422, 'validation')
  })

  it('shows what it can of an entry that was damaged, and is for nobody without the key', async () => {
    await door.database.query('alter table tollkeeper.audit_log disable trigger user')
    await door.database.query(`update tollkeeper.audit_log set entry = 'gone' where seq = 5`)
    const { status, body } = await door.ask(`${PATH}?limit=1`)
    expect(status).toBe(200)
    expect(body.data).toMatchObject([
      { seq: 5, action: 'member.add', organization_id: 'acme', target: null, after: null },
    ])
    const { ask } = await door.withKey(KEY)
    expectProblem(await ask(PATH), 401, 'unauthorized')
    expect((await ask(PATH, { headers: { Authorization: `Bearer ${KEY}` } })).status).toBe(200)
  })
})
