import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const JOBS = '/api/v1/jobs'

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  for (const id of ['acme', 'rival']) await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
  await door.ask(ORGANIZATIONS, { body: { id: 'bare' } })
})
afterAll(() => door.close())

const submit = (body: object, headers: Record<string, string> = {}) =>
  door.ask(JOBS, { body: { organization_id: 'acme', text: 'A text', ...body }, headers })

describe('jobs over HTTP', () => {
  test('a job is taken at once, and shows where it stands', async () => {
    const answer = await submit({ agents: ['extractor'], external_id: 'order 7' })
    const { id } = answer.body
    expect([answer.status, answer.headers.get('Location')]).toEqual([202, `${JOBS}/${id}`])
    expect(answer.body).toMatchObject({
      organization_id: 'acme',
      user_id: null,
      external_id: 'order 7',
      state: 'queued',
      stage: 'input',
      steps: [['extractor']],
      currency: 'USD',
      held: '0.00',
      charged: '0.00',
      rejection: null,
      failure: null,
      result: null,
      finished_at: null,
    })
    for (const query of ['', '?organization_id=acme']) {
      expect((await door.ask(`${JOBS}/${id}${query}`)).body).toEqual(answer.body)
      expect((await door.ask(`${JOBS}/${id}/receipt${query}`)).body).toMatchObject({ job_id: id, total: '0.00' })
    }
  })

  test("another organisation's job looks like one that does not exist", async () => {
    const { id } = (await submit({})).body
    const nobody = '00000000-0000-7000-8000-000000000000'
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/receipt'],
      ['DELETE', ''],
    ] as const) {
      const foreign = await door.ask(`${JOBS}/${id}${path}?organization_id=rival`, { method })
      const missing = await door.ask(`${JOBS}/${nobody}${path}?organization_id=rival`, { method })
      expectProblem(foreign, 404, 'not-found')
      expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' })
    }
    expect((await door.ask(`${JOBS}/${id}`)).body.state).toBe('queued')
    expect((await door.ask(`${JOBS}?organization_id=rival`)).body.data).toEqual([])
  })

  test('a key stands for one job, however often and at once it is sent', async () => {
    const headers = { 'Idempotency-Key': 'order-8' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit({}, headers)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expectProblem(await submit({ text: 'Another text' }, headers), 422, 'idempotency-mismatch')
    expectProblem(await submit({}, { 'Idempotency-Key': 'é' }), 422, 'validation')
    const list = (await door.ask(`${JOBS}?organization_id=acme&limit=200`)).body.data
    expect(list.filter(({ id }) => id === answers[0]?.body.id)).toHaveLength(1)
  })

  test('who is no member, has no tariff or does not exist submits nothing', async () => {
    const before = await door.traces()
    expectProblem(await submit({ user_id: 'stranger' }), 403, 'not-a-member')
    expectProblem(await submit({ organization_id: 'bare' }), 409, 'no-tariff')
    expectProblem(await submit({ organization_id: 'nobody' }), 404, 'not-found')
    expect(await door.traces()).toEqual(before)
  })

  test('a quote has no effect, and says what would be held', async () => {
    const before = await door.traces()
    const { status, body } = await door.ask(`${JOBS}/quote`, {
      body: { organization_id: 'acme', text: 'A text', agents: ['extractor'] },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ organization_id: 'acme', upper: '0.10', available: '0.00', affordable: false })
    expect(await door.traces()).toEqual(before)
  })

  test('a job is cancelled once', async () => {
    const { id } = (await submit({})).body
    const cancelled = await door.ask(`${JOBS}/${id}`, { method: 'DELETE' })
    expect([cancelled.status, cancelled.body.state]).toEqual([200, 'cancelled'])
    expectProblem(await door.ask(`${JOBS}/${id}`, { method: 'DELETE' }), 409, 'job-finished')
    expect((await door.ask(`${JOBS}/${id}`)).body).toEqual(cancelled.body)
  })

  test('jobs are listed from the newest to the oldest', async () => {
    const made = [(await submit({})).body.id, (await submit({})).body.id, (await submit({})).body.id]
    const page = await door.ask(`${JOBS}?organization_id=acme&limit=2`)
    expect(page.body.data.map(({ id }) => id)).toEqual([made[2], made[1]])
    const next = await door.ask(`${JOBS}?organization_id=acme&limit=1&cursor=${page.body.next_cursor}`)
    expect(next.body.data.map(({ id }) => id)).toEqual([made[0]])
    expectProblem(
      await door.ask(`${JOBS}?organization_id=rival&cursor=${page.body.next_cursor}`),
      400,
      'invalid-cursor',
    )
  })

  test('jobs are listed by what is asked for, and by nothing that is not known', async () => {
    const tariff = await publishedTariff(door.ask)
    await door.ask(ORGANIZATIONS, { body: { id: 'lists', tariff_id: tariff } })
    await door.ask(`${ORGANIZATIONS}/lists/members`, { body: { user_id: 'ann' } })
    const made: string[] = []
    for (const more of [
      { user_id: 'ann' },
      { external_id: 'order 1' },
      { user_id: 'ann', external_id: 'order 1' },
      {},
    ]) {
      made.push((await submit({ organization_id: 'lists', ...more })).body.id)
    }
    await door.ask(`${JOBS}/${made[3]}`, { method: 'DELETE' })
    const list = async (query: string) => door.ask(`${JOBS}?organization_id=lists&${query}`)
    const found = async (query: string) => (await list(query)).body.data.map(({ id }) => made.indexOf(String(id)))
    expect(await found('')).toEqual([3, 2, 1, 0])
    expect(await found('sort=created_at')).toEqual([0, 1, 2, 3])
    expect(await found('sort=-created_at&user_id=ann')).toEqual([2, 0])
    expect(await found('external_id=order+1')).toEqual([2, 1])
    expect(await found('external_id=order+1&user_id=ann')).toEqual([2])
    expect(await found('state=cancelled')).toEqual([3])
    expect(await found('state=queued&sort=created_at')).toEqual([0, 1, 2])
    expect(await found('state=processing')).toEqual([])
    expect(await found('created_from=2026-01-01&created_to=2999-01-01T00:00:00Z')).toEqual([3, 2, 1, 0])
    expect(await found('created_to=2026-01-01')).toEqual([])
    const at = (await door.ask(`${JOBS}/${made[2]}`)).body.created_at
    expect(await found(`created_from=${at}`)).not.toContain(1)
    expect(await found(`created_to=${at}`)).not.toContain(2)

    const page = await list('user_id=ann&limit=1&sort=created_at')
    expect(page.body.data.map(({ id }) => id)).toEqual([made[0]])
    const cursor = `limit=1&cursor=${page.body.next_cursor}`
    expect(await found(`user_id=ann&sort=created_at&${cursor}`)).toEqual([2])
    for (const other of ['user_id=ann', 'sort=created_at', 'user_id=ann&sort=created_at&state=queued']) {
      expectProblem(await list(`${other}&${cursor}`), 400, 'invalid-cursor')
    }
    const unknown = [
      'status=queued',
      'state=done',
      'state[]=queued',
      'sort=id',
      'user_id=-',
      'external_id=',
      'state=a&state=b',
    ]
    for (const query of [...unknown, 'limit=0', 'limit=201']) expectProblem(await list(query), 400, 'invalid-query')
    for (const query of ['created_from=2026-02-30', 'created_to=now', 'created_from=2026-01-01T00:00:00']) {
      expectProblem(await list(query), 422, 'validation')
    }
    expectProblem(await list('created_from=2026-01-02&created_to=2026-01-01'), 422, 'validation')
  })

  test('a job says what to ask for next', async () => {
    const { id, next } = (await submit({})).body as unknown as { id: string; next: string }
    expect(next).toBe(`GET ${JOBS}/${id}/events`)
    const cancelled = (await door.ask(`${JOBS}/${id}`, { method: 'DELETE' })).body
    expect(cancelled.next).toBe(`POST ${JOBS}/${id}/resubmit`)
  })
})
