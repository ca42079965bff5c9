import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'
import { busyOrganization, COMPONENTS, damage, statusOf } from './busy-organization.ts'

describe('a verification of organisations that did every kind of thing', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    tollkeeper = await world.open([repeater])
    await busyOrganization(tollkeeper, 'acme')
    await busyOrganization(tollkeeper, 'bystander')
  })
  afterAll(() => world.close())

  it('finds nothing, reads every entry, and changes nothing', async () => {
    const traces = () => world.database.query('select * from tollkeeper.organization_balances order by 1')
    const before = await traces()
    const [{ entries }] = (await world.database.query(
      'select count(*)::int as entries from tollkeeper.ledger_entries',
    )) as [{ entries: number }]
    const report = await tollkeeper.verifier.verify({ freeze: true })
    // Top-ups and members of the story.
    const audited = { seq: 4, hash: expect.stringMatching(/^[0-9a-f]{64}$/), entries: 4, violations: [] }
    expect(report).toEqual({
      ok: true,
      organizations: 2,
      entries,
      violations: [],
      warnings: [],
      frozen: [],
      auditLog: audited,
    })
    expect(entries).toBeGreaterThan(30)
    expect(await traces()).toEqual(before)
    await expectBooksToBalance(world.database)
  })

  it('of one organisation reads that one only, and says who is not there', async () => {
    const [{ seq }] = (await world.database.query(
      `select seq::int from tollkeeper.organization_balances where organization_id = 'acme'`,
    )) as [{ seq: number }]
    const seen: string[] = []
    const report = await tollkeeper.verifier.verify({
      organizationId: 'acme',
      onProgress: ({ organizationId, done }) => done && seen.push(`${organizationId} ${done.entries}`),
    })
    expect(report).toMatchObject({ ok: true, organizations: 1, entries: seq })
    expect(seen).toEqual([`acme ${seq}`])
    await expect(tollkeeper.verifier.verify({ organizationId: 'nobody' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('asked by many at once answers each, and a closed one refuses', async () => {
    const reports = await Promise.all(Array.from({ length: 20 }, () => tollkeeper.verifier.verify()))
    expect(reports.every(({ ok }) => ok)).toBe(true)
    const other = await world.open()
    await other.verifier.close()
    await expect(other.verifier.verify()).rejects.toMatchObject({ code: 'unavailable' })
    expect(await other.verifier.checkChanged(10)).toBe(0)
  })
})

describe('the scheduled check', () => {
  let world: World
  afterEach(() => world.close())
  const checkedOf = async (id: string) =>
    (
      await world.database.query(
        `select checked_seq::int as checked, seq::int from tollkeeper.organization_balances where organization_id = $1`,
        [id],
      )
    )[0]

  it('looks at what changed, remembers it for every process, and freezes what is broken', async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    const tollkeeper = await world.open([repeater])
    for (const id of ['acme', 'other']) await busyOrganization(tollkeeper, id)
    expect(await tollkeeper.verifier.checkChanged(1)).toBe(1)
    expect(await tollkeeper.verifier.checkChanged(10)).toBe(1)
    const { seq } = (await checkedOf('acme')) as { seq: number }
    expect(await checkedOf('acme')).toEqual({ checked: seq, seq })
    const elsewhere = await world.open()
    expect(await elsewhere.verifier.checkChanged(10)).toBe(0)
    await damage(
      world,
      `update tollkeeper.organization_balances set available = available - 1 where organization_id = 'acme'`,
    )
    await tollkeeper.balances.topUp('acme', { amount: 1n, reference: 'more', note: null })
    expect(await elsewhere.verifier.checkChanged(10)).toBe(1)
    expect([await statusOf(world, 'acme'), await statusOf(world, 'other')]).toEqual(['frozen', 'active'])
    expect(await checkedOf('acme')).toEqual({ checked: seq, seq: seq + 1 })
    expect(await elsewhere.verifier.checkChanged(10)).toBe(0)
  })

  it('a lowered limit makes no violation of the debts of before', async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    const tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', '0', COMPONENTS)
    const limit = (overdraftLimit: bigint) =>
      tollkeeper.inTransaction((em) => tollkeeper.organizations.update(em, 'acme', { overdraftLimit }))
    await limit(5_000_000_000n)
    await tollkeeper.balances.adjust('acme', { amount: 4_000_000_000n, direction: 'debit', reference: 'a', note: null })
    await tollkeeper.balances.topUp('acme', { amount: 9_000_000_000n, reference: 'b', note: null })
    await limit(0n)
    expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, entries: 2 })
  })
})

describe('liveness', () => {
  let world: World
  afterEach(() => world.close())

  it('an overdue stage and a parked job that would fit are warnings, and freeze nothing', async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent', RECONCILE_INTERVAL_MS: '100' })
    const tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', '0', COMPONENTS)
    const { id: parked } = await tollkeeper.service.submit({
      organizationId: 'acme',
      text: 'text',
      agents: ['repeater'],
    })
    const other = await world.open([repeater])
    await other.startWorkers()
    await eventually(
      async () => (await tollkeeper.service.find(parked)).state,
      (state) => state === 'rejected_for_balance',
    )
    await other.close()
    const { id: late } = await tollkeeper.service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })
    expect((await tollkeeper.verifier.verify()).warnings).toEqual([])
    await world.database.query(
      `update tollkeeper.job_stages set check_at = now() - interval '9 seconds' where stage = 'input' and job_id = $1`,
      [late],
    )
    await world.database.query(`update tollkeeper.jobs set parked_at = now() - interval '9 seconds' where id = $1`, [
      parked,
    ])
    await world.database.query(`update tollkeeper.organization_balances set overdraft_limit = 9000000000`)
    const report = await tollkeeper.verifier.verify({ freeze: true })
    expect(report).toMatchObject({ ok: true, violations: [], frozen: [] })
    expect(report.warnings).toEqual([
      {
        invariant: 8,
        organizationId: 'acme',
        detail: `stage input of job ${late} is overdue for the sweep by 9 seconds`,
      },
      { invariant: 8, organizationId: 'acme', detail: `job ${parked} is parked and would fit` },
    ])
    expect(await statusOf(world, 'acme')).toBe('active')
  })
})
