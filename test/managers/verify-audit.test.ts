import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { createInSnapshot } from '../../src/database/snapshot.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { SYSTEM } from '../../src/foundation/mandate.ts'
import { VerifyAudit } from '../../src/managers/verify-audit.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { damage, statusOf } from './busy-organization.ts'

const LOG = 'update tollkeeper.audit_log set'
const HEAD = 'update tollkeeper.audit_head set'
const NOT_HASHED = 'is not what was hashed: its number, its text or a hash was changed'

/** What is done to a log of five entries, what undoes it, and what is named. */
const DAMAGES: readonly (readonly [what: string, sql: string, names: readonly string[]])[] = [
  [
    'a changed amount',
    `${LOG} entry = replace(entry, '"4.00"', '"400.00"') where seq = 4`,
    [`audit entry 4 ${NOT_HASHED}`],
  ],
  [
    'another hash',
    `${LOG} hash = sha256('x') where seq = 4`,
    [`audit entry 4 ${NOT_HASHED}`, 'audit entry 5 does not follow'],
  ],
  [
    'another hash before',
    `${LOG} prev_hash = sha256('x') where seq = 4`,
    ['audit entry 4 does not follow', `audit entry 4 ${NOT_HASHED}`],
  ],
  ['another time', `${LOG} at = at - interval '1 day' where seq = 2`, ['audit entry 2: its column at']],
  ['another action', `${LOG} action = 'nothing' where seq = 2`, ['audit entry 2: its column action']],
  [
    'another organisation',
    `${LOG} organization_id = null where seq = 2`,
    ['audit entry 2: its column organization_id'],
  ],
  ['another key', `${LOG} key_id = 'x' where seq = 2`, ['audit entry 2: its column key_id']],
  ['a removed entry', 'delete from tollkeeper.audit_log where seq = 3', ['audit entry 3 is missing']],
  ['a removed beginning', 'delete from tollkeeper.audit_log where seq < 3', ['audit entries 1 to 2 are missing']],
  ['a cut tail', 'delete from tollkeeper.audit_log where seq > 3', ['audit entries 4 to 5 are missing at the end']],
  ['an emptied log', 'truncate tollkeeper.audit_log', ['audit entries 1 to 5 are missing at the end']],
  [
    'entries in another order',
    `${LOG} seq = case seq when 2 then -3 else -2 end where seq in (2, 3); ${LOG} seq = -seq where seq < 0`,
    [
      'audit entry 2 does not follow',
      `audit entry 2 ${NOT_HASHED}`,
      'audit entry 3 does not',
      'audit entry 3 is',
      'audit entry 4 does not',
    ],
  ],
  [
    'one that was slipped in behind the end',
    `insert into tollkeeper.audit_log select 6, entry, hash, hash, at, action, organization_id, key_id from tollkeeper.audit_log where seq = 5`,
    [`audit entry 6 ${NOT_HASHED}`, 'the audit log goes on to entry 6, its head ends at 5'],
  ],
  ['a head that was moved', `${HEAD} seq = 9`, ['audit entries 6 to 9 are missing at the end']],
  ['another hash of the head', `${HEAD} hash = sha256('x')`, ['the head of the audit log has another hash']],
  ['a head that is gone', 'delete from tollkeeper.audit_head', ['the head of the audit log is gone']],
]

