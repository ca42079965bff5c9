import type { MikroORM } from '@mikro-orm/postgresql'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { openOrm } from '../../src/database/orm.ts'
import { openMoneyPool } from '../../src/database/pool.ts'
import { createInSnapshot, createInTenantSnapshot } from '../../src/database/snapshot.ts'
import type { Tenant } from '../../src/database/tenant.ts'
import {
  createInTenantTransaction,
  createInTransaction,
  type InTenantTransaction,
  type InTransaction,
} from '../../src/database/transaction.ts'
import { NotFoundError } from '../../src/foundation/errors.ts'
import { TimeZone } from '../../src/foundation/time-zone.ts'
import { Job } from '../../src/models/job.model.ts'
import { LedgerEntry } from '../../src/models/ledger-entry.model.ts'
import { twoTenants } from '../support/tenants.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'

const ACME: Tenant = { organizationId: 'acme', userId: null }
const RIVAL: Tenant = { organizationId: 'rival', userId: null }
const ANN: Tenant = { organizationId: 'acme', userId: 'ann' }
const WHO = `select current_user as "role", current_setting('tollkeeper.organization_id', true) as "organization",
  current_setting('tollkeeper.user_id', true) as "user"`
const UNSET = { role: 'tollkeeper_app', organization: '', user: '' }

describe("a tenant's transaction", () => {
  let world: World
  let tollkeeper: Tollkeeper
  let jobs: Awaited<ReturnType<typeof twoTenants>>
  let orm: MikroORM
  let asked: string[] = []
  let inTransaction: InTransaction
  let inTenantTransaction: InTenantTransaction
  beforeAll(async () => {
    world = await openWorld('postgres')
    tollkeeper = await world.open()
    jobs = await twoTenants(tollkeeper)
    orm = await openOrm(world.database.appUrl, 'one connection', (pool) => {
      // Whoever is next gets the connection of whoever was before.
      pool.options.max = 1
      pool.on('connect', (client) => {
        const query = client.query.bind(client) as (...args: readonly unknown[]) => unknown
        client.query = ((...args: readonly unknown[]) => {
          asked.push(String(args[0]))
          return query(...args)
        }) as typeof client.query
      })
    })
    inTransaction = createInTransaction(orm)
    inTenantTransaction = createInTenantTransaction(orm)
  })
  afterAll(async () => {
    await orm.close(true)
    await world.close()
  })

  const backend = async () => (await orm.em.fork().execute<{ pid: number }[]>('select pg_backend_pid() as pid'))[0]?.pid
  const settings = async () => (await orm.em.fork().execute(WHO))[0]

  it('is that tenant’s from its first statement to its last, at no further round trip', async () => {
    await backend()
    asked = []
    const seen = await inTenantTransaction(ANN, (em) => em.execute(WHO))
    expect(seen).toEqual([{ role: 'tollkeeper_tenant', organization: 'acme', user: 'ann' }])
    expect(asked).toHaveLength(3)
    expect(asked[0]).toMatch(/^begin; select set_config\('role', 'tollkeeper_tenant', true\)/)
    expect([asked[1], asked[2]]).toEqual([WHO, 'commit'])
  })

  it('shows a wrong query, without its organisation, nothing of anybody else', async () => {
    const wrong = (em: Parameters<Parameters<InTenantTransaction>[1]>[0]) =>
      em.find(Job, {}, { orderBy: { id: 'asc' } })
    const ofAcme = Object.values(jobs.acme).sort()
    const ofRival = Object.values(jobs.rival).sort()
    expect((await inTenantTransaction(ACME, wrong)).map(({ id }) => id)).toEqual(ofAcme)
    expect((await inTenantTransaction(RIVAL, wrong)).map(({ id }) => id)).toEqual(ofRival)
    expect((await inTenantTransaction(ANN, wrong)).map(({ id }) => id)).toEqual([jobs.acme.ann])
    // The same query of the platform: what protects here is the role, not the data.
    expect(await inTransaction(wrong)).toHaveLength(ofAcme.length + ofRival.length)
  })

  it('lets managers find what is the tenant’s, and not find what is another’s', async () => {
    const { jobs: manager, balances, featureCharges } = tollkeeper
    const [own = '', foreign = ''] = [jobs.acme.ann, jobs.rival.ann]
    const page = { limit: 50, before: null }
    await inTenantTransaction(ACME, async (em) => {
      expect(await manager.find(em, own)).toMatchObject({ id: own, state: 'processing', currency: 'USD' })
      expect((await manager.receipt(em, own)).held).toBeGreaterThan(0n)
      await expect(manager.find(em, foreign)).rejects.toThrow(NotFoundError)
      await expect(manager.receipt(em, foreign)).rejects.toThrow(NotFoundError)
      await expect(manager.list(em, 'rival', page)).rejects.toThrow(NotFoundError)
      expect((await balances.balance(em, 'acme')).available).toBeGreaterThan(0n)
      await expect(balances.balance(em, 'rival')).rejects.toThrow(NotFoundError)
      await expect(balances.ledger(em, 'rival', { limit: 50, after: null })).rejects.toThrow(NotFoundError)
      expect((await featureCharges.list(em, 'acme', page)).charges).toHaveLength(1)
    })
    const seen = await inTransaction((em) => balances.ledger(em, 'acme', { limit: 200, after: null }))
    const own200 = await inTenantTransaction(ACME, (em) => balances.ledger(em, 'acme', { limit: 200, after: null }))
    expect(own200.entries.map(({ seq }) => seq)).toEqual(seen.entries.map(({ seq }) => seq))
  })

  it('sums a member’s own usage for a key of that member, all of it for the organisation’s', async () => {
    const hour = 3_600_000
    const [from, to] = [Date.now() - hour, Date.now() + hour]
    const request = { from, to, by: null, groupBy: ['member' as const], timeZone: TimeZone.named('UTC') as TimeZone }
    const ofAnn = await tollkeeper.usage.report(ANN, request)
    expect(ofAnn.groups.map(({ of }) => of.member)).toEqual(['ann'])
    const ofAll = await tollkeeper.usage.report(ACME, request)
    expect(ofAll.groups.map(({ of }) => of.member)).toEqual(['ann', 'bob'])
    expect(ofAnn.total.amount).toBeLessThan(ofAll.total.amount)
    expect(ofAnn.total.amount).toBe(ofAll.groups[0]?.amount)
  })

  it.each<[string, (work: Promise<unknown>) => Promise<unknown>, string]>([
    ['ended well', (work) => work, 'select 1'],
    ['threw', (work) => expect(work).rejects.toThrow('division by zero'), 'select 1 / 0'],
    ['tried to write', (work) => expect(work).rejects.toThrow(/permission denied/), 'delete from tollkeeper.jobs'],
  ])('leaves nothing to the next user of its connection where it %s', async (_how, expected, sql) => {
    const before = await backend()
    await expected(inTenantTransaction(ANN, (em) => em.execute(sql)))
    expect(await settings()).toEqual(UNSET)
    expect(await inTransaction((em) => em.count(LedgerEntry, {}))).toBeGreaterThan(10)
    // An organisation's own transaction sees all of it again: the member was forgotten, too.
    expect(await inTenantTransaction(ACME, (em) => em.count(Job, {}))).toBe(2)
    expect(await backend()).toBe(before)
  })

  it('and a setting that somebody left for the whole session is not believed', async () => {
    const em = orm.em.fork()
    await em.execute(
      `select set_config('tollkeeper.organization_id', 'rival', false), set_config('tollkeeper.user_id', 'bob', false)`,
    )
    try {
      expect(await inTenantTransaction(ACME, (own) => own.execute(WHO))).toEqual([
        { role: 'tollkeeper_tenant', organization: 'acme', user: '' },
      ])
    } finally {
      await em.execute(`reset "tollkeeper.organization_id"; reset "tollkeeper.user_id"`)
    }
  })

  it('takes a name for what it is, whatever stands in it', async () => {
    const names = ["o'hara", 'a\\b', "x', true), set_config('role', 'none', true); --", '?', '$1', '漢字']
    for (const organizationId of names) {
      const seen = await inTenantTransaction({ organizationId, userId: organizationId }, (em) => em.execute(WHO))
      expect(seen).toEqual([{ role: 'tollkeeper_tenant', organization: organizationId, user: organizationId }])
    }
  })

  it('is tried again when others were in the way, as any of ours', async () => {
    let tries = 0
    const answer = await inTenantTransaction(ACME, async (em) => {
      tries += 1
      if (tries === 1) await em.execute(`do $$ begin raise exception 'later' using errcode = '40001'; end $$`)
      return em.count(Job, {})
    })
    expect([tries, answer]).toEqual([2, 2])
  })
})

