import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { quoteToJson, receiptToJson } from '../../src/managers/contract-json.ts'
import type { Recomputation } from '../../src/pipeline/recompute/recompute.ts'
import { formatAmount, parseAmount } from '../../src/pricing/money.ts'
import { damage } from '../managers/busy-organization.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { CONTRACT_COMPONENTS, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const TEXT = 'The council pays 1,200 dollars for the ferry. The ferry sails on 3 May 2025. The crew is small.'
const MINIMUM = parseAmount('1.00')

const differing = ({ findings }: Recomputation): readonly string[] =>
  findings
    .filter(({ verdict }) => verdict === 'differs')
    .map(({ stage, of, figure }) => `${stage ?? 'job'} ${of} ${figure}`)

describe('a plan with a minimum per job, in the pipeline', () => {
  let world: World
  let tollkeeper: Tollkeeper
  beforeAll(async () => {
    world = await openWorld('postgres', { LOG_LEVEL: 'silent', RECONCILE_INTERVAL_MS: '3600000' })
    tollkeeper = await world.open()
    await fundedOrganization(tollkeeper, 'acme', '10.00', CONTRACT_COMPONENTS, { minimumPerJob: '1.00' })
    await tollkeeper.startWorkers()
  })
  afterAll(() => world.close())

  const request = (more: object = {}) => ({ organizationId: 'acme', text: TEXT, agents: ['summarizer'], ...more })
  const ended = async (id: string) =>
    eventually(
      () => tollkeeper.service.find(id),
      ({ state }) => state === 'charged' || state === 'failed',
    )
  const charged = async (): Promise<string> => {
    const { id } = await tollkeeper.service.submit(request())
    expect(await ended(id)).toMatchObject({ state: 'charged', charged: MINIMUM, held: 0n })
    return id
  }
  const verified = async () => {
    const { ok, violations } = await tollkeeper.verifier.verify({ organizationId: 'acme' })
    return { ok, violations }
  }

  it('is quoted, held, charged, shown and proved: a short job costs just the minimum', async () => {
    const { available } = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    const { lower, upper, stages } = quoteToJson(await tollkeeper.service.quote(request()))
    expect({ lower, upper }).toEqual({ lower: '1.00', upper: '1.00' })
    expect(stages.reduce((sum, stage) => sum + parseAmount(stage.upper), 0n)).toBe(MINIMUM)
    expect(stages.reduce((sum, stage) => sum + parseAmount(stage.lower), 0n)).toBe(MINIMUM)

    const id = await charged()
    const { lines, ...sums } = receiptToJson(await tollkeeper.jobs.receipt(tollkeeper.em(), id))
    expect(sums).toMatchObject({ held: '1.00', charged: '1.00', released: '0.00', written_off: '0.00', total: '1.00' })
    const own = lines.filter(({ kind }) => kind !== 'minimum')
    const lacking = own.reduce((rest, { amount }) => rest - parseAmount(amount), MINIMUM)
    expect(lines.at(-1)).toEqual({
      stage: 'output',
      component: 'minimum',
      kind: 'minimum',
      model: null,
      llm_model: null,
      token_class: null,
      quantity: 1,
      source: 'counted',
      included_used: 0,
      billed_quantity: 1,
      price: '1.00',
      per: 1,
      tiers: null,
      counter_before: 0,
      counter_after: 0,
      billed_before: 0,
      amount: formatAmount(lacking),
      written_off: '0.00',
      ledger_seq: expect.any(Number),
    })
    const { entries } = await tollkeeper.balances.ledger(tollkeeper.em(), 'acme', { limit: 200, after: null })
    expect(entries.find(({ seq }) => seq === lines.at(-1)?.ledger_seq)).toMatchObject({
      kind: 'charge',
      amount: lacking,
      stage: 'output',
      component: 'minimum',
      businessKey: `charge:${id}:output:minimum:-`,
    })
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    expect(balance).toMatchObject({ available: available - MINIMUM, held: 0n })

    const made = await tollkeeper.recompute(id)
    expect(made.findings.filter(({ verdict }) => verdict !== 'proved')).toEqual([])
    const proof = made.findings.find(({ of, figure }) => of === 'minimum' && figure === 'amount')
    expect(proof?.how).toBe(
      `1.00 at least - ${formatAmount(MINIMUM - lacking)} charged before = ${formatAmount(lacking)}`,
    )
    expect(await verified()).toEqual({ ok: true, violations: [] })
    await expectBooksToBalance(world.database)
  })

  it('is more than a lower limit allows: the quote refuses it, and the job fails without a charge', async () => {
    const limited = request({ maxCost: MINIMUM - 1n })
    await expect(tollkeeper.service.quote(limited)).rejects.toMatchObject({
      errors: [{ pointer: '/max_cost', code: 'out-of-range', detail: expect.stringMatching(/minimum of 1.00 USD/) }],
    })
    const { id } = await tollkeeper.service.submit(limited)
    expect(await ended(id)).toMatchObject({ state: 'failed', charged: 0n, failure: { code: 'max-cost-too-low' } })
    const just = await tollkeeper.service.submit(request({ maxCost: MINIMUM }))
    expect(await ended(just.id)).toMatchObject({ state: 'charged', charged: MINIMUM })
    expect(await verified()).toEqual({ ok: true, violations: [] })
  })

  it.each([
    ['its amount', '{1,15}', '"1"', ['output minimum amount'], /charges a minimum of 0.000000001/],
    ['its price', '{1,9}', '"1"', ['output minimum rate'], /has another price in its minimum/],
    ['its entry', '{1,17}', '1', ['output minimum amount', 'output minimum entry'], /names entry 1/],
  ])('is found out where somebody changes %s', async (_what, path, value, differ, names) => {
    const id = await charged()
    const where = `where stage = 'output' and job_id = '${id}'`
    const [{ lines }] = (await world.database.query(`select lines from tollkeeper.job_stages ${where}`)) as [
      { lines: unknown },
    ]
    await damage(
      world,
      `update tollkeeper.job_stages set lines = jsonb_set(lines::jsonb, '${path}', '${value}')::json ${where}`,
    )
    expect(differing(await tollkeeper.recompute(id))).toEqual(expect.arrayContaining(differ))
    const { ok, violations } = await verified()
    expect(ok).toBe(false)
    expect(violations.map(({ detail }) => detail)).toContainEqual(expect.stringMatching(names))
    await world.database.query(`update tollkeeper.job_stages set lines = $1 ${where}`, [JSON.stringify(lines)])
    expect(await verified()).toEqual({ ok: true, violations: [] })
  })

  it('is found out where somebody takes it out of the receipt', async () => {
    const id = await charged()
    const where = `where stage = 'output' and job_id = '${id}'`
    await damage(world, `update tollkeeper.job_stages set lines = (lines::jsonb - 1)::json ${where}`)
    expect(differing(await tollkeeper.recompute(id))).toContain('output minimum amount')
    const { violations } = await verified()
    expect(violations.map(({ detail }) => detail)).toContainEqual(expect.stringMatching(/charges no minimum/))
  })
})
