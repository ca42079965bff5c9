import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { openSubmitPool } from '../../src/database/pool.ts'
import { SubmitPath } from '../../src/database/submit/submit-path.ts'
import { systemClock } from '../../src/foundation/clock.ts'
import { JobManager } from '../../src/managers/job.manager.ts'
import type { NewJob } from '../../src/managers/new-job.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const PRICES = [component('input', { kind: 'input_tokens' }, '0.15')]

let world: World
let here: Tollkeeper
let there: Tollkeeper
let pool: pg.Pool
beforeAll(async () => {
  world = await openWorld('postgres')
  // Two processes' worth, without workers: nothing happens to what is stored.
  here = await world.open()
  there = await world.open()
  for (const id of ['acme', 'rival']) await fundedOrganization(here, id, '5.00', PRICES, { memberPrice: '4.00' })
  await here.inTransaction((em) =>
    here.organizations.create(em, { ...NEW_ORGANIZATION, id: 'bare', name: 'bare', tariffId: null }),
  )
  await here.teams.addMember('acme', 'ann', 'member')
  await here.teams.addMember('acme', 'bob', 'member')
  pool = openSubmitPool(world.database.appUrl, 2)
  pool.on('error', () => undefined)
})
afterAll(async () => {
  await pool.end()
  await world.close()
})

const NEW_ORGANIZATION = { currency: 'USD', tariffVersion: null, overdraftLimit: 0n } as const

function job(fields: Partial<NewJob> = {}): NewJob {
  const terms = { organizationId: 'acme', userId: null, externalId: null, key: null, maxCost: null }
  return { ...terms, text: 'some words', steps: [['summarizer', 'extractor']], runner: 'pipeline', ...fields }
}

/** What becomes of jobs that are submitted at one moment: `created`, `known`, or the code of what was thrown. */
async function outcomes(jobs: JobManager, inputs: readonly NewJob[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(inputs.map((input) => jobs.submit(input)))
  return settled.map((each) => {
    if (each.status === 'rejected') return (each.reason as { code: string }).code
    return each.value.view === null ? 'known' : 'created'
  })
}

const stored = (externalId: string) =>
  world.database.query<{ id: string; xmin: string }>(
    'select id, xmin::text from tollkeeper.jobs where external_id = $1 order by id',
    [externalId],
  )

describe('jobs that are submitted at one moment', () => {
  it('are judged each by itself, and those that may be are stored in one transaction', async () => {
    await here.jobs.submit(job({ key: 'used' }))
    const verdicts: readonly [Partial<NewJob>, string][] = [
      [{}, 'created'],
      [{ organizationId: 'nobody' }, 'not-found'],
      [{ organizationId: 'bare' }, 'no-tariff'],
      [{ userId: 'ann' }, 'created'],
      [{ userId: 'bob' }, 'not-a-member'],
      [{ userId: 'cleo' }, 'not-a-member'],
      [{ organizationId: 'rival', userId: 'ann' }, 'not-a-member'],
      [{ key: 'used', externalId: null }, 'known'],
      [{ key: 'used' }, 'idempotency-mismatch'],
      [{ organizationId: 'rival', key: 'used' }, 'created'],
      [{ key: 'twice' }, 'created'],
      [{ key: 'twice' }, 'known'],
      [{ key: 'twice', text: 'other words' }, 'idempotency-mismatch'],
      [{ organizationId: 'bare', key: 'twice' }, 'no-tariff'],
      [{ text: null, runner: 'own' }, 'created'],
    ]
    const inputs = verdicts.map(([fields]) => job({ externalId: 'table', ...fields }))
    expect(await outcomes(here.jobs, inputs)).toEqual(verdicts.map(([, verdict]) => verdict))
    const rows = await stored('table')
    expect(rows).toHaveLength(5)
    expect(new Set(rows.map(({ xmin }) => xmin)).size).toBe(1)
  })

  it('are answered as they are stored, in the order of their stages, with their first queue job planned', async () => {
    const full = job({ userId: 'ann', externalId: 'line\n"7" \\ {a,b} NULL', key: 'full', maxCost: 7n, text: 'NULL' })
    const inputs = [full, job({ steps: [['reader'], ['writer', 'editor']] }), job({ text: '{"}\\', runner: 'own' })]
    const answers = await Promise.all(inputs.map((input) => here.jobs.submit(input)))
    for (const [index, { id, view, first }] of answers.entries()) {
      expect(view).toEqual(await here.jobs.find(here.em(), id))
      const [row] = await world.database.query(
        `select t.text, j.max_cost::int, j.runner, s.delivery, s.check_at > j.created_at as is_due
         from tollkeeper.jobs j join tollkeeper.job_texts t on t.job_id = j.id
         join tollkeeper.job_stages s on s.job_id = j.id and s.stage = 'input' where j.id = $1`,
        [id],
      )
      const isOurs = inputs[index]?.runner === 'pipeline'
      expect(row).toEqual({
        text: inputs[index]?.text,
        max_cost: index === 0 ? 7 : null,
        runner: inputs[index]?.runner,
        delivery: isOurs ? 1 : 0,
        is_due: isOurs ? true : null,
      })
      expect(first === null).toBe(!isOurs)
    }
    expect(answers[1]?.view?.stages.map(({ stage }) => stage)).toEqual([
      'input',
      'agent.reader',
      'agent.editor',
      'agent.writer',
      'output',
    ])
  })

  it('in the same way as one that is stored in a transaction of the caller’s', async () => {
    const input = job({ externalId: 'same', userId: 'ann', maxCost: 9n })
    const gathered = await here.jobs.submit(input)
    const alone = await here.inTransaction((em) => here.jobs.create(em, input))
    const rowsOf = (id: string) =>
      world.database.query(
        `select to_jsonb(j) - 'id' - 'created_at' as job, t.text, (select jsonb_agg(to_jsonb(s) - 'job_id' - 'check_at'
           || jsonb_build_object('due', s.check_at is not null) order by s.position, s.stage)
           from tollkeeper.job_stages s where s.job_id = j.id) as stages
         from tollkeeper.jobs j join tollkeeper.job_texts t on t.job_id = j.id where j.id = $1`,
        [id],
      )
    expect(await rowsOf(gathered.id)).toEqual(await rowsOf(alone.id))
    const shown = { id: '', createdAt: null }
    expect({ ...gathered.view, ...shown }).toEqual({ ...alone.view, ...shown })
  })

  it('make one job of one key, however many processes are asked at once, and whatever door they take', async () => {
    const input = job({ key: 'race', externalId: 'race' })
    const asked = Array.from({ length: 100 }, (_, index) => {
      const { jobs, inTransaction } = index % 2 === 0 ? here : there
      return index % 10 === 0 ? inTransaction((em) => jobs.create(em, input)) : jobs.submit(input)
    })
    const answers = await Promise.all(asked)
    const [row, ...twins] = await stored('race')
    expect(twins).toEqual([])
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([row?.id]))
    expect(answers.filter(({ first }) => first !== null)).toHaveLength(1)
  })

  it('do not suffer from one that PostgreSQL cannot store', async () => {
    const inputs = Array.from({ length: 9 }, (_, index) => {
      return job({ externalId: 'poisoned', text: index === 5 ? 'a\u0000b' : `text ${index}` })
    })
    const seen = await outcomes(here.jobs, inputs)
    expect(seen).toEqual(inputs.map((_, index) => (index === 5 ? '22021' : 'created')))
    expect(await stored('poisoned')).toHaveLength(8)
  })

  it('are refused, and not stored, where too many wait', async () => {
    const narrow = new SubmitPath(pool, { waiting: { calls: 4, bytes: 1_000_000 } })
    const jobs = new JobManager(o200kBase, systemClock, narrow)
    const organizations = ['acme', 'rival', 'acme', 'rival', 'acme', 'rival']
    const inputs = organizations.map((organizationId) => job({ organizationId, externalId: 'crowd' }))
    const seen = await outcomes(jobs, inputs)
    expect(seen).toEqual(['created', 'created', 'created', 'created', 'unavailable', 'unavailable'])
    expect(await stored('crowd')).toHaveLength(4)
  })
})

