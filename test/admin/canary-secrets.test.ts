import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChaosProcess, startProcess } from '../chaos/chaos-process.ts'
import { type ChatServer, startChatServer } from '../support/chat-server.ts'
import { BACKENDS_HERE, eventually, openWorld, type World } from '../support/tollkeeper.ts'

const ADMIN_KEY = 'canary-admin-7Qz4mVx0Lr9TbWc2Nf6SjEa8'
const MODEL_KEY = 'canary-model-3Hs8nYp5Kd1GfJe6Pv0BkMi4'
const TEXT = 'canary-text-9Ub2wRt7Ao4ZiXq1'
const UNKNOWN = '01a20900-0000-7000-8000-00000000dead'
const RESULT = 'The ferry leaves at nine.'

interface Said {
  readonly status: number
  readonly all: string
}

describe.each(BACKENDS_HERE)('secrets of a process that logs all it can, with the queue on %s', (backend) => {
  let world: World
  let model: ChatServer
  let service: ChaosProcess
  let tenantKey = ''
  /** Everything that was answered, but for the one answer that shows a new key. */
  const answers: string[] = []

  beforeAll(async () => {
    model = await startChatServer()
    world = await openWorld(backend)
    service = await startProcess({
      ...world.env,
      PORT: '0',
      LOG_LEVEL: 'trace',
      ADMIN_API_KEY: ADMIN_KEY,
      LLM_PROVIDER: 'openai-compatible',
      LLM_BASE_URL: model.url,
      LLM_API_KEY: MODEL_KEY,
      LLM_MODEL: 'test-model',
    })
  })
  afterAll(async () => {
    await service?.terminate()
    await world?.close()
    await model?.close()
  })

  async function ask(
    path: string,
    body?: unknown,
    key = ADMIN_KEY,
    headers: Record<string, string> = {},
  ): Promise<Said> {
    const response = await fetch(service.url + path, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`, ...headers },
      redirect: 'manual',
    })
    return { status: response.status, all: JSON.stringify([...response.headers]) + (await response.text()) }
  }
  async function told(...request: Parameters<typeof ask>): Promise<Said> {
    const said = await ask(...request)
    answers.push(said.all)
    return said
  }
  const idOf = ({ all }: Said) => /"id":"([^"]+)"/.exec(all)?.[1] ?? expect.fail(all)
  const stateOf = async (id: string) => /"state":"(\w+)"/.exec((await told(`/api/v1/jobs/${id}`)).all)?.[1]

  /** Jobs that a model answers, and refuses with the key that it was asked with. */
  async function runJobs(): Promise<void> {
    const job = { text: `${TEXT} ${RESULT}`, agents: ['summarizer'] }
    for (const end of ['charged', 'failed']) {
      const usage = { prompt_tokens: 60, completion_tokens: 9, total_tokens: 69 }
      const error = { message: `Incorrect API key provided: ${MODEL_KEY}`, authorization: `Bearer ${MODEL_KEY}` }
      model.become(end === 'charged' ? { text: RESULT, usage } : { status: 401, body: { error } })
      const submitted = await told('/api/v1/jobs', job, tenantKey, { 'Idempotency-Key': end })
      const id = idOf(submitted)
      await eventually(
        () => stateOf(id),
        (state) => state === end,
      )
      for (const path of [`/api/v1/jobs/${id}/receipt`, `/api/v1/jobs/${id}/events`]) await told(path)
    }
  }

  /** The same secrets where they do not belong. */
  async function misplace(secret: string): Promise<void> {
    const basic = { Authorization: `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}` }
    for (const headers of [
      basic,
      { Authorization: `Token ${secret}` },
      { 'X-Api-Key': secret, Cookie: `key=${secret}` },
    ]) {
      await told('/api/v1/admin/tariffs', undefined, 'wrong', headers)
    }
    for (const key of [ADMIN_KEY, tenantKey]) {
      await told(`/api/v1/jobs/${secret}`, undefined, key)
      await told(`/api/v1/jobs?organization_id=${secret}&cursor=${secret}&api_key=${secret}`, undefined, key)
      await told(`/api/v1/jobs?organization_id=acme&cursor=${secret}`, undefined, key)
      await told('/api/v1/jobs', { text: '', user_id: secret, external_id: null, agents: [secret] }, key)
      // Who is no member is named in the refusal, which goes back to whoever named him, and nowhere else.
      await ask('/api/v1/jobs', { text: RESULT, organization_id: 'acme', user_id: secret }, key)
      await told('/api/v1/admin/organizations', { id: { secret }, overdraft_limit: secret }, key)
    }
  }

  async function rows(): Promise<ReadonlyMap<string, string>> {
    const tables = await world.database.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('tollkeeper', 'bullmq')`,
    )
    const all = new Map<string, string>()
    for (const { name } of tables) {
      all.set(name, JSON.stringify(await world.database.query(`select t::text from ${name} t`)))
    }
    return all
  }

  test('stand nowhere but where they are kept', { timeout: 60_000 }, async () => {
    const tariff = idOf(await told('/api/v1/admin/tariffs', { name: 'Free', publish: true }))
    await told('/api/v1/admin/organizations', { id: 'acme', tariff_id: tariff })
    const made = await ask('/api/v1/admin/organizations/acme/api-keys', { name: 'tenant' })
    tenantKey = /tk_org_[0-9A-Za-z]+/.exec(made.all)?.[0] ?? expect.fail(made.all)
    await runJobs()
    const passwords = [world.env.DATABASE_URL, world.env.DATABASE_OWNER_URL].map((url) => new URL(url ?? '').password)
    for (const secret of [tenantKey, ADMIN_KEY, MODEL_KEY, ...passwords]) await misplace(secret)
    await told(`/api/v1/jobs/${UNKNOWN}`, undefined, tenantKey)
    await world.database.cutConnections('tollkeeper')
    for (const queue of ['pipeline.input', 'pipeline.agent', 'pipeline.output', 'billing.rejected-for-balance']) {
      for (const status of ['completed', 'failed', 'waiting', 'delayed']) {
        const shown = await told(`/admin/queues/api/queues?activeQueue=${queue}&status=${status}&jobsPerPage=100`)
        expect(shown.status).toBe(200)
      }
    }
    const places = new Map(await rows())
    const [cursors] = await world.database.query<{ value: Buffer }>('select value from tollkeeper.secrets')
    places.set('answers', answers.join('\n'))
    places.set('metrics', (await ask('/metrics')).all)
    places.set('audit log', (await ask('/api/v1/admin/audit-log?limit=200')).all)
    if (backend === 'redis') places.set('redis', await everythingIn(world.env.REDIS_URL ?? ''))
    places.set('log', service.log())

    expect(places.get('log')?.split('\n').length).toBeGreaterThan(100)
    for (const id of ['[cut]', UNKNOWN]) expect(places.get('audit log')).toContain(`"target":"GET /api/v1/jobs/${id}"`)
    expect([...places.keys()].length).toBeGreaterThan(25)
    const value = cursors?.value ?? expect.fail('there is a secret for cursors')
    const whereIs = (secret: string) => [...places].flatMap(([place, all]) => (all.includes(secret) ? [place] : []))
    const found = {
      tenantKey: whereIs(tenantKey.slice(0, -6)),
      adminKey: whereIs(ADMIN_KEY),
      modelKey: whereIs(MODEL_KEY),
      passwords: passwords.flatMap(whereIs),
      cursors: (['hex', 'base64', 'base64url'] as const).flatMap((form) => whereIs(value.toString(form))),
      text: whereIs(TEXT),
    }
    expect(found).toEqual({
      ...{ tenantKey: [], adminKey: [], modelKey: [], passwords: [] },
      cursors: ['tollkeeper.secrets'],
      text: ['tollkeeper.job_texts'],
    })
  })
})

/** Every key, whatever its kind, with its value. */
async function everythingIn(url: string): Promise<string> {
  const redis = new Redis(url)
  try {
    const names = await redis.keys('*')
    expect(names.length).toBeGreaterThan(5)
    const commands: Readonly<Record<string, readonly string[]>> = {
      string: ['get'],
      hash: ['hgetall'],
      list: ['lrange', '0', '-1'],
      set: ['smembers'],
      zset: ['zrange', '0', '-1'],
      stream: ['xrange', '-', '+'],
    }
    const values = names.map(async (name) => {
      const kind = await redis.type(name)
      // It lived for a moment only, and is gone by now.
      if (kind === 'none') return [name]
      const [command, ...more] = commands[kind] ?? expect.fail(`${name} is of an unknown kind`)
      return [name, await redis.call(String(command), name, ...more)]
    })
    return JSON.stringify(await Promise.all(values))
  } finally {
    redis.disconnect()
  }
}
