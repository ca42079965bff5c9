import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storyOrganization, tellJob, tellMoney } from '../managers/billed-story.ts'
import { turnPage } from '../managers/period-pages.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { SettableClock } from '../support/settable-clock.ts'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const STATEMENTS = '/api/v1/admin/organizations/acme/statements'
const PERIODS = 3

let door: Door
let before: unknown
beforeAll(async () => {
  const clock = new SettableClock('2026-01-31T09:00:00Z')
  door = await openDoor({}, { clock })
  const { tollkeeper } = door
  const random = seededRandom(11)
  for (const id of ['acme', 'other']) await storyOrganization(tollkeeper, id)
  for (let period = 1; period <= PERIODS; period += 1) {
    if (period > 1) await turnPage(tollkeeper, clock, 'acme')
    for (let job = 0; job < 8; job += 1) await tellJob(tollkeeper, 'acme', random)
    for (let time = 0; time < 3; time += 1) await tellMoney(tollkeeper, 'acme', random)
  }
  before = await door.traces()
})
afterAll(() => door.close())

interface Edge {
  readonly seq: number
  readonly available: string
  readonly held: string
}

describe('GET statements', () => {
  it('lists the periods, newest first, each beginning where the one before it ended', async () => {
    const { body } = await door.ask(STATEMENTS)
    expect(body.next_cursor).toBeNull()
    expect(body.data.map(({ period, final }) => [period, final])).toEqual([
      [3, false],
      [2, true],
      [1, true],
    ])
    for (const [index, { opening }] of body.data.slice(0, -1).entries()) {
      expect(opening).toEqual(body.data[index + 1]?.closing)
    }
    const balance = (await door.ask('/api/v1/balance?organization_id=acme')).body
    expect(body.data[0]?.closing).toEqual({ seq: balance.as_of_seq, available: balance.available, held: balance.held })
    expect(body.data[2]?.opening).toEqual({ seq: 0, available: '0.00', held: '0.00' })
    const paged: unknown[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { data: readonly unknown[]; next_cursor: string | null } = (
        await door.ask(`${STATEMENTS}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
      ).body
      paged.push(...page.data)
      cursor = page.next_cursor
    }
    expect(paged).toEqual(body.data)
  })

  it('of a period lead from opening to closing, and share out what was paid four times over', async () => {
    for (const period of ['1', '2', '3']) {
      const { status, body } = await door.ask(`${STATEMENTS}/${period}`)
      expect(status).toBe(200)
      expect(Object.keys(body)).toEqual([
        ...['organization_id', 'currency', 'period', 'period_start', 'period_end', 'final', 'closed_at', 'tariff_id'],
        ...['tariff_version', 'opening', 'movements', 'closing', 'by_component', 'by_agent', 'by_model', 'by_member'],
      ])
      const rows = (name: string) => body[name] as readonly Readonly<Record<string, string>>[]
      const sum = (of: readonly Readonly<Record<string, string>>[], column: string) =>
        of.reduce((total, row) => total + Number(row[column]), 0)
      const [opening, closing] = [body.opening as Edge, body.closing as Edge]
      expect(opening.seq + sum(rows('movements'), 'entries')).toBe(closing.seq)
      expect(Number(opening.available) + sum(rows('movements'), 'available')).toBeCloseTo(Number(closing.available), 9)
      expect(Number(opening.held) + sum(rows('movements'), 'held')).toBeCloseTo(Number(closing.held), 9)
      const amounts = new Map(rows('movements').map(({ kind, amount }) => [kind, Number(amount)]))
      const paid = (amounts.get('charge') ?? 0) + (amounts.get('feature') ?? 0) - (amounts.get('reversal') ?? 0)
      for (const name of ['by_component', 'by_agent', 'by_model', 'by_member']) {
        expect(sum(rows(name), 'amount')).toBeCloseTo(paid, 9)
      }
      expect(paid).toBeGreaterThan(0)
    }
  })

  it('of the running period goes by its number or as current, and is the same for the organisation itself', async () => {
    const current = await door.ask(`${STATEMENTS}/current`)
    expect(current.body).toMatchObject({ period: 3, final: false, closed_at: null })
    expect((await door.ask(`${STATEMENTS}/3`)).text).toBe(current.text)
    expect((await door.ask('/api/v1/statements/current?organization_id=acme')).text).toBe(current.text)
    const own = await door.ask('/api/v1/statements?organization_id=acme')
    expect(own.text).toBe((await door.ask(STATEMENTS)).text)
  })

  it('are tables by format or by Accept', async () => {
    const csv = await door.ask(`${STATEMENTS}/2?format=csv`)
    expect(csv.headers.get('Content-Type')).toBe('text/csv; charset=utf-8; header=present')
    expect(csv.headers.get('Content-Disposition')).toBe('attachment; filename="statement-acme-2.csv"')
    expect((await door.ask(`${STATEMENTS}/2`, { headers: { Accept: 'text/csv' } })).text).toBe(csv.text)
    const { body } = await door.ask(`${STATEMENTS}/2`)
    const [header, opening, ...lines] = csv.text.trimEnd().split('\r\n')
    expect(header).toBe('section,name,entries,quantity,amount,available,held,seq')
    const edge = ({ available, held, seq }: Edge) => `,,,,,${available},${held},${seq}`
    expect(opening).toBe(`opening${edge(body.opening as Edge)}`)
    expect(lines).toContain(`closing${edge(body.closing as Edge)}`)
    const movements = body.movements as readonly Readonly<Record<string, unknown>>[]
    expect(lines.filter((line) => line.startsWith('movement,'))).toEqual(
      movements.map(({ kind, entries, amount, available, held }) => {
        return `movement,${kind},${entries},,${amount},${available},${held},`
      }),
    )
    const members = body.by_member as readonly { readonly member: string | null; readonly amount: string }[]
    expect(lines.filter((line) => line.startsWith('by_member,'))).toEqual(
      members.map(({ member, amount }) => `by_member,${member ?? ''},,,${amount},,,`),
    )
  })

  it.each([
    [`${STATEMENTS}/4`, 404, 'not-found'],
    [`${STATEMENTS}/0`, 404, 'not-found'],
    [`${STATEMENTS}/-1`, 404, 'not-found'],
    [`${STATEMENTS}/1.5`, 404, 'not-found'],
    [`${STATEMENTS}/9999999999`, 404, 'not-found'],
    [`${STATEMENTS}/last`, 404, 'not-found'],
    [`${STATEMENTS}/%00`, 404, 'not-found'],
    ['/api/v1/admin/organizations/nobody/statements', 404, 'not-found'],
    ['/api/v1/admin/organizations/nobody/statements/current', 404, 'not-found'],
    ['/api/v1/statements/1?organization_id=nobody', 404, 'not-found'],
    ['/api/v1/statements/1', 400, 'invalid-query'],
    ['/api/v1/statements', 400, 'invalid-query'],
    [`${STATEMENTS}?limit=0`, 400, 'invalid-query'],
    [`${STATEMENTS}?cursor=abc`, 400, 'invalid-cursor'],
    [`${STATEMENTS}/1?format=pdf`, 400, 'invalid-query'],
    [`${STATEMENTS}/1?limit=1`, 400, 'invalid-query'],
  ])('%s is answered with %i %s', async (path, status, code) => {
    expectProblem(await door.ask(path), status, code)
  })

  it('have changed nothing until here; and one that does not add up is a fault of ours that hides its inside', async () => {
    expect(await door.traces()).toEqual(before)
    const change = (by: number) =>
      door.database.query(
        `update tollkeeper.billing_periods set closing_held = closing_held + $1
         where organization_id = 'acme' and number = 1`,
        [by],
      )
    await change(1)
    for (const period of [1, 2]) {
      const answer = await door.ask(`${STATEMENTS}/${period}`)
      expectProblem(answer, 500, 'internal')
      expect(answer.text).not.toMatch(/opening|closing|invariant/i)
    }
    await change(-1)
    expect((await door.ask(`${STATEMENTS}/1`)).status).toBe(200)
  })
})
