import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const JOBS = '/api/v1/jobs'
const BATCH = `${JOBS}/batch`

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  for (const id of ['acme', 'rival']) await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
  await door.ask(ORGANIZATIONS, { body: { id: 'bare' } })
  await door.ask(`${ORGANIZATIONS}/acme/members`, { body: { user_id: 'ann' } })
})
afterAll(() => door.close())

const agents = ['extractor']
const batch = (jobs: readonly object[], headers: Record<string, string> = {}, organization_id = 'acme') =>
  door.ask(BATCH, { body: { organization_id, jobs }, headers })
const texts = (count: number) => Array.from({ length: count }, (_, index) => ({ text: `text ${index}`, agents }))
const idsOf = (answer: { readonly body: { readonly data: readonly object[] } }) =>
  answer.body.data.map((job) => (job as { readonly id: string }).id)
const pointersOf = (answer: { readonly body: { readonly errors: readonly { pointer: string; code: string }[] } }) =>
  answer.body.errors.map(({ pointer, code }) => `${pointer} ${code}`)

describe('jobs that are handed in together', () => {
  test('are taken in their order, each like one by itself', async () => {
    const more = { user_id: 'ann', external_id: 'order 7', max_cost: '0.5', steps: [['extractor'], ['summarizer']] }
    const answer = await batch([{ text: 'One' }, { text: '\uFEFFTwo', ...more }, ...texts(98)])
    expect(answer.status).toBe(202)
    expect(answer.body.data).toHaveLength(100)
    const ids = idsOf(answer)
    expect(ids).toEqual(ids.toSorted())
    for (const index of [0, 1, 99]) {
      expect((await door.ask(`${JOBS}/${ids[index]}`)).body).toEqual(answer.body.data[index])
    }
    const [first, second] = answer.body.data
    expect(first).toMatchObject({ state: 'queued', user_id: null, steps: [['extractor', 'summarizer']] })
    expect(second).toMatchObject({ user_id: 'ann', external_id: 'order 7', steps: more.steps, currency: 'USD' })
    const stored = await door.database.query(
      `select t.text, j.max_cost::text, s.delivery, s.check_at is not null as due from tollkeeper.jobs j
       join tollkeeper.job_texts t on t.job_id = j.id join tollkeeper.job_stages s on s.job_id = j.id and s.stage = 'input'
       where j.id = $1`,
      [ids[1]],
    )
    expect(stored).toEqual([{ text: 'Two', max_cost: '500000000', delivery: 1, due: true }])
  })

  test('are refused together, with every reason at its place', async () => {
    const before = await door.traces()
    const wrong = await batch([
      { text: 'fine' },
      { text: '' },
      { text: 'x', agents: ['nobody'] },
      { text: 'a\0b', agents: [] },
      { text: 'x', steps: [['extractor'], ['extractor']] },
    ])
    expectProblem(wrong, 422, 'validation')
    expect(pointersOf(wrong)).toEqual([
      '/jobs/1/text invalid-text',
      '/jobs/2/agents unknown-agent',
      '/jobs/3/text invalid-text',
      '/jobs/3/agents invalid-value',
      '/jobs/4/steps duplicate-key',
    ])
    const fields = await batch([
      { text: 'x', organization_id: 'acme' },
      { text: 5 },
      { text: 'x', agents, steps: [agents] },
      {},
    ])
    expect(pointersOf(fields)).toEqual([
      '/jobs/0/organization_id unknown-field',
      '/jobs/1/text invalid-type',
      '/jobs/2/steps invalid-value',
      '/jobs/3/text required',
    ])
    expect(pointersOf(await batch([]))).toEqual(['/jobs invalid-value'])
    expect(pointersOf(await batch(texts(101)))).toEqual(['/jobs invalid-value'])
    expectProblem(await batch([{ text: 'x' }, { text: 'y', user_id: 'stranger' }]), 403, 'not-a-member')
    expectProblem(await batch(texts(2), {}, 'bare'), 409, 'no-tariff')
    expectProblem(await batch(texts(2), {}, 'nobody'), 404, 'not-found')
    expect(await door.traces()).toEqual(before)
  })

  test('are the same ones under the key of their list, however often and at once it is sent', async () => {
    const headers = { 'Idempotency-Key': 'list-1' }
    const answers = await Promise.all(Array.from({ length: 10 }, () => batch(texts(5), headers)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(new Set(answers.map((answer) => idsOf(answer).join())).size).toBe(1)
    const before = await door.traces()
    for (const other of [texts(4), texts(6), [...texts(4), { text: 'another', agents }], texts(5).toReversed()]) {
      expectProblem(await batch(other, headers), 422, 'idempotency-mismatch')
    }
    const both = await batch([{ ...texts(1)[0], key: 'own' }], headers)
    expect(pointersOf(both)).toEqual(['/jobs/0/key invalid-value'])
    expect(await door.traces()).toEqual(before)
  })

  test('may each have a key of its own, which a single job has, too', async () => {
    const job = { text: 'Keyed', agents }
    const single = await door.ask(JOBS, {
      body: { organization_id: 'acme', ...job },
      headers: { 'Idempotency-Key': 'order-1' },
    })
    const keyed = [{ ...job, key: 'order-2' }, { ...job, key: 'order-1' }, job]
    const [first, again] = [await batch(keyed), await batch(keyed)]
    expect(idsOf(first)[1]).toBe(single.body.id)
    expect(idsOf(again).slice(0, 2)).toEqual(idsOf(first).slice(0, 2))
    expect(idsOf(again)[2]).not.toBe(idsOf(first)[2])
    const before = await door.traces()
    const other = [
      { text: 'New', agents },
      { text: 'Other', agents, key: 'order-2' },
    ]
    expectProblem(await batch(other), 422, 'idempotency-mismatch')
    expect(
      pointersOf(
        await batch([
          { ...job, key: 'k' },
          { ...job, key: 'k' },
        ]),
      ),
    ).toEqual(['/jobs/1/key duplicate-key'])
    expect(await door.traces()).toEqual(before)
  })

  test('wait for each other where their keys cross, and nobody for ever', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `crossed-${index}`)
    const lists = [keys, keys.toReversed(), keys.toSorted(), keys.slice(5), keys.slice(0, 7).toReversed()]
    const answers = await Promise.all(lists.map((list) => batch(list.map((key) => ({ text: 'Crossed', agents, key })))))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202])
    const byKey = new Map<string, Set<string>>()
    for (const [at, list] of lists.entries()) {
      for (const [index, key] of list.entries()) {
        byKey.set(key, (byKey.get(key) ?? new Set()).add(idsOf(answers[at] ?? { body: { data: [] } })[index] ?? ''))
      }
    }
    expect([...byKey.values()].map(({ size }) => size)).toEqual(keys.map(() => 1))
  })
})

