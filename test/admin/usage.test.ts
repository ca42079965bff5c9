import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storyOrganization, tellJob } from '../managers/billed-story.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const USAGE = '/api/v1/admin/organizations/acme/usage'
const SEED = 7
const DAY_MS = 86_400_000

let door: Door
let before: unknown
beforeAll(async () => {
  door = await openDoor()
  const random = seededRandom(SEED)
  await storyOrganization(door.tollkeeper, 'acme')
  await storyOrganization(door.tollkeeper, 'empty')
  for (let job = 0; job < 12; job += 1) await tellJob(door.tollkeeper, 'acme', random)
  before = await door.traces()
})
afterAll(async () => {
  expect(await door.traces()).toEqual(before)
  await door.close()
})

const ledgerSum = async (): Promise<number> => {
  const { data } = (await door.ask('/api/v1/admin/organizations/acme/ledger?limit=200')).body
  const signs: Readonly<Record<string, number>> = { charge: 1, reversal: -1 }
  return data.reduce((sum, { kind, amount }) => sum + (signs[String(kind)] ?? 0) * Number(amount), 0)
}

describe('GET usage', () => {
  it('without parameters is the running period in one part', async () => {
    const answer = await door.ask(USAGE)
    const { body } = await door.ask('/api/v1/admin/organizations/acme')
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      organization_id: 'acme',
      currency: 'USD',
      from: body.period_start,
      to: body.period_end,
      time_zone: 'UTC',
      by: null,
      group_by: [],
    })
    const [whole] = answer.body.data
    expect(answer.body.data).toHaveLength(1)
    expect(whole).toEqual({ start: body.period_start, end: body.period_end, ...(answer.body.total as object) })
    expect(whole).toMatchObject({ quantity: null, included: null, billed: null, jobs: expect.any(Number) })
    expect(Number(whole?.amount)).toBeCloseTo(await ledgerSum(), 9)
  })

  it('by day and dimensions says each row’s own, with figures where units are of one kind', async () => {
    const [from, to] = [-2, 2].map((days) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10))
    const days = `from=${from}&to=${to}&by=day&time_zone=Asia/Kolkata`
    const { body } = await door.ask(`${USAGE}?${days}&group_by=kind,model,component`)
    expect(body.group_by).toEqual(['component', 'kind', 'model'])
    expect(body.data.length).toBeGreaterThan(4)
    for (const row of body.data) {
      expect(Object.keys(row)).toEqual([
        'start',
        'end',
        'component',
        'kind',
        'model',
        'quantity',
        'included',
        'billed',
        'amount',
        'jobs',
      ])
      expect(Number(row.included) + Number(row.billed)).toBe(row.quantity)
      expect(Date.parse(String(row.end)) - Date.parse(String(row.start))).toBe(DAY_MS)
    }
    expect(body.data.map(({ kind }) => kind)).toContain('output_tokens')
  })

  it('is the same for the organisation itself, and nothing for one that used nothing', async () => {
    const query = 'by=hour&group_by=member'
    const tenant = await door.ask(`/api/v1/usage?organization_id=acme&${query}`)
    expect(tenant.text).toBe((await door.ask(`${USAGE}?${query}`)).text)
    const { body } = await door.ask('/api/v1/usage?organization_id=empty&group_by=stage')
    expect(body.data).toEqual([])
    expect(body.total).toEqual({ quantity: 0, included: 0, billed: 0, amount: '0.00', jobs: 0 })
  })

  it('takes a date as midnight of the place, and a time with its zone, whose plus may arrive as a blank', async () => {
    const asked = async (query: string) => {
      const { from, to } = (await door.ask(`${USAGE}?${query}`)).body
      return [from, to]
    }
    const day = ['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z']
    expect(await asked('from=2026-03-29&to=2026-03-30&time_zone=Europe/Berlin')).toEqual(day)
    expect(await asked('from=2026-03-29T00:00:00%2B01:00&to=2026-03-29T22:00:00Z')).toEqual(day)
    expect(await asked('from=2026-03-29T00:00:00+01:00&to=2026-03-29t17:00:00.000-05:00')).toEqual(day)
  })

  it('is a table by format or by Accept, with cells that no spreadsheet runs', async () => {
    const csv = await door.ask(`${USAGE}?group_by=model&format=csv`)
    expect(csv.headers.get('Content-Type')).toBe('text/csv; charset=utf-8; header=present')
    expect(csv.headers.get('Content-Disposition')).toBe('attachment; filename="usage-acme.csv"')
    const [header, ...lines] = csv.text.split('\r\n')
    expect(header).toBe('start,end,model,quantity,included,billed,amount,jobs')
    expect(lines.at(-1)).toBe('')
    const { data } = (await door.ask(`${USAGE}?group_by=model`)).body
    expect(lines.slice(0, -1)).toEqual(
      data.map((row) => {
        const { start, end, model, ...figures } = row
        const name = String(model ?? '').replace(/^=/, "'=")
        return [start, end, name, ...Object.values(figures)].map((cell) => cell ?? '').join()
      }),
    )
    expect(csv.text).toContain(",'=cmd|calc,")
    const accepted = await door.ask(`${USAGE}?group_by=model`, { headers: { Accept: 'text/csv' } })
    expect(accepted.text).toBe(csv.text)
    expect(accepted.headers.get('Vary')).toContain('Accept')
    const json = await door.ask(`${USAGE}?format=json`, { headers: { Accept: 'text/csv' } })
    expect(json.body.currency).toBe('USD')
  })

  it.each([
    ['by=week', 400, 'invalid-query', ''],
    ['by=', 400, 'invalid-query', ''],
    ['group_by=component,colour', 400, 'invalid-query', ''],
    ['group_by=component,component', 400, 'invalid-query', ''],
    ['group_by=', 400, 'invalid-query', ''],
    ['group_by[]=kind', 400, 'invalid-query', ''],
    ['format=xml', 400, 'invalid-query', ''],
    ['sort=amount', 400, 'invalid-query', ''],
    ['from=2026-01-01&from=2026-01-02', 400, 'invalid-query', ''],
    ['organization_id=empty', 400, 'invalid-query', ''],
    ['from=2026-02-30&to=2026-03-02', 422, 'validation', '/from invalid-value'],
    ['to=2026-02-29', 422, 'validation', '/to invalid-value'],
    ['from=infinity', 422, 'validation', '/from invalid-value'],
    ['to=now', 422, 'validation', '/to invalid-value'],
    ['from=', 422, 'validation', '/from invalid-value'],
    ['from=2026-01-01T00:00:00', 422, 'validation', '/from invalid-value'],
    ['from=2026-01-01T24:00:00Z', 422, 'validation', '/from invalid-value'],
    ['from=2026-01-01T00:60:00Z', 422, 'validation', '/from invalid-value'],
    ['from=2026-01-01T00:00:00.0001Z', 422, 'validation', '/from invalid-value'],
    ['from=2026-01-01T00:00:00%2B24:00', 422, 'validation', '/from invalid-value'],
    ['from=1767225600', 422, 'validation', '/from invalid-value'],
    ['from=99999-01-01', 422, 'validation', '/from invalid-value'],
    ['to=9999-12-31T23:59:59-10:00', 422, 'validation', '/to invalid-value'],
    ['from=0000-01-01', 422, 'validation', '/from invalid-value'],
    ['from=2026-02-02&to=2026-02-01', 422, 'validation', '/from invalid-value'],
    ['from=2026-02-02&to=2026-02-02', 422, 'validation', '/from invalid-value'],
    ['to=2001-01-01', 422, 'validation', '/to invalid-value'],
    ['from=2024-01-01&to=2025-02-05', 422, 'validation', '/from out-of-range'],
    ['time_zone=Mars/Olympus', 422, 'validation', '/time_zone invalid-value'],
    ['time_zone=%2B02:00', 422, 'validation', '/time_zone invalid-value'],
    ['time_zone=', 422, 'validation', '/time_zone invalid-value'],
  ])('?%s is answered with %i %s', async (query, status, code, where) => {
    const answer = await door.ask(`${USAGE}?${query}`)
    expectProblem(answer, status, code)
    const errors = answer.body.errors ?? []
    expect(errors.map((error) => `${error.pointer} ${error.code}`).join()).toBe(where)
  })

  it('of 400 days that hold a longer one is answered, and so is any year of four digits', async () => {
    const year = await door.ask(`${USAGE}?from=2025-09-30&to=2026-11-04&by=day&time_zone=Europe/Berlin`)
    expect(year.status).toBe(200)
    expect((await door.ask(`${USAGE}?from=1000-01-01&to=1000-02-01&by=hour`)).status).toBe(200)
    expect((await door.ask(`${USAGE}?from=9998-01-01&to=9998-12-31&by=month`)).body.data).toEqual([])
  })

  it('of an organisation that does not exist, or without one, is told as everywhere', async () => {
    expectProblem(await door.ask('/api/v1/admin/organizations/nobody/usage'), 404, 'not-found')
    expectProblem(await door.ask('/api/v1/usage?organization_id=nobody'), 404, 'not-found')
    expectProblem(await door.ask('/api/v1/usage'), 400, 'invalid-query')
  })
})