describe('a verification of the audit log', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '0', CONTRACT_COMPONENTS)
    await append(5)
    await world.database.query('create table public.kept_log as table tollkeeper.audit_log')
    await world.database.query('create table public.kept_head as table tollkeeper.audit_head')
  })
  afterAll(() => world.close())

  const append = async (count: number, from = 1) => {
    for (let index = from; index < from + count; index += 1) {
      const after = { amount: `${index}.00`, note: 'tab\tand \\ and ü' }
      const record = { action: 'top-up.create', organizationId: 'acme', target: `top-up ${index}`, before: null, after }
      await tollkeeper.inTransaction((em) => tollkeeper.auditLog.append(em, SYSTEM, record))
    }
  }
  const mend = () =>
    damage(
      world,
      `delete from tollkeeper.audit_log; insert into tollkeeper.audit_log table public.kept_log;
       delete from tollkeeper.audit_head; insert into tollkeeper.audit_head table public.kept_head`,
    )

  it('finds nothing in a whole one, and says its last hash', async () => {
    const [{ hash } = { hash: '' }] = await world.database.query<{ hash: string }>(
      `select encode(hash, 'hex') as hash from tollkeeper.audit_head`,
    )
    const report = await tollkeeper.verifier.verify({ freeze: true })
    expect(report).toMatchObject({ ok: true, violations: [], warnings: [], auditLog: { seq: 5, hash, entries: 5 } })
    expect((await tollkeeper.verifier.verify({ organizationId: 'acme' })).auditLog).toBeNull()
  })

  it.each(DAMAGES)('names %s, and freezes nobody', async (_what, sql, names) => {
    await damage(world, sql)
    try {
      const report = await tollkeeper.verifier.verify({ freeze: true })
      expect(report).toMatchObject({ ok: false, frozen: [], organizations: 1 })
      expect(report.violations.map(({ invariant, organizationId }) => [invariant, organizationId])).toEqual(
        names.map(() => [9, null]),
      )
      const details = report.violations.map(({ detail }) => detail)
      expect(
        details.map((detail, index) => detail.startsWith(names[index] ?? '?')),
        details.join('\n'),
      ).toEqual(names.map(() => true))
      expect(await statusOf(world, 'acme')).toBe('active')
    } finally {
      await mend()
    }
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
  })

  it('names guards that are missing', async () => {
    await world.database.query('alter table tollkeeper.audit_log disable trigger audit_log_append_only')
    await world.database.query('grant insert on tollkeeper.audit_log to tollkeeper_app')
    await world.database.query('grant update on tollkeeper.audit_head to tollkeeper_app')
    const { violations } = await tollkeeper.verifier.verify({ organizationId: 'acme', freeze: true })
    await world.database.query('alter table tollkeeper.audit_log enable trigger audit_log_append_only')
    await world.database.query(
      'revoke insert, update on tollkeeper.audit_log, tollkeeper.audit_head from tollkeeper_app',
    )
    expect(violations).toEqual(
      [
        'trigger audit_log_append_only is missing or disabled',
        'role tollkeeper_app may INSERT audit_log',
        'role tollkeeper_app may UPDATE audit_head',
      ].map((detail) => ({ invariant: 9, organizationId: null, detail })),
    )
  })

  it('nothing is appended to a log whose head is gone: what cannot be kept is not done', async () => {
    await damage(world, 'delete from tollkeeper.audit_head')
    await expect(append(1)).rejects.toThrow(/the head of the audit log is gone/)
    await mend()
    expect((await tollkeeper.verifier.verify()).auditLog).toMatchObject({ seq: 5 })
  })

  describe('by schedule', () => {
    const heard: { detail?: string }[] = []
    let pool: pg.Pool
    beforeAll(() => {
      pool = openMoneyPool(world.database.appUrl, 1)
    })
    afterAll(() => pool.end())
    const logger = { ...createLogger('silent'), error: (found: object) => void heard.push(found) }
    const scheduled = () => {
      heard.length = 0
      return new VerifyAudit({ inSnapshot: createInSnapshot(pool), logger, checkedMax: 2 })
    }
    const check = async (audit: VerifyAudit) => {
      await audit.changed(() => undefined)
      const details = heard.map(({ detail = '' }) => detail)
      heard.length = 0
      return details
    }

    it('reads a few at a time, then what is new, and tells of each damage once', async () => {
      const audit = scheduled()
      await damage(world, `${LOG} action = 'nothing' where seq in (2, 5)`)
      expect(await check(audit)).toEqual(['audit entry 2: its column action is not what it says'])
      expect(await check(audit)).toEqual([])
      expect(await check(audit)).toEqual(['audit entry 5: its column action is not what it says'])
      expect(await check(audit)).toEqual([])
      await mend()
      await append(1, 6)
      await damage(world, `${LOG} action = 'nothing' where seq in (1, 6)`)
      expect(await check(audit)).toEqual(['audit entry 6: its column action is not what it says'])
      expect(await check(audit)).toEqual([])
      await mend()
    })

    it('finds a tail that was cut, and a history that was written anew, chain, head and all', async () => {
      const audit = scheduled()
      for (let round = 0; round < 3; round += 1) expect(await check(audit)).toEqual([])
      await damage(world, 'delete from tollkeeper.audit_log where seq > 3')
      const cut = ['audit entry 5 is gone, which was there when it was verified last']
      expect(await check(audit)).toEqual(cut)
      expect(await check(audit)).toEqual([])
      await damage(
        world,
        `delete from tollkeeper.audit_log; delete from tollkeeper.audit_head;
        insert into tollkeeper.audit_head values (1, 0, decode(repeat('00', 32), 'hex'))`,
      )
      await append(5, 11)
      expect((await tollkeeper.verifier.verify()).violations).toEqual([])
      expect(await check(audit)).toEqual([
        'audit entry 5 has another hash than when it was verified last: what stands up to it was written anew',
      ])
      await mend()
    })

    it('runs with the check of the books', async () => {
      await tollkeeper.balances.topUp('acme', { amount: 1n, reference: 'r', note: null })
      expect(await tollkeeper.verifier.checkChanged(10)).toBe(1)
      expect(await tollkeeper.verifier.checkChanged(10)).toBe(0)
      expect(await statusOf(world, 'acme')).toBe('active')
    })
  })
})
