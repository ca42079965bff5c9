import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const BOARD = '/admin/queues'
const ORGANIZATIONS = '/api/v1/admin/organizations'

const ADMIN_KEY = 'an-admin-key-for-the-board-0123456789'
/** What nobody may do, whoever he is. */
const CLOSED: readonly (readonly [string, string, object])[] = [
  ['POST', 'pipeline.input/add', { name: 'forged', data: { jobId: 'x' }, options: {} }],
  ['PATCH', 'pipeline.input/<job>/update-data', { jobData: { jobId: 'x' } }],
  ['PATCH', 'pipeline.input/<job>/priority', { priority: 1 }],
  ['PATCH', 'pipeline.input/<job>/delay', { runAt: 4_102_444_800_000 }],
  ['PUT', 'pipeline.input/<job>/clean', {}],
  ['PUT', 'pipeline.input/<job>/remove-unprocessed-children', {}],
  ['PUT', 'pipeline.input/clean/wait', {}],
  ['PUT', 'pipeline.input/clean/retry', {}],
  ['PUT', 'pipeline.input/clean/promote', {}],
  ['PUT', 'pipeline.input/empty', {}],
  ['PUT', 'pipeline.input/EMPTY/', {}],
  ['PUT', 'pipeline.input/obliterate', { force: true }],
  ['PUT', 'pipeline.input/concurrency', { concurrency: 1 }],
  ['PUT', 'pipeline.input/rate-limit', { max: 1, duration: 1000 }],
  ['PUT', 'pipeline.input/job-schedulers/x/run', {}],
]
/** What operators may do, to one queue or to all. */
const OPEN: typeof CLOSED = [
  'pause',
  'resume',
  'pipeline.input/pause',
  'pipeline.input/retry/failed',
  'pipeline.input/<job>/retry',
].map((path) => ['PUT', path, {}])

let door: Door
let jobId: string
let queueJobId: string
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  await door.ask(ORGANIZATIONS, { body: { id: 'acme', tariff_id: tariff } })
  const submitted = await door.ask('/api/v1/jobs', { body: { organization_id: 'acme', text: 'Some text' } })
  jobId = submitted.body.id
  queueJobId = `${jobId}.input.1`
  await vi.waitFor(async () => expect(await queueJob()).toBeDefined())
})
afterAll(() => door.close())

function queue(name = 'pipeline.input') {
  const found = door.tollkeeper.queues.boardQueues().find((each) => each.name === name)
  if (!found) throw new Error(`no queue ${name}`)
  return found
}

async function queueJob() {
  const job = await queue().getJob(queueJobId)
  return job && { name: job.name, data: job.data, opts: job.opts, state: await job.getState() }
}

/** What no operator can change here: the queue job, how many there are, and every row of ours. */
async function all() {
  const counts = await Promise.all(door.tollkeeper.queues.boardQueues().map((each) => each.getJobCounts()))
  return { job: await queueJob(), counts, traces: await door.traces() }
}

