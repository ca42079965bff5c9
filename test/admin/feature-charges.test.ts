import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const CHARGES = '/api/v1/feature-charges'

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const components = [{ key: 'ocr', kind: 'feature', feature: 'ocr-page', price: '0.02' }]
  const tariff = await publishedTariff(door.ask, { components, max_team_members: null })
  for (const id of ['acme', 'rival', 'poor', 'cold']) await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
  await door.ask(ORGANIZATIONS, { body: { id: 'bare' } })
  for (const id of ['acme', 'rival', 'cold']) {
    await door.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body: { amount: '10.00', reference: 'first' } })
  }
  await door.ask(`${ORGANIZATIONS}/acme/members`, { body: { user_id: 'u1' } })
})
afterAll(() => door.close())

const charge = (body: object) =>
  door.ask(CHARGES, { body: { organization_id: 'acme', feature: 'ocr-page', quantity: 3, key: 'k', ...body } })
const rows = async () => {
  const sql = `select (select count(*)::int from tollkeeper.feature_charges) as charges,
    (select jsonb_agg(c order by component) from tollkeeper.usage_counters c) as counters`
  const [row] = await door.tollkeeper.em().execute<unknown[]>(sql)
  return [row, await door.traces()]
}

describe('features charged over HTTP', () => {
  test('a charge is made once under its key, and answers with its line, the entry and the balance behind it', async () => {
    const made = await charge({ key: 'scan-17', user_id: 'u1' })
    const { id } = made.body
    expect([made.status, made.headers.get('Location')]).toEqual([201, `${CHARGES}/${id}`])
    expect(made.body).toEqual({
      id: expect.any(String),
      organization_id: 'acme',
      key: 'scan-17',
      user_id: 'u1',
      feature: 'ocr-page',
      quantity: 3,
      tariff_id: expect.any(String),
      tariff_version: 1,
      period_start: expect.stringMatching(/T00:00:00\.000Z$/),
      currency: 'USD',
      charged: '0.06',
      lines: [
        {
          component: 'ocr',
          kind: 'feature',
          model: 'per_unit',
          llm_model: null,
          token_class: null,
          quantity: 3,
          source: 'counted',
          included_used: 0,
          billed_quantity: 3,
          price: '0.02',
          per: 1,
          tiers: null,
          counter_before: 0,
          counter_after: 3,
          billed_before: 0,
          amount: '0.06',
          written_off: '0.00',
          ledger_seq: 2,
        },
      ],
      ledger_seq: 2,
      warnings: [],
      balance: expect.objectContaining({ organization_id: 'acme', available: '9.94', held: '0.00', as_of_seq: 2 }),
      created_at: expect.stringMatching(/Z$/),
    })
    const before = await rows()
    const again = await charge({ key: 'scan-17', user_id: 'u1' })
    expect([again.status, again.headers.get('Location')]).toEqual([200, null])
    expect(again.body).toEqual(made.body)
    for (const query of ['', '?organization_id=acme']) {
      expect((await door.ask(`${CHARGES}/${id}${query}`)).body).toEqual(made.body)
    }
    expectProblem(await charge({ key: 'scan-17' }), 409, 'reference-conflict')
    expect(await rows()).toEqual(before)
    const ledger = (await door.ask('/api/v1/ledger?organization_id=acme')).body.data
    expect(ledger.at(-1)).toMatchObject({ kind: 'feature', amount: '0.06', component: 'ocr', reference: 'scan-17' })
  })

  test('what the tariff does not price costs nothing, with a warning that names it', async () => {
    const { status, body } = await charge({ key: 'typo', feature: 'orc-page' })
    expect([status, body.charged, body.ledger_seq]).toEqual([201, '0.00', null])
    expect(body.warnings).toEqual([{ code: 'unpriced-meter', detail: expect.stringContaining('orc-page') }])
  })

  test('without the money it is refused with the figures, in the sentence and as fields', async () => {
    const before = await rows()
    const answer = await charge({ organization_id: 'poor' })
    expectProblem(answer, 402, 'insufficient-balance')
    const figures = { needed: '0.06', available: '0.00', missing: '0.06', currency: 'USD' }
    expect(answer.body).toMatchObject({ reason: 'insufficient', ...figures })
    expect(answer.body.detail).toMatch(/3 of ocr-page needs 0\.06 USD, 0\.00 available, short by 0\.06; top up/)
    expect(await rows()).toEqual(before)
  })

  test.each(['frozen', 'suspended', 'past_due'])(
    'an organisation that is %s is told so, whatever it has',
    async (status) => {
      const setStatus = (to: string) =>
        door.tollkeeper.em().execute(`update tollkeeper.organizations set status = ? where id = 'cold'`, [to])
      await setStatus(status)
      const answer = await charge({ organization_id: 'cold' })
      expectProblem(answer, 402, 'insufficient-balance')
      expect(answer.body).toMatchObject({ reason: status === 'frozen' ? 'frozen' : 'past_due', missing: '0.00' })
      expect(answer.body.detail).toMatch(status === 'frozen' ? /spending is frozen/ : /fees are past due/)
      await setStatus('active')
      const key = `after ${status}`
      expect((await charge({ organization_id: 'cold', key })).status).toBe(201)
    },
  )

  test('who is unknown, has no tariff or is no member is charged nothing', async () => {
    const before = await rows()
    expectProblem(await charge({ organization_id: 'nobody' }), 404, 'not-found')
    expectProblem(await charge({ organization_id: 'bare' }), 409, 'no-tariff')
    expectProblem(await charge({ user_id: 'stranger' }), 403, 'not-a-member')
    expect(await rows()).toEqual(before)
  })

  test.each<[string, object, string]>([
    ['a quantity of 0', { quantity: 0 }, 'out-of-range /quantity'],
    ['a negative quantity', { quantity: -1 }, 'out-of-range /quantity'],
    ['a fraction', { quantity: 1.5 }, 'invalid-value /quantity'],
    ['a quantity above the safe range', { quantity: Number.MAX_SAFE_INTEGER + 1 }, 'out-of-range /quantity'],
    ['a quantity as text', { quantity: '3' }, 'invalid-type /quantity'],
    ['more than can be counted with what was used', { quantity: Number.MAX_SAFE_INTEGER }, 'out-of-range /quantity'],
    ['a feature that is no key', { feature: 'OCR page' }, 'invalid-value /feature'],
    ['an empty key', { key: '' }, 'invalid-value /key'],
    ['a key that is too long', { key: 'x'.repeat(201) }, 'invalid-value /key'],
    ['an unknown field', { price: '0.01' }, 'unknown-field /price'],
    ['no organisation', { organization_id: undefined }, 'required /organization_id'],
  ])('%s is refused, and named', async (_what, body, error) => {
    const before = await rows()
    const answer = await charge({ key: 'bad', ...body })
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors.map(({ pointer, code }) => `${code} ${pointer}`)).toEqual([error])
    expect(await rows()).toEqual(before)
  })

  test("another organisation's charge looks like one that does not exist", async () => {
    const { id } = (await charge({ organization_id: 'rival' })).body
    const foreign = await door.ask(`${CHARGES}/${id}?organization_id=acme`)
    const missing = await door.ask(`${CHARGES}/00000000-0000-7000-8000-000000000000?organization_id=acme`)
    expectProblem(foreign, 404, 'not-found')
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' })
    expectProblem(await door.ask(`${CHARGES}/not-a-uuid`), 404, 'not-found')
  })

  test('charges are listed from the newest to the oldest, each as it was answered', async () => {
    const made = []
    for (const key of ['one', 'two', 'three']) made.unshift((await charge({ organization_id: 'rival', key })).body)
    const page = await door.ask(`${CHARGES}?organization_id=rival&limit=2`)
    expect(page.body.data).toEqual(made.slice(0, 2))
    const next = await door.ask(`${CHARGES}?organization_id=rival&limit=1&cursor=${page.body.next_cursor}`)
    expect(next.body.data).toEqual(made.slice(2))
    const cursor = page.body.next_cursor
    expectProblem(await door.ask(`${CHARGES}?organization_id=acme&cursor=${cursor}`), 400, 'invalid-cursor')
    expectProblem(await door.ask(CHARGES), 400, 'invalid-query')
    expectProblem(await door.ask(`${CHARGES}?organization_id=nobody`), 404, 'not-found')
  })
})
