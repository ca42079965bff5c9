import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const ORGANIZATIONS = '/api/v1/admin/organizations'
const NOBODY = '00000000-0000-7000-8000-000000000000'

let door: Door
let tariff: string
beforeAll(async () => {
  door = await openDoor()
  tariff = await publishedTariff(door.ask)
})
afterAll(() => door.close())

/** An organisation with 10.00. */
async function open(id: string): Promise<string> {
  await door.ask(ORGANIZATIONS, { body: { id, tariff_id: tariff } })
  await door.ask(`${ORGANIZATIONS}/${id}/top-ups`, { body: { amount: '10.00', reference: 'first' } })
  return `${ORGANIZATIONS}/${id}`
}
const draw = (at: string, body: object) => door.ask(`${at}/thresholds`, { body })
const move = (at: string, direction: 'credit' | 'debit', amount: string, reference: string) =>
  door.ask(`${at}/adjustments`, { body: { amount, direction, reference, note: 'a test' } })
const listOf = async (path: string) => (await door.ask(path)).body.data

describe('thresholds over HTTP', () => {
  test('a threshold needs only its height: on what is available, armed again a tenth above', async () => {
    const at = await open('simple')
    const made = await draw(at, { below: '5' })
    const { id, created_at: createdAt, ...rest } = made.body
    expect([made.status, made.headers.get('Location')]).toEqual([201, `${at}/thresholds`])
    expect(rest).toEqual({
      organization_id: 'simple',
      metric: 'available',
      below: '5.00',
      clear_at: '5.50',
      currency: 'USD',
      state: 'armed',
      alert_id: null,
    })
    expect(Date.parse(String(createdAt))).toBeGreaterThan(Date.now() - 60_000)
    expect((await door.ask(`${at}/thresholds`)).body).toEqual({ data: [made.body], next_cursor: null })
    expect((await draw(at, { below: '0.000000003', clear_at: null })).body).toMatchObject({ clear_at: '0.000000004' })
    expect((await draw(at, { metric: 'headroom', below: 2.5, clear_at: '9.00' })).body).toMatchObject({
      ...{ metric: 'headroom', below: '2.50', clear_at: '9.00', state: 'armed' },
    })
    expect(id).not.toBe(NOBODY)
  })

  test('a balance that sinks below raises one alert, which is cleared when it has come back', async () => {
    const at = await open('sinks')
    const { id } = (await draw(at, { below: '5.00', clear_at: '6.00' })).body
    await move(at, 'debit', '5.00', 'a')
    expect(await listOf(`${at}/alerts`), 'at its height').toEqual([])
    await move(at, 'debit', '0.000000001', 'b')
    const [alert] = await listOf(`${at}/alerts`)
    expect(alert).toEqual({
      id: alert?.id,
      organization_id: 'sinks',
      threshold_id: id,
      metric: 'available',
      below: '5.00',
      clear_at: '6.00',
      state: 'raised',
      value: '4.999999999',
      available: '4.999999999',
      demanded: null,
      estimated: false,
      currency: 'USD',
      raised_at: alert?.raised_at,
      cleared_at: null,
      seq: 3,
    })
    expect(await listOf(`${at}/thresholds`)).toMatchObject([{ id, state: 'raised', alert_id: alert?.id }])
    await move(at, 'debit', '1.00', 'c')
    await move(at, 'credit', '1.50', 'd')
    expect(await listOf(`${at}/alerts`), 'between the lines').toEqual([alert])
    await move(at, 'credit', '1.00', 'e')
    const [cleared] = await listOf(`${at}/alerts`)
    expect(cleared).toEqual({ ...alert, state: 'cleared', cleared_at: cleared?.cleared_at })
    expect(Date.parse(String(cleared?.cleared_at))).toBeGreaterThanOrEqual(Date.parse(String(alert?.raised_at)))
    expect(await listOf(`${at}/thresholds`)).toMatchObject([{ id, state: 'armed', alert_id: null }])
    expect((await door.ask('/api/v1/admin/verify?organization_id=sinks')).body).toMatchObject({ ok: true })
  })

  test('one that is drawn above the balance has its alert in the answer', async () => {
    const at = await open('already')
    for (const metric of ['available', 'headroom']) {
      const made = await draw(at, { metric, below: '20.00' })
      const [alert] = await listOf(`${at}/alerts`)
      expect(made.body).toMatchObject({ metric, state: 'raised', alert_id: alert?.id })
      expect(alert).toMatchObject({ metric, value: '10.00', available: '10.00', seq: 1, state: 'raised' })
      expect(alert?.demanded).toBe(metric === 'headroom' ? '0.00' : null)
    }
  })

  test('one that is deleted is gone, and its alert is over', async () => {
    const at = await open('deleted')
    const { id } = (await draw(at, { below: '20.00' })).body
    expect((await door.ask(`${at}/thresholds/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect(await listOf(`${at}/thresholds`)).toEqual([])
    expect(await listOf(`${at}/alerts`)).toMatchObject([{ threshold_id: id, state: 'cleared' }])
    expectProblem(await door.ask(`${at}/thresholds/${id}`, { method: 'DELETE' }), 404, 'not-found')
    expect((await draw(at, { below: '20.00' })).body).toMatchObject({ state: 'raised' })
  })

  test('the same line twice, and an eleventh, are refused and leave no trace', async () => {
    const at = await open('crowded')
    await draw(at, { below: '1' })
    expectProblem(await draw(at, { below: '1.0', clear_at: '7' }), 409, 'already-exists')
    for (let below = 2; below <= 10; below += 1) expect((await draw(at, { below })).status).toBe(201)
    expectProblem(await draw(at, { below: '11' }), 409, 'threshold-limit')
    expectProblem(await draw(at, { below: '1' }), 409, 'already-exists')
    const page = await door.ask(`${at}/thresholds?limit=6`)
    const rest = await door.ask(`${at}/thresholds?cursor=${page.body.next_cursor}`)
    const heights = [...page.body.data, ...rest.body.data].map(({ below }) => below)
    expect(heights).toEqual(['10.00', '9.00', '8.00', '7.00', '6.00', '5.00', '4.00', '3.00', '2.00', '1.00'])
  })

  test.each([
    // body | pointer | code
    ['{}', '/below', 'required'],
    ['{"below":"-1"}', '/below', 'invalid-amount'],
    ['{"below":"1e3"}', '/below', 'invalid-amount'],
    ['{"below":true}', '/below', 'invalid-type'],
    ['{"below":"5","clear_at":"5.00"}', '/clear_at', 'invalid-value'],
    ['{"below":"5","clear_at":"4"}', '/clear_at', 'invalid-value'],
    ['{"below":"0"}', '/clear_at', 'required'],
    ['{"below":"8999999999"}', '/clear_at', 'out-of-range'],
    ['{"below":"5","metric":"held"}', '/metric', 'invalid-value'],
    ['{"below":"5","organization_id":"strict"}', '/organization_id', 'unknown-field'],
  ])('a threshold that means nothing is refused: %s', async (body, pointer, code) => {
    const at = `${ORGANIZATIONS}/strict`
    await open('strict')
    const answer = await door.ask(`${at}/thresholds`, { body })
    expectProblem(answer, 422, 'validation')
    expect(answer.body.errors[0]).toMatchObject({ pointer, code })
    expect(await listOf(`${at}/thresholds`)).toEqual([])
  })
})

describe('alerts over HTTP', () => {
  test('are listed from the newest to the oldest, by state, for admin and tenant alike', async () => {
    const at = await open('listed')
    await draw(at, { below: '5.00', clear_at: '6.00' })
    for (const reference of ['a', 'b', 'c']) {
      await move(at, 'debit', '9.00', `down ${reference}`)
      if (reference !== 'c') await move(at, 'credit', '9.00', `up ${reference}`)
    }
    const own = '/api/v1/alerts?organization_id=listed'
    const all = await listOf(`${at}/alerts`)
    expect(all.map(({ state }) => state)).toEqual(['raised', 'cleared', 'cleared'])
    expect(await listOf(own)).toEqual(all)
    expect(await listOf(`${own}&state=raised`)).toEqual(all.slice(0, 1))
    expect(await listOf(`${at}/alerts?state=cleared`)).toEqual(all.slice(1))
    const page = await door.ask(`${at}/alerts?state=cleared&limit=1`)
    expect(page.body.data).toEqual(all.slice(1, 2))
    const next = await door.ask(`${own}&state=cleared&cursor=${page.body.next_cursor}`)
    expect(next.body).toEqual({ data: all.slice(2), next_cursor: null })
    expectProblem(await door.ask(`${at}/alerts?cursor=${page.body.next_cursor}`), 400, 'invalid-cursor')
  })

  test('of an organisation that is not there are not found; what is asked wrongly is refused', async () => {
    const at = await open('own')
    await open('foreign')
    const { id } = (await draw(at, { below: '5' })).body
    const before = await door.traces()
    expectProblem(await draw(`${ORGANIZATIONS}/nobody`, { below: '5' }), 404, 'not-found')
    for (const path of ['thresholds', 'alerts']) {
      expectProblem(await door.ask(`${ORGANIZATIONS}/nobody/${path}`), 404, 'not-found')
    }
    const foreign = await door.ask(`${ORGANIZATIONS}/foreign/thresholds/${id}`, { method: 'DELETE' })
    const missing = await door.ask(`${ORGANIZATIONS}/foreign/thresholds/${NOBODY}`, { method: 'DELETE' })
    expectProblem(foreign, 404, 'not-found')
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' })
    expectProblem(await door.ask(`${at}/thresholds/x%00`, { method: 'DELETE' }), 404, 'not-found')
    expectProblem(await door.ask(`${at}/alerts?state=open`), 400, 'invalid-query')
    expectProblem(await door.ask(`${at}/alerts?metric=available`), 400, 'invalid-query')
    expectProblem(await door.ask('/api/v1/alerts'), 400, 'invalid-query')
    expectProblem(await door.ask(`${at}/thresholds?limit=0`), 400, 'invalid-query')
    expect(await door.traces()).toEqual(before)
    expect(await listOf(`${at}/thresholds`)).toHaveLength(1)
  })
})
