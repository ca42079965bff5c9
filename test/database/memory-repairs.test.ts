import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NO_CLOCK } from '../../src/database/money/database-clock.ts'
import { newId } from '../../src/foundation/ids.ts'
import { DatabaseTime } from '../../src/managers/database-time.ts'
import { ScheduleManager } from '../../src/managers/schedule.manager.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import type { World } from '../support/tollkeeper.ts'
import { admitCall, type MoneyPath, openMoneyPath, PER_TOKEN } from './money-path.ts'
import { RememberingProcess } from './remembering-process.ts'

/** Refused on remembered rows, decided again on rows that were read. */
const REFUSED = ['known', 'read']

/** Repairs by hand leave books that do not balance: they have a database of their own. */
describe('a process that remembers what it wrote sees with its next batch', () => {
  let path: MoneyPath
  let world: World
  beforeAll(async () => {
    path = await openMoneyPath()
    world = path.world
  })
  afterAll(() => path.close())

  /** A process that has admitted a job of a new organisation, and claimed its agent. */
  async function openProcess(id: string) {
    await path.fund(id, '1.00')
    const job = await path.storeJob(id)
    const process = new RememberingProcess(world.database.appUrl)
    await process.batcher.decide('admit', admitCall(job))
    const claim = { ...job, stage: 'agent.x', claimId: newId(), leaseMs: 60_000 }
    await process.batcher.decide('claim', claim)
    expect(process.takeWays()).toEqual(['read', 'known'])
    return { process, job, claim }
  }

  const repair = (sql: string) => (job: JobOf) => world.database.query(sql, [job.organizationId])
  const CHANGES: readonly (readonly [string, (job: JobOf) => Promise<unknown>])[] = [
    [
      'a higher overdraft limit',
      ({ organizationId: id }) =>
        path.tollkeeper.inTransaction((em) => path.tollkeeper.organizations.update(em, id, { overdraftLimit: 9n })),
    ],
    ['a frozen organisation', repair(`update tollkeeper.organizations set status = 'frozen' where id = $1`)],
    ['another period', repair(`update tollkeeper.organizations set period_start = now() where id = $1`)],
    [
      'a balance set by hand',
      repair('update tollkeeper.organization_balances set available = available + 1 where organization_id = $1'),
    ],
    ['a job', repair('update tollkeeper.jobs set max_cost = 1 where organization_id = $1')],
    ['a job of others', repair(`update tollkeeper.jobs set max_cost = 1 where organization_id <> $1`)],
    [
      'stages',
      repair(
        'update tollkeeper.job_stages set starts = 3 where job_id in (select id from tollkeeper.jobs where organization_id = $1)',
      ),
    ],
    ['holds', repair('update tollkeeper.holds set remaining = 1 where organization_id = $1')],
    ['a hold that is gone', repair('delete from tollkeeper.holds where organization_id = $1')],
    ['counters', repair('update tollkeeper.usage_counters set used = 9 where organization_id = $1')],
    ['a counter that is gone', repair('delete from tollkeeper.usage_counters where organization_id = $1')],
    [
      'a threshold',
      repair(
        `insert into tollkeeper.balance_thresholds (id, organization_id, metric, below, clear_at, created_at)
         values (gen_random_uuid(), $1, 'available', 1, 2, now())`,
      ),
    ],
    ['a threshold that is gone', repair('delete from tollkeeper.balance_thresholds where organization_id = $1')],
    [
      'an alert that was cleared',
      repair('update tollkeeper.balance_alerts set cleared_at = now() where organization_id = $1'),
    ],
    ['members', repair('update tollkeeper.team_members set charged = 1 where organization_id = $1')],
  ]
  it.each(CHANGES)('%s', async (name, change) => {
    const { process, job, claim } = await openProcess(name)
    await using _ = process
    await change(job)
    expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    expect(process.takeWays()).toEqual(REFUSED)
  })

  it('a claim that was taken away by hand, and figures that were put right', async () => {
    const { process, job, claim } = await openProcess('put right')
    await using _ = process
    await world.database.query(
      `update tollkeeper.job_stages set state = 'waiting', claim_id = null, claimed_until = null where claim_id = $1`,
      [claim.claimId],
    )
    expect(await process.batcher.decide('keep', claim)).toBe('stop')
    await process.batcher.decide('claim', claim)
    await world.database.query('update tollkeeper.holds set amount = $2, remaining = $2 where organization_id = $1', [
      'put right',
      `${2n * PER_TOKEN}`,
    ])
    await world.database.query(`update tollkeeper.organization_balances set held = $2 where organization_id = $1`, [
      'put right',
      `${2n * PER_TOKEN}`,
    ])
    const output = { ...job, stage: 'output', usage: { kind: 'output', tokens: 5 }, result: null } as const
    expect(await process.batcher.decide('settle', output), 'no more than is held').toMatchObject({
      ...{ replayed: false, charged: 2n * PER_TOKEN },
    })
    const [balance] = await world.database.query(
      `select held::text from tollkeeper.organization_balances where organization_id = 'put right'`,
    )
    expect(balance).toEqual({ held: '0' })
  })

  it('nothing of new jobs, of a sweep that looks later, or of a check of the books', async () => {
    const { process, job, claim } = await openProcess('calm')
    await using _ = process
    const { inTransaction } = path.tollkeeper
    await path.storeJobs('calm', 2)
    await path.fund('another', '1.00')
    await inTransaction((em) =>
      new ScheduleManager(new DatabaseTime(NO_CLOCK)).pushAhead(em, [{ jobId: job.jobId, stage: 'agent.x' }], 60_000),
    )
    await world.database.query(
      `update tollkeeper.organization_balances set checked_seq = seq where organization_id = 'calm'`,
    )
    expect(await process.batcher.decide('keep', claim)).toBe('go_on')
    expect(process.takeWays()).toEqual(['known'])
  })
})
