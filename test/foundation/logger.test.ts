import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { secretsOf } from '../../src/config/secrets.ts'
import { createLogger } from '../../src/foundation/logger.ts'
import { inRequest } from '../../src/foundation/request-context.ts'

/** Stands in every secret and every customer's text of these tests; no line may show it. */
const CANARY = 'canary7f3a'
const ADMIN_KEY = `admin "key" \\ of ${CANARY} with odd characters`.replaceAll(' ', '_')

function logOf(work: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  work(createLogger('trace', { secrets: [ADMIN_KEY, `model-key-${CANARY}`], destination }))
  return lines.join('')
}

class HttpError extends Error {
  readonly code = 'EHTTP'
  readonly config = { headers: { Authorization: `Bearer ${CANARY}` }, data: CANARY }
  readonly detail = `Failing row contains (${CANARY})`
  readonly query = `insert into texts values ('${CANARY}')`
}

const failure = new Error(`connect to postgres://app:${CANARY}@db:5432/x failed`, {
  cause: new HttpError(`GET https://user:${CANARY}@host/path?api_key=${CANARY}&limit=5 with Bearer ${CANARY}`, {
    cause: { password: CANARY },
  }),
})

const shapes: readonly (readonly [string, (logger: ReturnType<typeof createLogger>) => void])[] = [
  ['an error with causes that carry URLs and headers', (logger) => logger.error({ err: failure }, 'it failed')],
  ['an error as the message', (logger) => logger.error(failure)],
  ['an error in another field', (logger) => logger.error({ reason: String(failure), cause: failure }, 'it failed')],
  ['nested objects', (logger) => logger.info({ a: { b: [{ c: { password: CANARY, apiKey: CANARY } }] } }, 'nested')],
  ['headers', (logger) => logger.info({ headers: { authorization: CANARY, cookie: [CANARY], 'Set-Cookie': CANARY } })],
  ['raw headers', (logger) => logger.info({ rawHeaders: ['Authorization', `Basic ${CANARY}`] }, 'raw')],
  ['a text of a customer', (logger) => logger.info({ job: { text: CANARY, texts: [CANARY] } }, 'a job')],
  ['a secret that is an object', (logger) => logger.info({ secret: { value: CANARY, more: [CANARY] } }, 'odd')],
  ['bound children', (logger) => logger.child({ secret: CANARY, of: { API_KEY: CANARY } }).warn('bound')],
  [
    'children of children',
    (logger) =>
      logger
        .child({ url: `redis://:${CANARY}@host` })
        .child({ x: 1 })
        .info('bound'),
  ],
  ['an API key in a sentence', (logger) => logger.info(`the key tk_org_${CANARY}0123456789 was refused`)],
  ['an API key in an id', (logger) => logger.info({ id: `tk_admin_${CANARY}` }, 'a key')],
  ['the values of settings', (logger) => logger.info({ env: ADMIN_KEY, x: [`model-key-${CANARY}`] }, ADMIN_KEY)],
  ['a setting within a URL', (logger) => logger.info(`/x?y=${encodeURIComponent(ADMIN_KEY)}`)],
  ['a connection string', (logger) => logger.info({ dsn: `host=db password=${CANARY} user=app` }, 'a string')],
  ['JSON in a string', (logger) => logger.info({ body: JSON.stringify({ text: CANARY, n: { token: CANARY } }) })],
  ['JSON with quotes in a string', (logger) => logger.info({ body: JSON.stringify({ text: `a "quote" ${CANARY}` }) })],
  [
    'JSON in JSON in a string',
    (logger) => logger.info(JSON.stringify({ a: JSON.stringify({ password: CANARY }, null, 1) })),
  ],
  ['format arguments', (logger) => logger.info('%s and %j', `https://u:${CANARY}@h`, { password: CANARY })],
]

describe('no log line shows a secret or a text', () => {
  test.each(shapes)('in %s', (_what, log) => {
    const written = logOf(log)
    expect(written).not.toContain(CANARY)
    expect(written).toContain('[cut]')
    const lines = written.trimEnd().split('\n')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(written), 'it is still a line of JSON').toMatchObject({ level: expect.any(Number) })
  })
})

test('what is no secret is logged as it is', () => {
  const fields = { organizationId: 'acme', context: { texture: 'rough' }, tokens: 12, url: 'https://host/path?limit=5' }
  expect(JSON.parse(logOf((logger) => logger.info(fields, 'a sentence about 5 tokens')))).toMatchObject({
    ...fields,
    msg: 'a sentence about 5 tokens',
  })
})

test('an error keeps what it is known by: its type, code, place and causes', () => {
  const { err } = JSON.parse(logOf((logger) => logger.error({ err: failure }, 'it failed')))
  expect(err).toMatchObject({ type: 'Error', cause: { type: 'Error', code: 'EHTTP', cause: { type: 'object' } } })
  expect(err.message).toContain('@db:5432/x failed')
  expect(err.stack).toContain('logger.test.ts')
  expect(err.cause).not.toHaveProperty('config')
})

test('an error of megabytes is cut', () => {
  const written = logOf((logger) => logger.error({ err: new Error('x'.repeat(5_000_000)) }, 'it failed'))
  expect(written.length).toBeLessThan(10_000)
})

test.each([
  ['letters', 'a'.repeat(90_000)],
  ['beginnings of URLs', 'a://b:'.repeat(15_000)],
  ['backslashes', '\\'.repeat(40_000)],
  ['escaped names', '"text'.repeat(10_000)],
  ['nearly keys', 'tk_ Bearer password= '.repeat(4_000)],
])('a long line of %s is looked through in no time', (_what, text) => {
  const startedAt = performance.now()
  expect(logOf((logger) => logger.info({ text: 'x', reason: text }, 'long')).length).toBeGreaterThan(0)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

test('a line of megabytes is left out, and said so', () => {
  const written = logOf((logger) => logger.info({ reason: CANARY.repeat(100_000) }, 'long'))
  expect(JSON.parse(written).msg).toMatch(/^a log line of \d+ characters is left out$/)
  expect(written).not.toContain(CANARY)
})

test('every line of a request bears its id, also behind an await, and no other line does', async () => {
  const written: string[] = []
  const logger = createLogger('info', { destination: { write: (line: string) => void written.push(line) } })
  const answer = async (name: string): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    logger.child({ name }).info('within')
  }
  await Promise.all(['a', 'b'].map((name) => inRequest(`request-${name}`, () => answer(name))))
  logger.info('outside')
  const lines = written.map((line) => JSON.parse(line))
  expect(lines.map(({ name, requestId }) => [name, requestId])).toEqual([
    ['a', 'request-a'],
    ['b', 'request-b'],
    [undefined, undefined],
  ])
})

test('keys and passwords of the settings are secrets, as they are written and as they are meant', () => {
  const config = readConfig({
    ADMIN_API_KEY: 'a'.repeat(32),
    DATABASE_URL: 'postgresql://app:p%40ss@db/x',
    DATABASE_OWNER_URL: 'postgresql://owner@db/x',
    REDIS_URL: 'redis://:redispass@cache',
    LLM_PROVIDER: 'openai-compatible',
    LLM_BASE_URL: 'https://models.example/v1',
    LLM_API_KEY: 'model-key',
    LLM_MODEL: 'some',
  })
  expect(secretsOf(config)).toEqual(['a'.repeat(32), 'model-key', 'p%40ss', 'p@ss', 'redispass'])
})
