import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const QUOTE = '/api/v1/jobs/quote'
const MAX_TEXT_BYTES = 10_000

let door: Door
let before: unknown
let tariff: string
beforeAll(async () => {
  door = await openDoor({ MAX_TEXT_BYTES: String(MAX_TEXT_BYTES) })
  const components = [
    { key: 'input', kind: 'input_tokens', price: '1', per: 1, included: 10 },
    { key: 'fee', kind: 'agent', agent: 'extractor', price: '0.10' },
  ]
  const plan = await door.ask('/api/v1/admin/tariffs', { body: { name: 'Lists', components, publish: true } })
  tariff = plan.body.id
  await door.ask(ORGANIZATIONS, { body: { id: 'acme', tariff_id: tariff } })
  await door.ask(`${ORGANIZATIONS}/acme/top-ups`, { body: { amount: '3.00', reference: 'first' } })
  before = await door.traces()
})
afterAll(() => door.close())

const ask = (body: object) => door.ask(QUOTE, { body: { organization_id: 'acme', agents: ['extractor'], ...body } })

describe('the quote of a list over HTTP', () => {
  test('says of each text what it would cost and whether it would start, and of all what is missing', async () => {
    const stages = (input: string) => [
      { stage: 'input', lower: expect.any(String), upper: input },
      { stage: 'agent.extractor', lower: '0.10', upper: '0.10' },
      { stage: 'output', lower: '0.00', upper: '0.00' },
    ]
    const answer = await ask({ texts: ['one two three', 'one '.repeat(20), 'one two'] })
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        organization_id: 'acme',
        tariff_id: tariff,
        tariff_version: 1,
        currency: 'USD',
        texts: 3,
        fitting: 2,
        fitting_at_most: 2,
        input_tokens: 26,
        lower: '11.30',
        upper: '16.30',
        available: '3.00',
        affordable: false,
        missing: '13.30',
        next: 'POST /api/v1/admin/organizations/acme/top-ups',
        quotes: [
          { index: 0, input_tokens: 3, lower: '0.10', upper: '0.10', fits: true, reason: null, stages: stages('0.00') },
          {
            ...{ index: 1, input_tokens: 21, lower: '11.10', upper: '14.10', fits: false, reason: 'insufficient' },
            stages: stages('14.00'),
          },
          { index: 2, input_tokens: 2, lower: '0.10', upper: '0.10', fits: true, reason: null, stages: stages('0.00') },
        ],
        warnings: [
          { code: 'unpriced-meter', detail: 'llm_tokens are billed at zero' },
          { code: 'unpriced-meter', detail: 'output_tokens are billed at zero' },
        ],
      },
    ])
    expect(await door.traces()).toEqual(before)
  })

  test('of one text gives the figures of the single quote', async () => {
    const [one, list] = [await ask({ text: 'one two three' }), await ask({ texts: ['one two three'] })]
    const { stages, lower, upper, input_tokens, affordable, available, warnings } = one.body
    expect(list.body).toMatchObject({ lower, upper, input_tokens, affordable, available, warnings })
    expect(list.body.quotes).toMatchObject([{ lower, upper, input_tokens, stages }])
    expect((await ask({ text: 'one two three', texts: null })).body).toEqual(one.body)
    expect((await ask({ text: null, texts: ['one two three'] })).body).toEqual(list.body)
  })

  test('takes a thousand texts, and what a job takes besides', async () => {
    const texts = Array.from({ length: 1_000 }, (_, index) => `text ${index}`)
    const answer = await ask({ texts, max_cost: '5', external_id: 'batch 7', steps: null })
    expect(answer.body).toMatchObject({ texts: 1_000, quotes: { length: 1_000 } })
    expect(await door.traces()).toEqual(before)
  })

  test.each([
    // body | pointer | code
    [{}, '/text', 'required'],
    [{ text: null, texts: null }, '/text', 'required'],
    [{ text: 'a', texts: ['b'] }, '/texts', 'invalid-value'],
    [{ text: 'a', texts: [] }, '/texts', 'invalid-value'],
    [{ texts: [] }, '/texts', 'invalid-value'],
    [{ texts: Array(1_001).fill('a') }, '/texts', 'invalid-value'],
    [{ texts: Array(20_000).fill(5) }, '/texts', 'invalid-value'],
    [{ texts: 'a' }, '/texts', 'invalid-type'],
    [{ texts: 5 }, '/texts', 'invalid-type'],
    [{ texts: true }, '/texts', 'invalid-type'],
    [{ texts: { 0: 'a', length: 1 } }, '/texts', 'invalid-type'],
    [{ texts: ['a', 5] }, '/texts/1', 'invalid-type'],
    [{ texts: ['a', null] }, '/texts/1', 'invalid-type'],
    [{ texts: [['a']] }, '/texts/0', 'invalid-type'],
    [{ texts: [{ text: 'a' }] }, '/texts/0', 'invalid-type'],
    [{ texts: ['a', ''] }, '/texts/1', 'invalid-text'],
    [{ texts: ['a\u0000b'] }, '/texts/0', 'invalid-text'],
    [{ texts: ['a', 'b', '\ud800'] }, '/texts/2', 'invalid-text'],
    [{ texts: ['a', 'x'.repeat(MAX_TEXT_BYTES + 1)] }, '/texts/1', 'invalid-text'],
    [{ texts: ['a'], text_s: ['b'] }, '/text_s', 'unknown-field'],
    [{ texts: ['a'], agents: ['poet'] }, '/agents', 'unknown-agent'],
    [{ texts: ['a'], steps: [['extractor']] }, '/steps', 'invalid-value'],
    [{ texts: ['a'], max_cost: '-1' }, '/max_cost', 'invalid-amount'],
  ])('is refused, body %#', async (body, pointer, code) => {
    const answer = await ask(body)
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors[0]).toMatchObject({ pointer, code })
    expect(answer.text.length).toBeLessThan(20_000)
    expect(await door.traces()).toEqual(before)
  })

  test('names every bad text at once, and no more than an answer holds', async () => {
    const answer = await ask({ texts: ['', 'good', '', '\ud800'] })
    expect(answer.body.errors.map(({ pointer }) => pointer)).toEqual(['/texts/0', '/texts/2', '/texts/3'])
    const many = await ask({ texts: Array(1_000).fill('') })
    expect(many.body.errors).toHaveLength(50)
  })

  test('is refused as a whole above the limit of a body', async () => {
    const texts = Array(100).fill('x'.repeat(MAX_TEXT_BYTES))
    expectProblem(await ask({ texts }), 413, 'too-large')
    expect(await door.traces()).toEqual(before)
  })

  test('a list is no job: only quotes take it', async () => {
    const body = { organization_id: 'acme', text: 'a', texts: ['b'] }
    const answer = await door.ask('/api/v1/jobs', { body })
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors[0]).toMatchObject({ pointer: '/texts', code: 'unknown-field' })
    expect(await door.traces()).toEqual(before)
  })

  test('who is no member, has no tariff or does not exist is quoted nothing', async () => {
    await door.ask(ORGANIZATIONS, { body: { id: 'bare' } })
    before = await door.traces()
    const texts = ['a', 'b']
    expectProblem(await ask({ texts, user_id: 'stranger' }), 403, 'not-a-member')
    expectProblem(await ask({ texts, organization_id: 'bare' }), 409, 'no-tariff')
    expectProblem(await ask({ texts, organization_id: 'nobody' }), 404, 'not-found')
    expect(await door.traces()).toEqual(before)
  })
})
