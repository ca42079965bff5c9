import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OutdatedFacts, UnansweredCommit } from '../../src/database/retry.ts'
import { armFailpoints } from '../../src/foundation/failpoint.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { eventually, type World } from '../support/tollkeeper.ts'
import { admitCall, type MoneyPath, openMoneyPath, wrote } from './money-path.ts'
import { RememberingProcess } from './remembering-process.ts'

/** No text of PostgreSQL's has it. */
const POISON = '\u0000'
const OUTPUT = { kind: 'output', tokens: 1 } as const
/** Two calls at a time, so that those of four callers are two batches, one behind the other. */
const PAIRS = { lanes: 1, batch: { calls: 2, bytes: 2 ** 20, rows: 1_000, whole: 2, behind: 1 } }

describe('transactions that follow each other on one connection', () => {
  let path: MoneyPath
  let world: World
  beforeAll(async () => {
    path = await openMoneyPath()
    world = path.world
  })
  afterAll(() => path.close())

  /** A process that knows the job of each of these new organisations. */
  async function openProcess(ids: readonly string[]): Promise<{ process: RememberingProcess; jobs: JobOf[] }> {
    const process = new RememberingProcess(world.database.appUrl, PAIRS)
    const jobs: JobOf[] = []
    for (const id of ids) {
      await path.fund(id, '1.00')
      const job = await path.storeJob(id)
      await process.batcher.decide('admit', admitCall(job))
      jobs.push(job)
    }
    process.takeSent()
    return { process, jobs }
  }

  async function stagesOf(organizationId: string): Promise<readonly string[]> {
    const rows = await world.database.query<{ stage: string }>(
      `select s.stage from tollkeeper.job_stages s join tollkeeper.jobs j on j.id = s.job_id
       where j.organization_id = $1 and s.state = 'charged' and s.stage <> 'input' order by s.stage`,
      [organizationId],
    )
    return rows.map(({ stage }) => stage)
  }

  it('a batch is sent behind the one under way, and decided on what that one leaves', async () => {
    const { process, jobs } = await openProcess(['follow-1', 'follow-2'])
    await using _ = process
    const letGo = await path.lock('follow-1')
    const settled = jobs.flatMap((job) => [
      process.batcher.decide('settle', { ...job, stage: 'agent.x', usage: wrote('x'), result: null }),
      process.batcher.decide('settle', { ...job, stage: 'output', usage: OUTPUT, result: null }),
    ])
    const sent = await eventually(
      async () => process.takeWays(),
      (ways) => ways.length > 0,
    )
    expect(sent, 'both are on their way before the first can be answered').toEqual(['known', 'known'])
    await letGo()
    expect((await Promise.all(settled)).map((verdict) => verdict.kind === 'settled' && verdict.state)).toEqual([
      ...['processing', 'charged'],
      ...['processing', 'charged'],
    ])
    expect(process.takeWays()).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('one that PostgreSQL refuses undoes the one behind it of the same organisation; all are decided again in order', async () => {
    const { process, jobs } = await openProcess(['undone', 'poisoned'])
    await using _ = process
    const [job, poisoned] = jobs as [JobOf, JobOf]
    const letGo = await path.lock('undone')
    const first = process.batcher.decide('settle', { ...job, stage: 'agent.x', usage: wrote('x'), result: 'x' })
    const bad = process.batcher.decide('settle', { ...poisoned, stage: 'agent.x', usage: wrote('x'), result: POISON })
    const last = process.batcher.decide('settle', { ...job, stage: 'output', usage: OUTPUT, result: 'o' })
    await eventually(
      async () => process.takeWays(),
      (ways) => ways.length === 2,
    )
    await letGo()
    expect(await Promise.allSettled([first, bad, last])).toMatchObject([
      { value: { kind: 'settled', state: 'processing', replayed: false } },
      { status: 'rejected', reason: { code: '22021' } },
      { value: { kind: 'settled', state: 'charged', replayed: false } },
    ])
    const again = process.takeWays()
    expect(again).not.toContain('?')
    expect(again.at(-1), 'that it was undone was nobody else’s doing: its organisation is not doubted').toBe('known')
    expect(await stagesOf('undone')).toEqual(['agent.x', 'output'])
    expect(await stagesOf('poisoned')).toEqual([])
    await expectBooksToBalance(world.database)
  })

  it('behind one that fails, one of other organisations is stored', async () => {
    const { process, jobs } = await openProcess(['stored-1', 'stored-2', 'stored-3', 'stored-4'])
    await using _ = process
    const letGo = await path.lock('stored-1')
    const settled = jobs.map((job, index) => {
      const result = index === 1 ? POISON : null
      return process.batcher.decide('settle', { ...job, stage: 'output', usage: OUTPUT, result })
    })
    await eventually(
      async () => process.takeWays(),
      (ways) => ways.length === 2,
    )
    await letGo()
    const kinds = (await Promise.allSettled(settled)).map(({ status }) => status)
    expect(kinds).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    // The pair that failed, whole and by halves; the pair behind it was not asked again.
    const again = process.takeWays()
    expect(again.filter((way) => way.startsWith('known'))).toEqual([])
    for (const [index, { organizationId }] of jobs.entries()) {
      expect(await stagesOf(organizationId)).toEqual(index === 1 ? [] : ['output'])
    }
    await expectBooksToBalance(world.database)
  })

  it('one that reads behind a failed one waits for its turn, also where both answers come at once', async () => {
    const { process } = await openProcess(['turn', 'turn-2'])
    await using _ = process
    const job = await path.storeJob('turn')
    await path.admit(job)
    const bad = await path.storeJob('turn-2')
    await world.database.query(
      `insert into tollkeeper.holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
       values ($1, 1, 'turn-2', 0, 0, 'closed', now(), now())`,
      [bad.jobId],
    )
    // The process stands still until both have been answered: it reads the answers in one piece.
    process.onSent = () => {
      process.onSent = () => undefined
      setImmediate(() => setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)))
    }
    const outcomes = await Promise.allSettled([
      process.batcher.decide('top_up', { organizationId: 'turn', amount: 1n, reference: 'a', note: null }),
      process.batcher.decide('admit', admitCall(bad)),
      process.batcher.decide('settle', { ...job, stage: 'output', usage: OUTPUT, result: null }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(process.takeWays().slice(0, 2)).toEqual(['read', 'read rolled back'])
    const kinds = await world.database.query<{ kind: string }>(
      `select kind from tollkeeper.ledger_entries where organization_id = 'turn' order by seq desc limit 2`,
    )
    expect(kinds.map(({ kind }) => kind)).toEqual(['charge', 'top_up'])
    await world.database.query('delete from tollkeeper.holds where job_id = $1', [bad.jobId])
    await expectBooksToBalance(world.database)
  })

  it('a lost connection answers each call once, and each effect is made once', async () => {
    const { process, jobs } = await openProcess(['lost-1', 'lost-2'])
    await using _ = process
    const letGo = await path.lock('lost-1')
    let answers = 0
    const settled = jobs.flatMap((job) =>
      (['agent.x', 'output'] as const).map(async (stage) => {
        const usage = stage === 'output' ? OUTPUT : wrote('x')
        const verdict = await process.batcher.decide('settle', { ...job, stage, usage, result: null })
        answers += 1
        return verdict
      }),
    )
    await eventually(
      async () => process.takeWays(),
      (ways) => ways.length === 2,
    )
    await world.database.cutConnections('tollkeeper money')
    await letGo()
    const verdicts = await Promise.all(settled)
    expect(verdicts.map((verdict) => verdict.kind === 'settled' && !verdict.replayed)).toEqual([true, true, true, true])
    expect(answers).toBe(4)
    for (const id of ['lost-1', 'lost-2']) expect(await stagesOf(id)).toEqual(['agent.x', 'output'])
    expect([process.pool.totalCount, process.pool.idleCount], 'no connection is kept').toEqual([1, 1])
    await expectBooksToBalance(world.database)
  })

  it('statements of two that read do not mix, and no connection is kept', async () => {
    const { process, jobs } = await openProcess(['mix-1', 'mix-2', 'mix-3'])
    await using _ = process
    const pay = (organizationId: string, reference: string) =>
      process.run([{ kind: 'top_up', organizationId, amount: 1n, reference, note: null }])
    const paid = jobs.flatMap(({ organizationId }) => [pay(organizationId, 'a'), pay(organizationId, 'b')])
    expect((await Promise.all(paid)).flat()).toMatchObject(Array(6).fill({ kind: 'funded', replayed: false }))
    expect(process.takeWays()).toEqual(Array(6).fill('read'))
    expect([process.pool.totalCount, process.pool.idleCount]).toEqual([1, 1])
  })

  it('whoever is hurt between the writes and COMMIT leaves no transaction open', async () => {
    const { process, jobs } = await openProcess(['hurt'])
    await using _ = process
    const [job] = jobs as [JobOf]
    await world.database.query(`update tollkeeper.organizations set name = 'other' where id = 'hurt'`)
    armFailpoints('money.in-transaction:throw@2')
    try {
      // One is refused before it comes to that, and read; the next is the one that is hurt.
      const settle = { ...job, usage: wrote('x'), result: null }
      expect(await process.batcher.decide('settle', { ...settle, stage: 'agent.x' })).toMatchObject({ replayed: false })
      const output = { ...job, stage: 'output', usage: OUTPUT, result: null }
      expect(await process.batcher.decide('settle', output)).toMatchObject({ state: 'charged' })
    } finally {
      armFailpoints(undefined)
    }
    expect(process.takeWays()).toEqual(['known rolled back', 'read', 'read rolled back', 'read'])
    await expectBooksToBalance(world.database)
  })

  it('what PostgreSQL refuses for want of room was not stored, and is no repeated call when it is made again', async () => {
    const { process, jobs } = await openProcess(['full'])
    await using _ = process
    const [job] = jobs as [JobOf]
    await world.database.query(`create function full_disk() returns trigger language plpgsql as
      'begin raise exception ''full'' using errcode = ''53100''; end'`)
    await world.database.query(`create trigger full_disk before update on tollkeeper.jobs for each row
      when (new.organization_id = 'full') execute function full_disk()`)
    const cancel = { kind: 'cancel', ...job } as const
    await expect(process.run([cancel])).rejects.toBeInstanceOf(OutdatedFacts)
    const refused: unknown = await process.run([cancel]).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: '53100' })
    expect(refused).not.toBeInstanceOf(UnansweredCommit)
    await world.database.query('drop trigger full_disk on tollkeeper.jobs')
    expect(await process.batcher.decide('cancel', job)).toEqual({ kind: 'cancelled' })
    expect(await process.batcher.decide('cancel', job)).toMatchObject({ kind: 'refused' })
    await expectBooksToBalance(world.database)
  })
})
