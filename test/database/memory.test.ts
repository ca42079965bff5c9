import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { eventually, type World } from '../support/tollkeeper.ts'
import { admitCall, type MoneyPath, openMoneyPath, PER_TOKEN, wrote } from './money-path.ts'
import { RememberingProcess } from './remembering-process.ts'

const LEASE = { leaseMs: 60_000 }
const OUTPUT_OF_ALL = { kind: 'output', maxTokens: 2_000 } as const
/** Refused on remembered rows, decided again on rows that were read. */
const REFUSED = ['known', 'read']

describe('a process that remembers what it wrote', () => {
  let path: MoneyPath
  let world: World
  beforeAll(async () => {
    path = await openMoneyPath()
    world = path.world
  })
  afterAll(() => path.close())

  /** A process that has admitted jobs of a new organisation, whose first agent is at work. */
  async function openProcess(id: string, count = 1) {
    await path.fund(id, '1.00')
    const jobs = await path.storeJobs(id, count)
    const process = new RememberingProcess(world.database.appUrl)
    for (const job of jobs) await process.batcher.decide('admit', admitCall(job))
    process.takeSent()
    return { process, jobs, job: jobs[0] as JobOf }
  }

  const claimOf = (job: JobOf) => ({ ...job, stage: 'agent.x', claimId: newId(), ...LEASE })
  const settle = (process: RememberingProcess, job: JobOf, stage: 'agent.x' | 'output', tokens = 1) => {
    const usage = stage === 'output' ? ({ kind: 'output', tokens } as const) : wrote('x')
    return process.batcher.decide('settle', { ...job, stage, usage, result: null })
  }

  it('claims, extends and settles in one round trip each, and reads nothing', async () => {
    const { process, job } = await openProcess('remembers')
    await using _ = process
    await path.fund('beside', '1.00')
    const beside = await path.storeJob('beside')
    await process.batcher.decide('admit', admitCall(beside))
    process.takeSent()
    const claim = claimOf(job)
    expect(await process.batcher.decide('claim', claim)).toEqual({ kind: 'granted', starts: 1 })
    expect(process.takeSent()).toEqual(['begin', 'lock-known', 'write-stages', 'write-balances', 'commit'])
    expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    expect(await settle(process, job, 'agent.x')).toMatchObject({ replayed: false, state: 'processing' })
    expect(await settle(process, beside, 'agent.x'), 'nobody else’s stamp has changed').toMatchObject({
      replayed: false,
    })
    expect(process.takeWays()).toEqual(['known', 'known', 'known'])
    expect(await settle(process, job, 'output', 4)).toMatchObject({
      ...{ replayed: false, state: 'charged', charged: 4n * PER_TOKEN },
    })
    expect(process.takeSent()).toEqual([
      ...['begin', 'lock-known', 'write-stages', 'write-jobs', 'write-holds', 'write-entries', 'write-counters'],
      ...['write-balances', 'commit'],
    ])
    expect(await settle(process, job, 'output'), 'of a job that has ended nothing is known').toMatchObject({
      ...{ replayed: true, charged: 4n * PER_TOKEN },
    })
    expect(await process.batcher.decide('redeliver', { ...job, seen: [] })).toBeNull()
    expect(process.takeWays()).toEqual(['read', 'read'])
    await expectBooksToBalance(world.database)
  })

  it('reads what it does not keep: bounds and steps, members, and who waits for money', async () => {
    const { process } = await openProcess('bounds')
    await using _ = process
    const job = await path.storeJob('bounds')
    const claim = { ...claimOf(job), stage: 'input' }
    expect(await process.batcher.decide('claim', claim)).toEqual({ kind: 'granted', starts: 1 })
    expect(await process.batcher.decide('admit', admitCall(job))).toMatchObject({ kind: 'admitted' })
    expect(process.takeWays()).toEqual(['read', 'read'])
    expect(await settle(process, job, 'agent.x')).toMatchObject({ replayed: false })
    const waiting = await path.storeJob('bounds', ['a'])
    const large = admitCall(waiting, ['a'])
    const bounds = large.bounds.map((each) => (each.stage === 'output' ? { ...each, bound: OUTPUT_OF_ALL } : each))
    expect(await process.batcher.decide('admit', { ...large, bounds })).toMatchObject({ kind: 'refused' })
    const member = { organizationId: 'bounds', userId: 'u' }
    await process.batcher.decide('add_member', { ...member, role: 'member', operation: newId() })
    process.takeSent()
    expect(await process.batcher.decide('remove_member', member)).toMatchObject({ kind: 'removed' })
    await world.database.query(
      `update tollkeeper.organization_balances set overdraft_limit = 900000000000 where organization_id = 'bounds'`,
    )
    await settle(process, job, 'output')
    for (let reads = 0; reads < 2; reads += 1) await process.batcher.decide('remove_member', member)
    expect(process.takeWays(), 'it is trusted again').toEqual([...['read', ...REFUSED], 'read', 'read'])
    const walk = { organizationId: 'bounds', jobId: null, scope: 'all', after: null } as const
    const woken = await process.batcher.decide('wake', walk)
    expect(woken).toMatchObject({ resumed: [{ jobId: waiting.jobId }] })
    expect(process.takeWays()).toEqual(['read'])
    await expectBooksToBalance(world.database)
  })

  it('what changes nothing keeps the stamp, and whatever changes something writes a new one', async () => {
    const { process, job } = await openProcess('stamps')
    await using _ = process
    const stampOf = async () => {
      const [row] = await world.database.query<{ stamp: string }>(
        `select stamp from tollkeeper.organization_balances where organization_id = 'stamps'`,
      )
      return row?.stamp
    }
    const claim = claimOf(job)
    await process.batcher.decide('claim', claim)
    const first = await stampOf()
    expect(await process.batcher.decide('keep', { ...claim, claimId: newId() })).toBe('stop')
    expect(await stampOf()).toBe(first)
    await process.batcher.decide('keep', claim)
    expect(await stampOf()).not.toBe(first)
    expect(process.takeWays()).toEqual(['known', 'known', 'known'])
  })

  it('a settled stage is read where it is asked for again, and so is a job that stops', async () => {
    const { process, job } = await openProcess('again')
    await using _ = process
    const first = await settle(process, job, 'agent.x')
    expect(await settle(process, job, 'agent.x')).toMatchObject({ ...first, replayed: true })
    expect(process.takeWays()).toEqual(['known', 'read'])
    const claim = claimOf(await path.storeJob('again', ['a', 'b']))
    await process.batcher.decide('admit', admitCall(claim, ['a', 'b']))
    const [a, b] = ['a', 'b'].map((agent) => ({ ...claim, stage: `agent.${agent}`, claimId: newId() }))
    if (!a || !b) throw new Error('two agents')
    for (const each of [a, b]) await process.batcher.decide('claim', each)
    const extension = { ...a, call: 500, parkedExpiresMs: 60_000 }
    expect(await process.batcher.decide('extend', extension)).toMatchObject({ kind: 'refused', parked: null })
    process.takeSent()
    expect(await process.batcher.decide('keep', b), 'it stops').toBe('stop')
    const usage = wrote('b', 10)
    expect(await process.batcher.decide('settle', { ...b, usage, result: null })).toMatchObject({
      ...{ state: 'rejected_for_balance', parked: { stage: 'agent.a', generation: 1 } },
    })
    expect(process.takeWays()).toEqual(['read', 'read'])
    await expectBooksToBalance(world.database)
  })

  it('what another process changed is refused, read again, and doubted for a while', async () => {
    const { process, jobs } = await openProcess('shared', 2)
    await using _ = process
    await using other = new RememberingProcess(world.database.appUrl)
    const [job, neighbour] = jobs as [JobOf, JobOf]
    const [claim, others] = [claimOf(job), claimOf(neighbour)]
    const keep = async (count: number): Promise<readonly string[]> => {
      for (let done = 0; done < count; done += 1) expect(await process.batcher.decide('keep', claim)).toBe('go_on')
      return process.takeWays()
    }
    await other.batcher.decide('claim', others)
    expect(await other.batcher.decide('claim', claim)).toEqual({ kind: 'granted', starts: 1 })
    expect(await process.batcher.decide('claim', claimOf(job)), 'the other one has it').toMatchObject({ kind: 'busy' })
    expect(process.takeWays()).toEqual(REFUSED)
    expect(await keep(4), 'read until it was found unchanged twice').toEqual(['read', 'read', 'known', 'known'])
    expect(await process.batcher.decide('claim', claimOf(neighbour))).toMatchObject({ kind: 'busy' })
    expect(process.takeWays(), 'of a job nothing is known any more').toEqual(['read'])
    await other.batcher.decide('keep', others)
    expect(await keep(4), 'as much doubted as at first').toEqual([...REFUSED, 'read', 'read', 'known'])
    expect(await process.batcher.decide('claim', claimOf(neighbour)), 'known once more').toMatchObject({ kind: 'busy' })
    process.takeSent()
    expect(await settle(other, neighbour, 'agent.x')).toMatchObject({ replayed: false })
    await process.batcher.decide('top_up', { organizationId: 'shared', amount: 1n, reference: 'a', note: null })
    expect(process.takeWays(), 'a read sees it, too').toEqual(['read'])
    expect((await keep(6)).at(-1)).toBe('known')
    expect(await process.batcher.decide('claim', claimOf(neighbour))).toMatchObject({ kind: 'settled' })
    for (const each of jobs) for (const stage of ['agent.x', 'output'] as const) await settle(process, each, stage)
    await expectBooksToBalance(world.database)
  })

  it('of two processes that know the same rows one is refused', async () => {
    const { process, job } = await openProcess('same')
    await using _ = process
    await using other = new RememberingProcess(world.database.appUrl)
    expect(await other.batcher.decide('keep', claimOf(job)), 'knows it, and changed nothing').toBe('stop')
    other.takeSent()
    const letGo = await path.lock('same')
    const both = [process, other].map(({ batcher }) => batcher.decide('claim', claimOf(job)))
    await eventually(
      async () => [process, other].map((one) => one.takeWays()),
      (ways) => ways.every(([way]) => way === 'known'),
    )
    await letGo()
    const kinds = (await Promise.all(both)).map(({ kind }) => kind)
    expect(kinds.sort()).toEqual(['busy', 'granted'])
    expect([...process.takeWays(), ...other.takeWays()]).toEqual(['read'])
  })

  it('two processes that take turns on one organisation make each effect once', async () => {
    const { process, jobs } = await openProcess('turns', 24)
    await using _ = process
    await using other = new RememberingProcess(world.database.appUrl)
    const both = [process, other] as const
    const verdicts = await Promise.all(
      jobs.flatMap((job, index) =>
        both.map(async (one, at) => {
          // Each settles half of the agents first, and asks for all of them.
          const order = index % 2 === at ? (['agent.x', 'output'] as const) : (['output', 'agent.x'] as const)
          const settled = []
          for (const stage of order) settled.push(await settle(one, job, stage, 2))
          return settled
        }),
      ),
    )
    const made = verdicts.flat().filter((verdict) => verdict.kind === 'settled' && !verdict.replayed)
    expect(made).toHaveLength(2 * jobs.length)
    const charges = await world.database.query(
      `select amount::text from tollkeeper.ledger_entries where organization_id = 'turns' and kind = 'charge'`,
    )
    expect(charges).toEqual(Array(jobs.length).fill({ amount: `${2n * PER_TOKEN}` }))
    const [stats] = await world.database.query<{ deadlocks: string }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    )
    expect(stats?.deadlocks).toBe('0')
    expect([...process.takeWays(), ...other.takeWays()]).toContain('known')
    await expectBooksToBalance(world.database)
  })

  it('is refused where its idea of the time is off by more than a second, and looks again', async () => {
    const { process, job } = await openProcess('late')
    await using _ = process
    const claim = claimOf(job)
    await process.batcher.decide('claim', claim)
    for (const off of [5_000, -5_000]) {
      process.clock.see((process.clock.now() ?? 0) + off)
      process.takeSent()
      expect(await process.batcher.decide('keep', claim)).toBe('go_on')
      expect(process.takeWays()).toEqual(REFUSED)
      expect(await process.batcher.decide('keep', claim)).toBe('go_on')
      expect(process.takeWays(), 'nobody is doubted for it').toEqual(['known'])
    }
    const [stage] = await world.database.query<{ left: number }>(
      `select extract(epoch from claimed_until - now())::float8 * 1000 as left from tollkeeper.job_stages
       where claim_id = $1`,
      [claim.claimId],
    )
    expect(Math.abs((stage?.left ?? 0) - LEASE.leaseMs)).toBeLessThan(5_000)
  })

  it('does not take the time from an organisation that does not exist', async () => {
    const { process, job } = await openProcess('exists')
    await using _ = process
    const claim = claimOf(job)
    await process.batcher.decide('claim', claim)
    await expect(process.batcher.decide('claim', { ...claim, organizationId: 'nowhere' })).rejects.toMatchObject({
      code: 'not-found',
    })
    process.takeSent()
    await process.batcher.decide('keep', claim)
    expect(process.takeWays()).toEqual(['known'])
  })

  it('reads where nobody has looked at the time for a minute, and where a new period has begun', async () => {
    const { process, job } = await openProcess('minute')
    await using _ = process
    const claim = claimOf(job)
    await process.batcher.decide('claim', claim)
    process.takeSent()
    const here = performance.now()
    const steady = vi.spyOn(performance, 'now').mockReturnValue(here + 61_000)
    try {
      expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    } finally {
      steady.mockRestore()
    }
    expect(process.takeWays()).toEqual(['read'])
    await world.database.query(
      `update tollkeeper.organizations set period_end = now() + interval '200 ms' where id = 'minute'`,
    )
    for (let reads = 0; reads < 4; reads += 1) await process.batcher.decide('keep', claim)
    expect(process.takeWays().at(-1), 'trusted again').toBe('known')
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    expect(process.takeWays()).toEqual(['read', 'known'])
  })
})
