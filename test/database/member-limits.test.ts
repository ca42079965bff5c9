import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/foundation/ids.ts'
import type { Call, Verdicts } from '../../src/ledger/calls.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { expectBooksToBalance } from '../support/books.ts'
import type { World } from '../support/tollkeeper.ts'
import { admitCall, type MoneyPath, openMoneyPath, PER_TOKEN, wrote } from './money-path.ts'
import { RememberingProcess } from './remembering-process.ts'

/** What a job of `admitCall` is held at. */
const HOLD = 5n * PER_TOKEN
const kindOf = (verdict: Verdicts['admit']): string =>
  verdict.kind === 'refused' ? verdict.rejection.reason : verdict.kind

describe('what is counted against members, on PostgreSQL', () => {
  let path: MoneyPath
  let world: World
  beforeAll(async () => {
    path = await openMoneyPath()
    world = path.world
  })
  afterAll(() => path.close())

  /** An organisation with money, its member ann with a limit, and jobs in her name. */
  async function open(id: string, limit: bigint | null, count: number): Promise<readonly JobOf[]> {
    await path.fund(id, '1.00')
    await path.tollkeeper.teams.addMember(id, 'ann', 'member', limit)
    return path.storeJobs(id, count, ['x'], 'ann')
  }
  const committedOf = async (id: string) => {
    const rows = await world.database.query<{ committed: string }>(
      `select committed::text from tollkeeper.team_members where organization_id = $1 and user_id = 'ann'`,
      [id],
    )
    return BigInt(rows[0]?.committed ?? -1)
  }
  async function finish(process: RememberingProcess, job: JobOf, tokens: number): Promise<void> {
    await process.batcher.decide('settle', { ...job, stage: 'agent.x', usage: wrote('x'), result: null })
    await process.batcher.decide('settle', { ...job, stage: 'output', usage: { kind: 'output', tokens }, result: null })
  }
  const fitting = (organizationId: string) =>
    path.batcher.decide('wake', { organizationId, jobId: null, scope: 'fitting', after: null })
  const resumedIn = async (organizationId: string) => (await fitting(organizationId)).resumed.map(({ jobId }) => jobId)
  const verified = async (organizationId: string) => {
    expect(await path.tollkeeper.verifier.verify({ organizationId })).toMatchObject({ ok: true, violations: [] })
    await expectBooksToBalance(world.database)
  }

  it('100 jobs of a member who may have five, admitted by two processes at once: five', async () => {
    const jobs = await open('racing', 5n * HOLD + 1n, 100)
    await using first = new RememberingProcess(world.database.appUrl)
    await using second = new RememberingProcess(world.database.appUrl)
    const verdicts = await Promise.all(
      jobs.map((job, index) => (index % 2 === 0 ? first : second).batcher.decide('admit', admitCall(job))),
    )
    expect(verdicts.map(kindOf).sort()).toEqual([...Array(5).fill('admitted'), ...Array(95).fill('member_limit')])
    expect(await committedOf('racing')).toBe(5n * HOLD)
    await verified('racing')
    const left = await path.tollkeeper.teams.changeMember('racing', 'ann', { spendingLimit: 8n * HOLD })
    expect(left).toMatchObject({ spendingLimit: 8n * HOLD, committed: 5n * HOLD })
    expect(await resumedIn('racing')).toHaveLength(3)
    expect(await committedOf('racing')).toBe(8n * HOLD)
    await verified('racing')
  })

  it('a process remembers the members of the jobs that it remembers, and reads nothing when a hold closes', async () => {
    const jobs = (await open('remembers', 3n * HOLD, 2)) as readonly [JobOf, JobOf]
    await using process = new RememberingProcess(world.database.appUrl)
    for (const job of jobs) await process.batcher.decide('admit', admitCall(job))
    process.takeSent()
    await finish(process, jobs[0], 2)
    await process.batcher.decide('cancel', jobs[1])
    expect(process.takeWays()).toEqual(['known', 'known', 'known'])
    expect(await committedOf('remembers')).toBe(2n * PER_TOKEN)
    const [next] = (await path.storeJobs('remembers', 1, ['x'], 'ann')) as [JobOf]
    await process.batcher.decide('admit', admitCall(next))
    await finish(process, next, 1)
    expect(await committedOf('remembers')).toBe(3n * PER_TOKEN)
    await verified('remembers')
  })

  it('a process sees what another has counted, and what was changed of the member', async () => {
    const jobs = (await open('shared', null, 3)) as readonly [JobOf, JobOf, JobOf]
    await using here = new RememberingProcess(world.database.appUrl)
    await using there = new RememberingProcess(world.database.appUrl)
    await here.batcher.decide('admit', admitCall(jobs[0]))
    await there.batcher.decide('admit', admitCall(jobs[1]))
    await finish(here, jobs[0], 1)
    expect(await committedOf('shared')).toBe(HOLD + PER_TOKEN)
    await there.batcher.decide('change_member', {
      ...{ organizationId: 'shared', userId: 'ann', spendingLimit: 2n * HOLD },
    })
    expect(await here.batcher.decide('admit', admitCall(jobs[2]))).toMatchObject({
      rejection: { reason: 'member_limit', needed: HOLD, available: 4n * PER_TOKEN, missing: PER_TOKEN },
    })
    await finish(there, jobs[1], 5)
    expect(await committedOf('shared')).toBe(6n * PER_TOKEN)
    await verified('shared')
  })

  it('a walk over what may fit passes the jobs above a limit without reading them, and takes them once they fit', async () => {
    const jobs = await open('walked', 0n, 120)
    for (const job of jobs) expect(kindOf(await path.admit(job))).toBe('member_limit')
    const [other] = (await path.storeJobs('walked', 1)) as [JobOf]
    const large: Call = { kind: 'admit', ...admitCall(other) }
    const bounds = large.bounds.map((each) =>
      each.stage === 'output' ? { ...each, bound: { kind: 'output', maxTokens: 2_000 } as const } : each,
    )
    expect(kindOf(await path.batcher.decide('admit', { ...large, bounds }))).toBe('insufficient')
    const versions = () =>
      world.database.query(
        `select id, xmin::text from tollkeeper.jobs where user_id = 'ann' and organization_id = $1 order by id`,
        ['walked'],
      )
    const before = await versions()
    expect(before).toHaveLength(120)
    expect(await path.topUp('walked', 2_000n, 'more'), 'it looks at the oldest hundred').toMatchObject({ resumed: [] })
    expect(await resumedIn('walked'), 'in one page').toEqual([other.jobId])
    expect(await fitting('walked')).toEqual({ resumed: [], members: [], hopeless: [], more: null })
    expect(await versions()).toEqual(before)
    await path.tollkeeper.teams.changeMember('walked', 'ann', { spendingLimit: 2n * HOLD + 1n })
    expect(await resumedIn('walked'), 'oldest first').toEqual(jobs.slice(0, 2).map(({ jobId }) => jobId))
    await verified('walked')
  })

  it('in a new period a limit begins at nothing, and a job of the former one ends without touching it', async () => {
    const jobs = (await open('turned', HOLD, 3)) as readonly [JobOf, JobOf, JobOf]
    expect((await Promise.all(jobs.slice(0, 2).map((job) => path.admit(job)))).map(kindOf)).toEqual([
      'admitted',
      'member_limit',
    ])
    await world.database.query(
      `update tollkeeper.organizations set period_anchor = period_anchor - interval '40 days',
         period_start = period_start - interval '40 days', period_end = now() - interval '1 second' where id = 'turned'`,
    )
    await world.database.query(
      `update tollkeeper.jobs j set period_start = o.period_start from tollkeeper.organizations o
       where o.id = j.organization_id and o.id = 'turned' and j.period_start is not null`,
    )
    await world.database.query(
      `update tollkeeper.team_members m set committed_period = o.period_start from tollkeeper.organizations o
       where o.id = m.organization_id and o.id = 'turned'`,
    )
    expect(await path.tollkeeper.verifier.verify({ organizationId: 'turned' })).toMatchObject({ ok: true })
    const woken = await path.batcher.decide('wake', {
      ...{ organizationId: 'turned', jobId: null, scope: 'all', after: null },
    })
    expect(woken.resumed.map(({ jobId }) => jobId)).toEqual([jobs[1].jobId])
    expect(await committedOf('turned')).toBe(HOLD)
    await path.settle(jobs[0], 'agent.x', wrote('x'))
    expect(await path.settleOutput(jobs[0], 5)).toMatchObject({ state: 'charged' })
    expect(await committedOf('turned')).toBe(HOLD)
    expect(kindOf(await path.admit(jobs[2]))).toBe('member_limit')
    await verified('turned')
  })

  it('a removed member’s row stays, and counts on for whoever is added again', async () => {
    const [first, second] = (await open('returned', HOLD, 2)) as readonly [JobOf, JobOf]
    await path.admit(first)
    const { teams } = path.tollkeeper
    await teams.removeMember('returned', 'ann')
    await path.settle(first, 'agent.x', wrote('x'))
    await path.settleOutput(first, 3)
    expect(await committedOf('returned')).toBe(3n * PER_TOKEN)
    const { member } = await teams.addMember('returned', 'ann', 'member', HOLD)
    expect(member).toMatchObject({ state: 'active', committed: 3n * PER_TOKEN, spendingLimit: HOLD })
    expect(await path.admit(second)).toMatchObject({ rejection: { reason: 'member_limit', missing: 3n * PER_TOKEN } })
    await verified('returned')
  })

  it('neither a limit nor a figure below nothing can be stored, whoever writes it', async () => {
    await open('guarded', HOLD, 0)
    for (const [change, constraint] of [
      ['spending_limit = -1', 'team_members_limit_not_negative'],
      ['committed = -1', 'team_members_committed_not_negative'],
    ]) {
      const update = world.database.query(`update tollkeeper.team_members set ${change} where user_id = 'ann'`)
      await expect(update).rejects.toMatchObject({ constraint })
    }
    const operation = newId()
    const again = { organizationId: 'guarded', userId: 'ann', role: 'member', spendingLimit: 1n, operation } as const
    expect(await path.batcher.decide('add_member', again)).toMatchObject({
      ...{ kind: 'known', member: { spendingLimit: HOLD } },
    })
  })

  it('two owners who give up at once leave one, whichever process they ask', async () => {
    await path.fund('owned', '1.00')
    const { teams } = path.tollkeeper
    for (const owner of ['ann', 'bob']) await teams.addMember('owned', owner, 'owner')
    const elsewhere = (await world.open()).teams
    const outcomes = await Promise.allSettled([
      teams.changeMember('owned', 'ann', { role: 'member' }),
      elsewhere.removeMember('owned', 'bob'),
    ])
    expect(outcomes.flatMap((each) => (each.status === 'rejected' ? each.reason.code : []))).toEqual(['last-owner'])
    const owners = await world.database.query(
      `select user_id from tollkeeper.team_members where organization_id = 'owned' and role = 'owner' and state = 'active'`,
    )
    expect(owners).toHaveLength(1)
    await verified('owned')
  })
})
