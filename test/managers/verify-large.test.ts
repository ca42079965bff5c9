import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { runCli } from '../cli/cli-process.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const COMPONENTS = [
  component('fee', { kind: 'agent', agent: 'repeater' }, '0.001'),
  component('input', { kind: 'input_tokens' }, '2.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '3.00'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '5.00'),
  component('output', { kind: 'output_tokens' }, '1.00'),
]
const ENTRIES = 200_000
/** Of V8's old space. The rows of this ledger alone are several times this. */
const HEAP_MB = 64

/** One job as the product makes it: a hold, five charges and a release. */
async function templateJob({ openJob, billing }: Tollkeeper): Promise<void> {
  const job = await openJob({ organizationId: 'acme', agents: ['repeater'] })
  const llm = { model: 'm', calls: 1, promptTokens: 1_000, maxOutputTokens: 500 }
  await billing.admit(job, [
    { stage: 'input', bound: { kind: 'input', tokens: 1_000 } },
    { stage: 'agent.repeater', bound: { kind: 'agent', agent: 'repeater', llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 500 } },
  ])
  const call = { model: 'm', source: 'reported', classes: { input: 900, output: 400 } } as const
  await billing.settle({ ...job, stage: 'agent.repeater' }, { kind: 'agent', agent: 'repeater', llm: [call] })
  await billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 300 })
  await billing.release(job)
}

/** Copies the only job of the only organisation `copies` times, with its entries behind one another. */
const COPY = `
with job as (select j.*, (select count(*) from tollkeeper.ledger_entries where job_id = j.id) as per from tollkeeper.jobs j),
  copy as (select k, ('01900000-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid as new_id from generate_series(1, $1::int) k),
  jobs as (insert into tollkeeper.jobs (id, organization_id, runner, state, steps, tariff_version_id, period_start,
      generation, charged, released, created_at, admitted_at, finished_at)
    select new_id, organization_id, runner, state, steps, tariff_version_id, period_start, generation, charged, released,
      created_at, admitted_at, finished_at from job, copy),
  stages as (insert into tollkeeper.job_stages (job_id, stage, position, state, usage, lines, tokens, charged, finished_at)
    select new_id, s.stage, s.position, s.state, s.usage,
      (select json_agg(jsonb_set(line, '{17}', to_jsonb((line ->> 17)::bigint + k * per)) order by at)
        from jsonb_array_elements(s.lines::jsonb) with ordinality as l(line, at)), s.tokens, s.charged, s.finished_at
    from job, copy, tollkeeper.job_stages s where s.job_id = job.id),
  holds as (insert into tollkeeper.holds select new_id, h.generation, h.organization_id, h.amount, h.remaining, h.state,
      h.opened_at, h.closed_at from copy, tollkeeper.holds h),
  counters as (update tollkeeper.usage_counters set used = used * ($1 + 1)),
  entries as (insert into tollkeeper.ledger_entries
    select gen_random_uuid(), e.organization_id, e.seq + k * per, e.kind, e.debit_account, e.credit_account, e.amount,
      e.currency, e.available_after - k * job.charged, e.held_after,
      replace(e.business_key, job.id::text, new_id::text), new_id, e.stage, e.component, e.token_class, e.reference,
      e.reverses_seq, e.details, e.created_at
    from job, copy, tollkeeper.ledger_entries e where e.job_id = job.id order by k, e.seq)
update tollkeeper.organization_balances b
set seq = seq + $1 * job.per, available = available - $1 * job.charged from job`

describe('a ledger of two hundred thousand entries', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('postgres')
    const tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '9000000.00', COMPONENTS)
    await templateJob(tollkeeper)
    await world.database.query(COPY, [ENTRIES / 7 - (ENTRIES % 7) / 7])
  })
  afterAll(() => world.close())

  it('is verified whole in a small heap', async () => {
    // Without a bound of its own the space for new objects grows with the speed of the rows, and spills over into the old.
    const env = { ...world.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} --max-semi-space-size=4` }
    const started = performance.now()
    const { code, stdout, stderr } = await runCli(['verify', '--json'], env)
    const seconds = (performance.now() - started) / 1_000
    expect([code, stderr]).toEqual([0, ''])
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ ok: true, organizations: 1, violations: [] })
    expect(report.entries).toBeGreaterThanOrEqual(ENTRIES - 7)
    console.info(`${Math.round(report.entries / seconds).toLocaleString('en-US')} rows/s with the start of a process`)
  })

  it('is checked from where it was checked before, and one wrong unit in the middle is found', async () => {
    const tollkeeper = await world.open()
    const checked = async () =>
      (
        await world.database.query<{ at: number }>(
          'select checked_seq::int as at from tollkeeper.organization_balances',
        )
      )[0]?.at
    expect([await tollkeeper.verifier.checkChanged(1), await checked()]).toEqual([1, 10_000])
    expect([await tollkeeper.verifier.checkChanged(1), await checked()]).toEqual([1, 20_000])
    const started = performance.now()
    const { entries, ok } = await tollkeeper.verifier.verify()
    const rate = entries / ((performance.now() - started) / 1_000)
    console.info(`${Math.round(rate).toLocaleString('en-US')} rows/s in a process that runs`)
    expect(ok).toBe(true)
    await world.database.query('alter table tollkeeper.ledger_entries disable trigger user')
    await world.database.query('update tollkeeper.ledger_entries set held_after = held_after + 1 where seq = 100000')
    await world.database.query('alter table tollkeeper.ledger_entries enable trigger user')
    const { violations } = await tollkeeper.verifier.verify()
    expect(violations.map(({ detail }) => detail.replace(/ is .*/, ''))).toEqual([
      'entry 100000: held',
      'entry 100001: held',
    ])
  })
})