describe('a job that is run again', () => {
  const submit = async (more: object = {}) =>
    (await door.ask(JOBS, { body: { organization_id: 'acme', text: 'Once more', agents, ...more } })).body.id
  const cancel = (id: string) => door.ask(`${JOBS}/${id}`, { method: 'DELETE' })
  const again = (id: string, body: object | undefined = undefined, headers: Record<string, string> = {}, query = '') =>
    door.ask(`${JOBS}/${id}/resubmit${query}`, { method: 'POST', body, headers })
  const limitOf = async (id: string) =>
    (await door.database.query(`select max_cost::text from tollkeeper.jobs where id = $1`, [id]))[0]?.max_cost

  test('is a new job of the same text and terms', async () => {
    const id = await submit({ user_id: 'ann', external_id: 'order 9', max_cost: '0.5' })
    const ended = (await cancel(id)).body
    expect(ended.next).toBe(`POST ${JOBS}/${id}/resubmit`)
    const answer = await again(id)
    expect([answer.status, answer.headers.get('Location')]).toEqual([202, `${JOBS}/${answer.body.id}`])
    expect(answer.body).toMatchObject({
      ...{ state: 'queued', user_id: 'ann', external_id: 'order 9', steps: [agents], charged: '0.00' },
      next: `GET ${JOBS}/${answer.body.id}/events`,
    })
    expect(answer.body.id).not.toBe(id)
    const [limited, free] = [await again(id, { max_cost: '0.25' }), await again(id, { max_cost: null })]
    const limits = await Promise.all([answer, limited, free].map(({ body }) => limitOf(body.id)))
    expect(limits).toEqual(['500000000', '250000000', null])
    const stored = await door.database.query('select text from tollkeeper.job_texts where job_id = $1', [
      answer.body.id,
    ])
    expect(stored).toEqual([{ text: 'Once more' }])
    expect((await door.ask(`${JOBS}/${id}`)).body).toEqual(ended)
  })

  test('is one job under a key, and never the one that the key was for', async () => {
    const headers = { 'Idempotency-Key': 'again-1' }
    const body = { organization_id: 'acme', text: 'Once more', agents }
    const { id } = (await door.ask(JOBS, { body, headers: { 'Idempotency-Key': 'first-run' } })).body
    await cancel(id)
    const answers = await Promise.all([again(id, {}, headers), again(id, {}, headers), again(id, {}, headers)])
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    const before = await door.traces()
    expectProblem(await again(id, { max_cost: '9' }, headers), 422, 'idempotency-mismatch')
    expectProblem(await again(id, {}, { 'Idempotency-Key': 'first-run' }), 422, 'idempotency-mismatch')
    expect(await door.traces()).toEqual(before)
  })

  test('is refused while it runs, when its text is gone, and to strangers', async () => {
    const [running, ended] = [await submit(), await submit()]
    await cancel(ended)
    await door.database.query('delete from tollkeeper.job_texts where job_id = $1', [ended])
    const own = await door.tollkeeper.openJob({ organizationId: 'acme', agents: [] })
    await door.tollkeeper.billing.cancel(own)
    const before = await door.traces()
    expectProblem(await again(running), 409, 'job-unfinished')
    expectProblem(await again(ended), 409, 'text-gone')
    expectProblem(await again(own.jobId), 409, 'text-gone')
    const foreign = await again(ended, {}, {}, '?organization_id=rival')
    const missing = await again('00000000-0000-7000-8000-000000000000', {}, {}, '?organization_id=rival')
    expectProblem(foreign, 404, 'not-found')
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' })
    expectProblem(await again(ended, { text: 'another' }), 422, 'validation')
    expect(await door.traces()).toEqual(before)
  })
})