describe('the board', () => {
  test('shows our queues in their groups, and each job with a link to its receipt', async () => {
    const { body } = await door.ask(`${BOARD}/api/queues?activeQueue=pipeline.input&status=waiting`)
    const queues = body.queues as { name: string; delimiter: string; jobs: Record<string, unknown>[] }[]
    const names = [
      'pipeline.input',
      'pipeline.agent',
      'pipeline.output',
      'billing.rejected-for-balance',
      'billing.maintenance',
    ]
    expect(queues.map(({ name }) => name)).toEqual(names)
    expect(new Set(queues.map(({ delimiter }) => delimiter))).toEqual(new Set(['.']))
    const [shown] = queues[0]?.jobs ?? []
    expect(shown).toMatchObject({ id: queueJobId, name: 'acme · input', data: { jobId, stage: 'input' } })
    expect(shown?.externalUrl).toMatchObject({ href: `/api/v1/jobs/${jobId}/receipt` })
    const receipt = await door.ask(`/api/v1/jobs/${jobId}/receipt`)
    expect(receipt.body).toMatchObject({ job_id: jobId, final: false, lines: [] })
  })

  test('names its states as we do, and keeps its other words', async () => {
    const { body } = await door.ask(`${BOARD}/static/locales/en-US/messages.json`)
    const { STATUS: states, ACTIONS: actions } = body.QUEUE as Record<string, Record<string, string>>
    expect(states).toMatchObject({
      ACTIVE: 'Measuring',
      WAITING: 'Queued',
      COMPLETED: 'Charged',
      FAILED: 'Rejected or failed',
    })
    expect(actions).toMatchObject({ PAUSE: 'Pause', RETRY_ALL: 'Retry all' })
  })

  test('is a page that runs without any other host', async () => {
    const page = await door.ask(`${BOARD}/`)
    const policy = page.headers.get('Content-Security-Policy') ?? ''
    expect(page.status).toBe(200)
    expect(page.text).toContain('<title>Tollkeeper</title>')
    expect(page.headers.get('X-Powered-By')).toBeNull()
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("font-src 'self';")
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/)
    const scripts = [...page.text.matchAll(/<script defer src="([^"]+)"/g)].map(([, src]) => src)
    expect(scripts.length).toBeGreaterThan(1)
    for (const src of scripts) expect((await door.ask(`${BOARD}/${src}`)).status).toBe(200)
  })

  test.each(CLOSED)('refuses %s %s', async (method, path, body) => {
    const before = await all()
    const answer = await door.ask(`${BOARD}/api/queues/${path.replace('<job>', queueJobId)}`, { method, body })
    expectProblem(answer, 403, 'forbidden')
    expect(await all()).toEqual(before)
  })

  describe('write routes without login, cross-site POST, `update-data`, `add`, `obliterate` → 401 / 403, nothing changed', () => {
    let locked: Awaited<ReturnType<Door['withKey']>>
    let tenant = ''
    beforeAll(async () => {
      locked = await door.withKey(ADMIN_KEY)
      const made = await door.ask(`${ORGANIZATIONS}/acme/api-keys`, { body: { name: 'tenant' } })
      tenant = String(made.body.secret)
    })

    test.each([...CLOSED, ...OPEN])('%s %s is closed to them', async (method, path, body) => {
      const before = await all()
      const basic = (key: string) => ({ Authorization: `Basic ${Buffer.from(`me:${key}`).toString('base64')}` })
      const send = (headers: Record<string, string>) =>
        locked.ask(`${BOARD}/api/queues/${path.replace('<job>', queueJobId)}`, { method, body, headers })
      for (const headers of [{}, basic('wrong'), { Authorization: `Bearer ${ADMIN_KEY}x` }]) {
        expectProblem(await send(headers), 401, 'unauthorized')
      }
      for (const from of [{ Origin: 'http://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null' }]) {
        expectProblem(await send({ ...basic(ADMIN_KEY), ...from } as Record<string, string>), 403, 'forbidden')
      }
      for (const headers of [basic(tenant), { Authorization: `Bearer ${tenant}` }]) {
        expectProblem(await send(headers), 403, 'forbidden')
      }
      expect(await all()).toEqual(before)
    })
  })

  test('lets an operator pause, resume, promote and retry', async () => {
    const put = (path: string) => door.ask(`${BOARD}/api/queues/${path}`, { method: 'PUT', body: {} })
    expect((await put('pipeline.input/pause')).status).toBe(200)
    expect(await queue().isPaused()).toBe(true)
    expect((await put('pipeline.input/resume')).status).toBe(200)
    expect(await queue().isPaused()).toBe(false)
    expect((await put('pause')).status).toBe(200)
    expect((await put('resume')).status).toBe(200)
    expect((await put('pipeline.input/retry/failed')).body).toMatchObject({ retried: 0 })
    expect((await put('pipeline.input/promote')).status).toBe(200)
    expectProblem(await put(`pipeline.input/${queueJobId}/retry`), 400, 'invalid-query')
    expectProblem(await put('pipeline.input/unknown/retry'), 404, 'not-found')
    expectProblem(await put('no.queue/pause'), 404, 'not-found')
    expect(await queueJob()).toMatchObject({ state: 'waiting' })
  })

  test('survives a queue job that somebody else put in', async () => {
    const maintenance = queue('billing.maintenance')
    for (const data of [null, 'text', { jobId: 'javascript:alert(1)' }]) await maintenance.add('<img onerror=1>', data)
    const { status, body } = await door.ask(`${BOARD}/api/queues?activeQueue=billing.maintenance&status=waiting`)
    const queues = body.queues as { jobs: object[] }[]
    expect(status).toBe(200)
    expect(queues[4]?.jobs).toHaveLength(3)
    for (const job of queues[4]?.jobs ?? []) expect(job).not.toHaveProperty('externalUrl')
  })

  test('answers a broken body like everybody else', async () => {
    const path = `${BOARD}/api/queues/pipeline.input/pause`
    const answer = await door.ask(path, { method: 'PUT', body: '{"a":' })
    expectProblem(answer, 400, 'invalid-query')
    expect(await queue().isPaused()).toBe(false)
  })
})