describe('a connection that is lost', () => {
  /** Stores each transaction, and then says that the connection was reset, every first time. */
  function lossy(): JobManager {
    let commits = 0
    const connect = async () => {
      const client = await pool.connect()
      const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>
      const losing = async (...asked: unknown[]) => {
        const answer = await query(...asked)
        if (asked[0] === 'commit' && ++commits % 2 === 1) {
          throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
        }
        return answer
      }
      return new Proxy(client, { get: (target, name) => (name === 'query' ? losing : bound(target, name)) })
    }
    return new JobManager(o200kBase, systemClock, new SubmitPath({ connect } as unknown as pg.Pool))
  }
  const bound = (target: object, name: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? value.bind(target) : value
  }

  it('in COMMIT makes no twin of a job, with a key or without, and the answer is as if it had been heard', async () => {
    const jobs = lossy()
    const inputs = [job({ externalId: 'lost', key: 'lost' }), job({ externalId: 'lost' }), job({ externalId: 'lost' })]
    const answers = await Promise.all(inputs.map((input) => jobs.submit(input)))
    expect((await stored('lost')).map(({ id }) => id)).toEqual(answers.map(({ id }) => id).toSorted())
    for (const { id, view, first } of answers) {
      expect(view).toEqual(await jobs.find(here.em(), id))
      expect(first).toMatchObject({ jobId: id })
    }
    expect(await outcomes(jobs, [job({ externalId: 'lost', key: 'lost' })])).toEqual(['known'])
    expect(await stored('lost')).toHaveLength(3)
  })

  it('before or in the middle is tried again on another one', async () => {
    const submitting = Array.from({ length: 60 }, async (_, index) => {
      if (index % 20 === 10) await world.database.cutConnections('tollkeeper submit')
      return here.jobs.submit(job({ externalId: 'cut', key: index % 2 === 0 ? `cut ${index}` : null }))
    })
    const answers = await Promise.all(submitting)
    expect((await stored('cut')).map(({ id }) => id)).toEqual(answers.map(({ id }) => id).toSorted())
  })
})

describe('a process that closes', () => {
  it('answers all that were submitted before, and puts them into the queue', async () => {
    const leaving = await world.open()
    const submitted = Array.from({ length: 300 }, (_, index) =>
      leaving.service.submit({
        organizationId: index % 2 === 0 ? 'acme' : 'rival',
        text: 'last words',
        externalId: 'bye',
      }),
    )
    await leaving.close()
    const ids = (await Promise.all(submitted)).map(({ id }) => id).toSorted()
    expect((await stored('bye')).map(({ id }) => id)).toEqual(ids)
    const queued = await world.database.query<{ id: string }>(
      `select data ->> 'jobId' as id from bullmq.job where data ->> 'jobId' = any ($1) order by 1`,
      [ids],
    )
    expect(queued.map(({ id }) => id)).toEqual(ids)
  })
})
