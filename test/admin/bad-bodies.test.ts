import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const TOP_UPS = `${ORGANIZATIONS}/acme/top-ups`
const MEMBERS = `${ORGANIZATIONS}/acme/members`
const JOBS = '/api/v1/jobs'

let door: Door
let before: unknown
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  await door.ask(ORGANIZATIONS, { body: { id: 'acme', tariff_id: tariff } })
  await door.ask(TOP_UPS, { body: { amount: '10.00', reference: 'first' } })
  before = await door.traces()
})
afterAll(() => door.close())

async function expectNoTrace() {
  expect(await door.traces()).toEqual(before)
}

const amount = (json: string) => `{"amount":${json},"reference":"r"}`
const tariff = (fields: string) => `{"name":"T",${fields}}`
const name = (text: string) => JSON.stringify({ name: text })
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`field${index}`, 1]))

describe('a body that means nothing is refused with its pointer, and leaves no trace', () => {
  test.each([
    // where | body | pointer | code
    [TOP_UPS, '5', '', 'invalid-type'],
    [TOP_UPS, 'null', '', 'invalid-type'],
    [TOP_UPS, '"x"', '', 'invalid-type'],
    [TOP_UPS, '[]', '', 'invalid-type'],
    [TOP_UPS, '{}', '/amount', 'required'],
    [TOP_UPS, amount('"NaN"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('"Infinity"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('1e309'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('1e1'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('"-1"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('-1'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('"+1"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('"1,5"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('" 1"'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('""'), '/amount', 'invalid-amount'],
    [TOP_UPS, amount('true'), '/amount', 'invalid-type'],
    [TOP_UPS, amount('null'), '/amount', 'invalid-type'],
    [TOP_UPS, amount('{"__proto__":1}'), '/amount', 'invalid-type'],
    [TOP_UPS, amount(`"${'9'.repeat(40)}"`), '/amount', 'out-of-range'],
    [TOP_UPS, amount('9'.repeat(40)), '/amount', 'out-of-range'],
    [TOP_UPS, amount(`"0.${'1'.repeat(20)}"`), '/amount', 'too-precise'],
    [TOP_UPS, amount('0.1000000000000000055'), '/amount', 'too-precise'],
    [TOP_UPS, amount('1234567.123456789'), '/amount', 'too-precise'],
    [TOP_UPS, amount('0'), '/amount', 'out-of-range'],
    [TOP_UPS, amount('"0.00"'), '/amount', 'out-of-range'],
    [TOP_UPS, '{"amount":"1"}', '/reference', 'required'],
    [TOP_UPS, '{"amount":"1","reference":"r","isAdmin":true}', '/isAdmin', 'unknown-field'],
    [TOP_UPS, '{"amount":"1","reference":"r","balance":1}', '/balance', 'unknown-field'],
    [TOP_UPS, '{"amount":"1","reference":"r","organization_id":"acme"}', '/organization_id', 'unknown-field'],
    [TOP_UPS, '{"amount":"1","reference":"r","__proto__":{"x":1}}', '/__proto__', 'unknown-field'],
    [TOP_UPS, '{"amount":"1","reference":"r","constructor":{"prototype":1}}', '/constructor', 'unknown-field'],
    [TOP_UPS, '{"amount":"1","reference":"r","a/b~c":1}', '/a~1b~0c', 'unknown-field'],
    [TARIFFS, JSON.stringify(many), '/field0', 'unknown-field'],
    [TARIFFS, `{"name":"T","components":[${'0,'.repeat(99_997)}0]}`, '/components', 'invalid-value'],
    [TARIFFS, `{"name":"T","components":[${'0,'.repeat(200_000)}0]}`, '', 'invalid-value'],
    [TARIFFS, `{"name":"T","components":${deep(17)}}`, '', 'invalid-value'],
    [TARIFFS, '{"name":"T","components":[5]}', '/components/0', 'invalid-type'],
    [TARIFFS, '{"name":"T","components":{"length":1}}', '/components', 'invalid-type'],
    [
      TARIFFS,
      tariff(`"components":[${'{"key":"k","kind":"agent"},'.repeat(199)}{}]`),
      '/components/199/key',
      'required',
    ],
    [
      TARIFFS,
      tariff(`"components":[${Array(200).fill('{"key":"k","kind":"agent"}')}]`),
      '/components/0/agent',
      'required',
    ],
    [TARIFFS, tariff('"price_per_month":-1'), '/price_per_month', 'invalid-amount'],
    [TARIFFS, tariff('"price_per_month":"1.0000000001"'), '/price_per_month', 'too-precise'],
    [TARIFFS, tariff('"minimum_per_job":"-1"'), '/minimum_per_job', 'invalid-amount'],
    [TARIFFS, tariff('"minimum_per_job":null'), '/minimum_per_job', 'invalid-type'],
    [TARIFFS, tariff('"minimum_per_job":"0.0000000001"'), '/minimum_per_job', 'too-precise'],
    [TARIFFS, tariff('"max_team_members":-1'), '/max_team_members', 'out-of-range'],
    [TARIFFS, tariff('"max_team_members":1.5'), '/max_team_members', 'invalid-value'],
    [TARIFFS, tariff('"max_team_members":1e2'), '/max_team_members', 'invalid-value'],
    [TARIFFS, tariff('"max_team_members":"5"'), '/max_team_members', 'invalid-type'],
    [TARIFFS, tariff('"max_team_members":3000000000'), '/max_team_members', 'out-of-range'],
    [TARIFFS, tariff('"currency":"usd"'), '/currency', 'invalid-value'],
    [TARIFFS, tariff('"charge_on_failure":"all"'), '/charge_on_failure', 'invalid-value'],
    [TARIFFS, tariff('"publish":"true"'), '/publish', 'invalid-type'],
    [TARIFFS, name('a\u0000b'), '/name', 'invalid-value'],
    [TARIFFS, '{"name":"a\\ud800b"}', '/name', 'invalid-value'],
    [TARIFFS, name('invoice \u202efdp.exe'), '/name', 'invalid-value'],
    [TARIFFS, name('x'.repeat(201)), '/name', 'invalid-value'],
    [TARIFFS, name('x'.repeat(50_000)), '/name', 'invalid-value'],
    [TARIFFS, name('  '), '/name', 'invalid-value'],
    [TARIFFS, name(''), '/name', 'invalid-value'],
    [TARIFFS, '{"name":7}', '/name', 'invalid-type'],
    [ORGANIZATIONS, '{"id":"../etc"}', '/id', 'invalid-value'],
    [ORGANIZATIONS, '{"id":""}', '/id', 'invalid-value'],
    [ORGANIZATIONS, `{"id":"${'x'.repeat(65)}"}`, '/id', 'invalid-value'],
    [ORGANIZATIONS, '{"id":"new","tariff_id":"basic"}', '/tariff_id', 'invalid-value'],
    [ORGANIZATIONS, '{"id":"new","status":"frozen"}', '/status', 'unknown-field'],
    [ORGANIZATIONS, '{"id":"new","overdraft_limit":"-1"}', '/overdraft_limit', 'invalid-amount'],
    [MEMBERS, '{"user_id":"a b"}', '/user_id', 'invalid-value'],
    [MEMBERS, '{"user_id":"u1","role":"god"}', '/role', 'invalid-value'],
    [JOBS, '{"text":"x"}', '/organization_id', 'required'],
    [JOBS, '{"organization_id":"acme"}', '/text', 'required'],
    [JOBS, '{"organization_id":"acme","text":""}', '/text', 'invalid-text'],
    [JOBS, '{"organization_id":"acme","text":"a\\u0000b"}', '/text', 'invalid-text'],
    [JOBS, '{"organization_id":"acme","text":"\\udc00"}', '/text', 'invalid-text'],
    [JOBS, '{"organization_id":"acme","text":["x"]}', '/text', 'invalid-type'],
    [JOBS, '{"organization_id":"acme","text":"x","agents":["nobody"]}', '/agents', 'unknown-agent'],
    [JOBS, '{"organization_id":"acme","text":"x","agents":["assistant"]}', '/agents', 'unknown-agent'],
    [JOBS, '{"organization_id":"acme","text":"x","agents":[1]}', '/agents/0', 'invalid-type'],
    [JOBS, '{"organization_id":"acme","text":"x","agents":{"length":1}}', '/agents', 'invalid-type'],
    [JOBS, '{"organization_id":"acme","text":"x","agents":[{"length":1}]}', '/agents/0', 'invalid-type'],
    [JOBS, `{"organization_id":"acme","text":"x","agents":["${'x'.repeat(101)}"]}`, '/agents/0', 'invalid-value'],
    [
      JOBS,
      '{"organization_id":"acme","text":"x","agents":["extractor"],"steps":[["summarizer"]]}',
      '/steps',
      'invalid-value',
    ],
    [JOBS, '{"organization_id":"acme","text":"x","max_cost":1e-9}', '/max_cost', 'invalid-amount'],
    [`${JOBS}/quote`, '{"organization_id":"acme","text":"x","free":true}', '/free', 'unknown-field'],
  ])('%s, body %#', async (path, body, pointer, code) => {
    const answer = await door.ask(path, { body })
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors[0]).toMatchObject({ pointer, code })
    expect(answer.body.errors.length).toBeLessThanOrEqual(50)
    expect(answer.text.length).toBeLessThan(20_000)
    await expectNoTrace()
  })

  test('an agent that needs a model says what to configure', async () => {
    const answer = await door.ask(JOBS, { body: { organization_id: 'acme', text: 'x', agents: ['assistant'] } })
    expect(answer.body.errors[0]?.detail).toBe(
      'There is no agent "assistant" here. The offline model cannot follow what a text asks for: set ' +
        'LLM_PROVIDER=openai-compatible, with LLM_BASE_URL, LLM_API_KEY and LLM_MODEL; known agents are extractor, ' +
        'summarizer, analyst',
    )
    await expectNoTrace()
  })

  test('a number that may have been rounded already says what to do instead', async () => {
    const answer = await door.ask(TOP_UPS, { body: amount('0.1234567890123456') })
    const long = await door.ask(TOP_UPS, { body: amount('1234567890.123456') })
    expect(long.body.errors[0]?.detail).toMatch(/^Send a string/)
    expect(answer.status).toBe(422)
    await expectNoTrace()
  })

  test('nothing of a forged body gets into the prototypes of the process', () => {
    expect(Reflect.get({}, 'x')).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