describe("a tenant's snapshot", () => {
  it('sees the tenant’s rows, and the next on its connection sees what it may', async () => {
    await using stack = new AsyncDisposableStack()
    const world = await openWorld('postgres')
    stack.defer(() => world.close())
    await twoTenants(await world.open())
    const pool: pg.Pool = openMoneyPool(world.database.appUrl, 1)
    stack.defer(() => pool.end())
    const count = 'select count(*)::int, current_user::text from tollkeeper.jobs'
    const read = createInTenantSnapshot(pool)
    const streamed: string[] = []
    await read(ANN, async (snapshot) => {
      expect(await snapshot.read(count, [])).toEqual([[1, 'tollkeeper_tenant']])
      await snapshot.stream(count, (row) => streamed.push(row))
    })
    expect(streamed).toEqual(['1\ttollkeeper_tenant'])
    expect(await read(ACME, (snapshot) => snapshot.read(count, []))).toEqual([[2, 'tollkeeper_tenant']])
    await expect(read(ACME, (snapshot) => snapshot.read('select 1 / 0', []))).rejects.toThrow('division by zero')
    // The same prepared statement, planned for another role before.
    expect(await createInSnapshot(pool)((snapshot) => snapshot.read(count, []))).toEqual([[4, 'tollkeeper_money']])
  })
})
