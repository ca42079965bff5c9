import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { openWorld, type World } from '../support/tollkeeper.ts'
import { busyOrganization, damage, statusOf } from './busy-organization.ts'

/** Above this a ledger is checked from where it was checked before. */
const WHOLE_ENTRIES = 2_000
const ONE = 1n

describe('the scheduled check of a ledger that is too long to be read whole each time', () => {
  const worlds: World[] = []
  let world: World
  let tollkeeper: Tollkeeper
  beforeEach(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent' })
    worlds.push(world)
    tollkeeper = await world.open()
    await busyOrganization(tollkeeper, 'acme')
    await topUps('fill', WHOLE_ENTRIES)
    expect(await tollkeeper.verifier.checkChanged(1)).toBe(1)
    const { checked, seq } = await balance()
    expect([checked, seq > WHOLE_ENTRIES]).toEqual([seq, true])
  })
  afterAll(() => Promise.all(worlds.map((each) => each.close())))

  const topUps = (name: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        tollkeeper.balances.topUp('acme', { amount: ONE, reference: `${name}-${index}`, note: null }),
      ),
    )
  const balance = async () => {
    const [row] = await world.database.query<{ checked: number; seq: number }>(
      `select checked_seq::int as checked, seq::int from tollkeeper.organization_balances where organization_id = 'acme'`,
    )
    return row as { checked: number; seq: number }
  }
  const setChecked = (seq: string) =>
    world.database.query(
      `update tollkeeper.organization_balances set checked_seq = ${seq} where organization_id = 'acme'`,
    )
  const check = async () => {
    await tollkeeper.verifier.checkChanged(1)
    return [await statusOf(world, 'acme'), (await balance()).checked]
  }

  it('goes on from there, with the jobs that the new entries name, and does not look at what is behind it', async () => {
    await damage(world, `update tollkeeper.ledger_entries set currency = 'EUR' where kind = 'top_up' and seq < 100`)
    await topUps('more', 1)
    const { seq } = await balance()
    expect(await check()).toEqual(['active', seq])
    expect((await tollkeeper.verifier.verify()).ok).toBe(false)
  })

  it('finds a damage of a job whose entries were checked long ago when a new entry names it', async () => {
    const [running] = await world.database.query<{ id: string }>(
      `select id from tollkeeper.jobs where state = 'processing'`,
    )
    const before = (await balance()).checked
    await damage(
      world,
      `update tollkeeper.job_stages set charged = charged + 1 where stage = 'input' and job_id = '${running?.id}'`,
    )
    await tollkeeper.billing.cancel({ organizationId: 'acme', jobId: running?.id ?? '' })
    expect(await check()).toEqual(['frozen', before])
  })

  it('a violation keeps its place: unfrozen by hand it is found again, and mended it is passed', async () => {
    const before = (await balance()).checked
    await topUps('more', 3)
    const { seq } = await balance()
    const shift = (by: string) =>
      damage(world, `update tollkeeper.ledger_entries set held_after = held_after ${by} where seq = ${seq - 1}`)
    const unfreeze = () =>
      world.database.query(`update tollkeeper.organizations set status = 'active' where id = 'acme'`)
    await shift('+ 1')
    expect(await check()).toEqual(['frozen', before])
    expect(await check()).toEqual(['frozen', before])
    await unfreeze()
    expect(await check()).toEqual(['frozen', before])
    await shift('- 1')
    await unfreeze()
    expect(await check()).toEqual(['active', seq])
  })

  it('finds a ledger that lost its last entries', async () => {
    await topUps('more', 2)
    const before = (await balance()).checked
    await damage(world, `delete from tollkeeper.ledger_entries where seq > ${before}`)
    expect(await check()).toEqual(['frozen', before])
  })

  it('reads all where the balance went back behind what was checked', async () => {
    const { seq } = await balance()
    await damage(world, `delete from tollkeeper.ledger_entries where seq > ${seq - 5}`)
    await world.database.query(
      `update tollkeeper.organization_balances b set seq = e.seq, available = e.available_after, held = e.held_after
       from tollkeeper.ledger_entries e where e.seq = ${seq - 5} and b.organization_id = 'acme'`,
    )
    await damage(world, `update tollkeeper.ledger_entries set currency = 'EUR' where seq = 1`)
    expect(await check()).toEqual(['frozen', seq])
  })

  it('and a shorter ledger that balances is clean, and checked from its own end again', async () => {
    const { seq } = await balance()
    await setChecked('seq + 7')
    expect(await check()).toEqual(['active', seq])
  })

  it('finds that the entry is gone from which it should go on', async () => {
    const before = (await balance()).checked
    await damage(world, `delete from tollkeeper.ledger_entries where seq = ${before}`)
    await topUps('more', 1)
    expect(await check()).toEqual(['frozen', before])
  })

  it('finds a job that new entries name and that the organisation does not have', async () => {
    const before = (await balance()).checked
    await topUps('more', 1)
    await damage(world, `update tollkeeper.ledger_entries set job_id = gen_random_uuid() where seq = ${before + 1}`)
    expect(await check()).toEqual(['frozen', before])
  })

  it('finds a balance that is not that of the last entry, at the very end of what it may read', async () => {
    const before = (await balance()).checked
    await topUps('more', 1)
    await damage(
      world,
      `update tollkeeper.organization_balances set available = available + 1 where organization_id = 'acme'`,
    )
    expect(await check()).toEqual(['frozen', before])
  })

  it('while money moves it reads one picture: never a false alarm, and at rest everything is checked', async () => {
    let writing = true
    const checks = (async () => {
      let count = 0
      while (writing) count += await tollkeeper.verifier.checkChanged(1)
      return count
    })()
    const other = await world.open()
    for (let round = 0; round < 15; round += 1) {
      await topUps(`round-${round}`, 20)
      const job = await other.openJob({ organizationId: 'acme', agents: ['repeater'] })
      await other.billing.admit(job, [
        { stage: 'input', bound: { kind: 'input', tokens: 3 } },
        { stage: 'agent.repeater', bound: { kind: 'agent', agent: 'repeater', llm: null } },
        { stage: 'output', bound: { kind: 'output', maxTokens: 2 } },
      ])
      await other.billing.cancel(job)
    }
    writing = false
    expect(await checks).toBeGreaterThan(0)
    const { seq } = await balance()
    expect(await check()).toEqual(['active', seq])
  })
})
