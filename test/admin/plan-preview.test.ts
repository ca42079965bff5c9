import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor } from './open-door.ts'

const TARIFFS = '/api/v1/admin/tariffs'
const ORGANIZATIONS = '/api/v1/admin/organizations'
const INPUT = { key: 'in', kind: 'input_tokens', price: '0.10', per: 1, included: 10 }
const FEE = { key: 'fee', kind: 'agent', agent: 'extractor', price: '1.00' }

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const preview = (id: string, applyTo: string, query = '') =>
  door.ask(`${TARIFFS}/${id}/publish${query}`, { body: { apply_to: applyTo, dry_run: true } })
const everything = async () => {
  const tables = ['tariff_versions', 'tariff_components', 'plan_moves', 'organizations', 'organization_balances']
  return Promise.all(
    [...tables, 'usage_counters', 'ledger_entries', 'holds'].map((table) =>
      door.tollkeeper.em().execute(`select to_jsonb(t) as row from tollkeeper.${table} t order by 1`),
    ),
  )
}
/** A job that is charged its input and nothing more. */
async function use(organizationId: string, tokens: number): Promise<void> {
  const { billing, openJob } = door.tollkeeper
  const job = await openJob({ organizationId, agents: ['extractor'] })
  const admitted = await billing.admit(job, [
    { stage: 'input', bound: { kind: 'input', tokens } },
    { stage: 'agent.extractor', bound: { kind: 'agent', agent: 'extractor', llm: null } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 1 } },
  ])
  expect(admitted).toMatchObject({ kind: 'admitted' })
  await billing.cancel(job)
}
async function plan(...organizations: readonly string[]): Promise<string> {
  const terms = { name: 'Plan', price_per_month: '10', member_price: '2', components: [INPUT, FEE], publish: true }
  const { id } = (await door.ask(TARIFFS, { body: terms })).body
  for (const each of organizations) {
    await door.ask(ORGANIZATIONS, { body: { id: each, tariff_id: id } })
    await door.ask(`${ORGANIZATIONS}/${each}/top-ups`, { body: { amount: '50.00', reference: 'first' } })
  }
  return id
}

describe('a dry run of a publication', () => {
  test('tells each organisation its old and new price and what its use so far would cost, and does nothing', async () => {
    const id = await plan('pre-a', 'pre-b', 'pre-c')
    await use('pre-a', 25)
    await use('pre-a', 5)
    for (const user of ['u1', 'u2']) await door.ask(`${ORGANIZATIONS}/pre-b/members`, { body: { user_id: user } })
    const terms = { price_per_month: '12.50', max_team_members: 1, charge_on_failure: 'finished_stages' }
    await door.ask(`${TARIFFS}/${id}`, { method: 'PATCH', body: terms })
    const dearer = { price: '0.20', included: 20 }
    await door.ask(`${TARIFFS}/${id}/components/in`, { method: 'PATCH', body: dearer })
    const before = await everything()

    const answer = await preview(id, 'now')
    expect(await everything()).toEqual(before)
    const same = { member_price: '2.00', grace_days: 7, suspend_after_days: 30, minimum_per_job: '0.00' }
    const old = { ...same, price_per_month: '10.00', max_team_members: null, charge_on_failure: 'none' }
    const next = { ...same, ...terms }
    const move = { from_version: 1, to_version: 2, old, new: next }
    const unused = { usage_so_far: [], difference: '0.00' }
    const problem = { code: 'seat-limit', detail: 'This tariff allows 1 members, 2 are active; remove some' }
    // 30 tokens: 20 at 0.10 by the old version, 10 at 0.20 by the new one.
    const used = { component: 'in', used: 30, included_used: 10, amount_at_old: '2.00', amount_at_new: '2.00' }
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      dry_run: true,
      apply_to: 'now',
      tariff_id: id,
      to_version: 2,
      content_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      currency: 'USD',
      warnings: ['llm_tokens', 'output_tokens'].map((meter) => ({
        code: 'unpriced-meter',
        detail: `${meter} are billed at zero`,
      })),
      total: 3,
      data: [
        { organization_id: 'pre-a', ...move, usage_so_far: [used], difference: '0.00', problem: null },
        { organization_id: 'pre-b', ...move, ...unused, problem },
        { organization_id: 'pre-c', ...move, ...unused, problem: null },
      ],
      next_cursor: null,
    })
    const published = (await door.ask(`${TARIFFS}/${id}/publish`, { method: 'POST' })).body
    expect(published.content_hash).toBe(answer.body.content_hash)
  })

  test('counts only the running period, and shows a cheaper version as a difference below 0', async () => {
    const id = await plan('per-a', 'per-b')
    await use('per-a', 40)
    await use('per-b', 40)
    await door.ask(`${TARIFFS}/${id}/components/in`, { method: 'PATCH', body: { price: '0.05' } })
    await door.tollkeeper.em().execute(
      `update tollkeeper.organizations set period_start = period_start - interval '1 month',
         period_end = period_start where id = 'per-b'`,
    )
    const { data } = (await preview(id, 'next_period')).body
    expect(
      data.map(({ organization_id, usage_so_far, difference }) => [organization_id, usage_so_far, difference]),
    ).toEqual([
      [
        'per-a',
        [{ component: 'in', used: 40, included_used: 10, amount_at_old: '3.00', amount_at_new: '1.50' }],
        '-1.50',
      ],
      ['per-b', [], '0.00'],
    ])
  })

  test('goes through many page by page, and lists nobody where nobody is moved', async () => {
    const ids = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e']
    const id = await plan(...ids)
    await door.ask(`${TARIFFS}/${id}`, { method: 'PATCH', body: { price_per_month: '1' } })
    const seen: unknown[] = []
    let query: string | null = '?limit=2'
    while (query) {
      const { body } = await preview(id, 'now', query)
      expect(body.total).toBe(5)
      seen.push(...body.data.map(({ organization_id }) => organization_id))
      query = body.next_cursor && `?limit=2&cursor=${body.next_cursor}`
    }
    expect(seen).toEqual(ids)
    const first = (await preview(id, 'now', '?limit=2')).body.next_cursor
    expectProblem(await preview(id, 'next_period', `?cursor=${first}`), 400, 'invalid-cursor')
    expect((await preview(id, 'new')).body).toMatchObject({ to_version: 2, total: 0, data: [], next_cursor: null })
  })

  test('of a draft that says nothing new is one of the newest version, and leaves the draft', async () => {
    const id = await plan('same')
    await door.ask(`${TARIFFS}/${id}`, { method: 'PATCH', body: { price_per_month: '1' } })
    await door.ask(`${TARIFFS}/${id}`, { method: 'PATCH', body: { price_per_month: '10' } })
    const before = await everything()
    const { body } = await preview(id, 'now')
    const version = (await door.ask(`${TARIFFS}/${id}?version=1`)).body
    expect(body).toMatchObject({ to_version: 1, total: 0, data: [], content_hash: version.content_hash })
    expect(await everything()).toEqual(before)
  })
})
