import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const SEED = `{
  "name": "Basic Plan", "price_per_month": 99.99, "max_team_members": 5, "member_price": 19.99
}`

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const create = async (body: object) => (await door.ask(TARIFFS, { body })).body

describe('tariffs over HTTP', () => {
  test('the request of the design works as printed, twice', async () => {
    const [first, second] = [await door.ask(TARIFFS, { body: SEED }), await door.ask(TARIFFS, { body: SEED })]
    for (const answer of [first, second]) {
      expect(answer.status).toBe(201)
      expect(answer.headers.get('Location')).toBe(`${TARIFFS}/${answer.body.id}`)
      expect(answer.headers.get('X-Powered-By')).toBeNull()
      const warnings = ['input_tokens', 'llm_tokens', 'output_tokens'].map((meter) => {
        return { code: 'unpriced-meter', detail: `${meter} are billed at zero` }
      })
      expect(answer.body).toEqual({
        id: answer.body.id,
        version: 1,
        state: 'draft',
        name: 'Basic Plan',
        currency: 'USD',
        price_per_month: '99.99',
        max_team_members: 5,
        member_price: '19.99',
        minimum_per_job: '0.00',
        charge_on_failure: 'none',
        grace_days: 7,
        suspend_after_days: 30,
        components: [],
        warnings,
        next: `POST ${TARIFFS}/${answer.body.id}/publish`,
        draft_version: 1,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        published_at: null,
        content_hash: null,
      })
    }
    expect(second.body.id).not.toBe(first.body.id)
    expect((await door.ask(`${TARIFFS}/${first.body.id}`)).body).toEqual(first.body)
  })

  test('a published version never changes; edits open the next draft, which publishing puts in front', async () => {
    const input = { key: 'in', kind: 'input_tokens', price: '0.15' }
    const plan = await create({ name: 'Life', components: [input], publish: true })
    const at = `${TARIFFS}/${plan.id}`
    expect(plan).toMatchObject({
      version: 1,
      state: 'published',
      next: 'POST /api/v1/admin/organizations',
      draft_version: null,
    })

    const edited = await door.ask(at, { method: 'PATCH', body: { price_per_month: '5' } })
    expect(edited.body).toMatchObject({
      version: 2,
      state: 'draft',
      price_per_month: '5.00',
      components: plan.components,
    })
    const again = await door.ask(at, { method: 'PATCH', body: { max_team_members: 3 } })
    expect(again.body).toMatchObject({ version: 2, price_per_month: '5.00', max_team_members: 3 })
    expect((await door.ask(at)).body).toEqual({ ...plan, next: `POST ${at}/publish`, draft_version: 2 })
    expect((await door.ask(`${at}?version=2`)).body).toEqual(again.body)

    const answer = await door.ask(`${at}/publish`, { method: 'POST' })
    const { move, ...published } = answer.body
    expect(published).toMatchObject({ version: 2, state: 'published', draft_version: null })
    expect(move).toBeNull()
    expect((await door.ask(at)).body).toEqual(published)
    expect((await door.ask(`${at}?version=1`)).body).toEqual(plan)
    expect((await door.ask(`${at}/publish`, { method: 'POST' })).body).toEqual(answer.body)
    expect((await door.ask(`${at}/versions`)).body).toEqual({ data: [plan, published], next_cursor: null })
  })

  test('a minimum per job is kept to the nano-unit, and goes along into the next draft', async () => {
    const plan = await create({ name: 'Least', minimum_per_job: '0.000000001', publish: true })
    const at = `${TARIFFS}/${plan.id}`
    expect(plan.minimum_per_job).toBe('0.000000001')
    const renamed = await door.ask(at, { method: 'PATCH', body: { name: 'At least' } })
    expect(renamed.body).toMatchObject({ version: 2, minimum_per_job: '0.000000001' })
    const raised = await door.ask(at, { method: 'PATCH', body: { minimum_per_job: 0.25 } })
    expect(raised.body).toEqual({ ...renamed.body, minimum_per_job: '0.25' })
    expect((await door.ask(at)).body.minimum_per_job, 'the published version stays').toBe('0.000000001')
  })

  test('an empty patch opens no draft', async () => {
    const plan = await create({ name: 'Still', publish: true })
    expect((await door.ask(`${TARIFFS}/${plan.id}`, { method: 'PATCH', body: {} })).body).toEqual(plan)
  })

  test('components are added, changed and removed on the draft', async () => {
    const plan = await create({ name: 'Parts', publish: true })
    const at = `${TARIFFS}/${plan.id}/components`
    const body = { key: 'llm-out', kind: 'llm_tokens', llm_model: '*', token_class: 'output', price: '0.60' }
    const added = await door.ask(at, { body })
    const defaults = { model: 'per_unit', per: 1_000_000, included: 0, tiers: null, agent: null, feature: null }
    expect(added.body).toEqual({ ...body, ...defaults })
    expect([added.status, added.headers.get('Location')]).toEqual([201, at])
    expect((await door.ask(String(added.headers.get('Location')))).status).toBe(200)

    const tiers = [
      { up_to: 1000, price: '2.00' },
      { up_to: null, price: '1.00' },
    ]
    const patch = { model: 'graduated', price: null, tiers }
    const changed = await door.ask(`${at}/llm-out`, { method: 'PATCH', body: patch })
    expect(changed.body).toEqual({ ...added.body, ...patch })
    expect((await door.ask(`${at}?version=2`)).body).toEqual({ data: [changed.body], next_cursor: null })
    expect((await door.ask(at)).body.data).toEqual([])

    const removed = await door.ask(`${at}/llm-out`, { method: 'DELETE' })
    expect([removed.status, removed.text]).toEqual([204, ''])
    expect((await door.ask(`${at}?version=2`)).body.data).toEqual([])
    expectProblem(await door.ask(`${at}/llm-out`, { method: 'DELETE' }), 404, 'not-found')
    expectProblem(await door.ask(`${at}/llm-out`, { method: 'PATCH', body: {} }), 404, 'not-found')
  })

  test.each([
    ['a key twice', { key: 'in', kind: 'output_tokens', price: '1' }, '/key', 'duplicate-key'],
    ['the name of the minimum', { key: 'minimum', kind: 'output_tokens', price: '1' }, '/key', 'duplicate-key'],
    ['a second price for one meter', { key: 'in2', kind: 'input_tokens', price: '1' }, '/kind', 'invalid-value'],
    ['neither price nor tiers', { key: 'out', kind: 'output_tokens' }, '/price', 'required'],
    [
      'a model of a feature',
      { key: 'f', kind: 'feature', feature: 'f', llm_model: 'm', price: 1 },
      '/llm_model',
      'invalid-value',
    ],
    ['no agent', { key: 'a', kind: 'agent', price: 1 }, '/agent', 'required'],
    [
      'tiers with a gap at the end',
      { key: 'o', kind: 'output_tokens', model: 'volume', tiers: [{ up_to: 5, price: 1 }] },
      '/tiers/0/up_to',
      'invalid-tiers',
    ],
    [
      'a package of nothing',
      { key: 'o', kind: 'output_tokens', model: 'package', per: 0, price: 1 },
      '/per',
      'out-of-range',
    ],
    [
      'tiers that overlap',
      {
        key: 'o',
        kind: 'output_tokens',
        model: 'graduated',
        tiers: [
          { up_to: 10, price: 1 },
          { up_to: 10, price: 2 },
          { up_to: null, price: 3 },
        ],
      },
      '/tiers/1/up_to',
      'invalid-tiers',
    ],
    [
      'tiers out of order',
      {
        key: 'o',
        kind: 'output_tokens',
        model: 'volume',
        tiers: [
          { up_to: 10, price: 1 },
          { up_to: 5, price: 2 },
          { up_to: null, price: 3 },
        ],
      },
      '/tiers/1/up_to',
      'invalid-tiers',
    ],
    [
      'a hole among its tiers',
      {
        key: 'o',
        kind: 'output_tokens',
        model: 'volume',
        tiers: [
          { up_to: null, price: 1 },
          { up_to: 5, price: 2 },
        ],
      },
      '/tiers/0/up_to',
      'invalid-tiers',
    ],
    ['tiers beside a price', { key: 'o', kind: 'output_tokens', price: 1, tiers: [] }, '/tiers', 'invalid-tiers'],
    ['no tiers', { key: 'o', kind: 'output_tokens', model: 'graduated' }, '/tiers', 'invalid-tiers'],
    [
      'a second price for one class of a model',
      { key: 'l', kind: 'llm_tokens', llm_model: '*', token_class: 'input', price: 1 },
      '/token_class',
      'invalid-value',
    ],
    ['an unknown kind', { key: 'o', kind: 'coffee', price: 1 }, '/kind', 'invalid-value'],
    ['a kind that is a number', { key: 'o', kind: 5, price: 1 }, '/kind', 'invalid-type'],
    ['no kind', { key: 'o', price: 1 }, '/kind', 'required'],
  ])('a component with %s is refused where it is made', async (_what, component, pointer, code) => {
    const first = { key: 'in', kind: 'input_tokens', price: '0.15' }
    const second = { key: 'llm-in', kind: 'llm_tokens', llm_model: '*', token_class: 'input', price: '0.15' }
    const plan = await create({ name: 'Strict', components: [first, second] })
    const before = await door.traces()
    const alone = await door.ask(`${TARIFFS}/${plan.id}/components`, { body: component })
    expectProblem(alone, 422, 'validation')
    expect(alone.body.errors[0]).toMatchObject({ pointer, code })
    const inside = await door.ask(TARIFFS, { body: { name: 'Whole', components: [first, second, component] } })
    expectProblem(inside, 422, 'validation')
    expect(inside.body.errors[0]).toMatchObject({ pointer: `/components/2${pointer}`, code })
    expect(await door.traces()).toEqual(before)
  })

  test('an archived plan stays readable, is archived again without effect, and takes no change', async () => {
    const plan = await create({ name: 'Old', publish: true })
    const at = `${TARIFFS}/${plan.id}`
    for (const _ of [1, 2]) expect((await door.ask(at, { method: 'DELETE' })).status).toBe(204)
    expect((await door.ask(at)).body).toEqual({ ...plan, state: 'archived', next: null })
    const before = await door.traces()
    const component = { key: 'in', kind: 'input_tokens', price: '0.15' }
    expectProblem(await door.ask(at, { method: 'PATCH', body: { name: 'New' } }), 409, 'tariff-not-published')
    expectProblem(await door.ask(`${at}/publish`, { method: 'POST' }), 409, 'tariff-not-published')
    expectProblem(await door.ask(`${at}/components`, { body: component }), 409, 'tariff-not-published')
    expect(await door.traces()).toEqual(before)
  })

  test('a plan changes its currency only until it is published', async () => {
    const plan = await create({ name: 'Euro' })
    const at = `${TARIFFS}/${plan.id}`
    const changed = await door.ask(at, { method: 'PATCH', body: { currency: 'EUR' } })
    expect(changed.body).toMatchObject({ version: 1, currency: 'EUR' })
    await door.ask(`${at}/publish`, { method: 'POST' })
    expectProblem(await door.ask(at, { method: 'PATCH', body: { currency: 'USD' } }), 409, 'currency-mismatch')
    expect((await door.ask(at, { method: 'PATCH', body: { currency: 'EUR' } })).status).toBe(200)
    expect((await door.ask(at)).body.currency).toBe('EUR')
  })

  test('lists go from the newest plan to the oldest, page by page', async () => {
    const made = [await create({ name: 'A' }), await create({ name: 'B' }), await create({ name: 'C' })]
    const seen: unknown[] = []
    let query = '?limit=2'
    for (let page = 0; page < 100 && query; page += 1) {
      const { body } = await door.ask(TARIFFS + query)
      seen.push(...body.data)
      query = body.next_cursor === null ? '' : `?limit=2&cursor=${body.next_cursor}`
    }
    expect(seen.slice(0, 3)).toEqual(made.toReversed())
    expect(new Set(seen.map((tariff) => (tariff as { id: string }).id)).size).toBe(seen.length)
    expect((await door.ask(`${TARIFFS}?limit=200`)).body.data).toEqual(seen)
  })

  test('edits of one plan at once make one draft and lose nothing', async () => {
    const plan = await create({ name: 'Race', publish: true })
    const at = `${TARIFFS}/${plan.id}/components`
    const keys = Array.from({ length: 12 }, (_, index) => `f${index}`)
    const bodies = keys.map((key) => ({ key, kind: 'feature', feature: key, price: '1' }))
    const answers = await Promise.all(bodies.map((body) => door.ask(at, { body })))
    expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 201))
    const draft = (await door.ask(`${TARIFFS}/${plan.id}?version=2`)).body
    expect(draft.components.map(({ key }) => key).toSorted()).toEqual(keys.toSorted())
    expect((await door.ask(`${TARIFFS}/${plan.id}/versions`)).body.data).toHaveLength(2)
  })

  test('what a tariff lacks or nobody has is not found', async () => {
    const plan = await create({ name: 'One' })
    const nobody = '00000000-0000-7000-8000-000000000000'
    for (const path of [`${plan.id}?version=2`, nobody, `${nobody}/versions`, `${nobody}/components`, 'abc', '%00']) {
      expectProblem(await door.ask(`${TARIFFS}/${path}`), 404, 'not-found')
    }
  })
})
