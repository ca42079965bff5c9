import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

/** A page costs 0.01, the first two of a period nothing; a search costs nothing, an output token 0.001. */
const COMPONENTS = [
  component('pages', { kind: 'feature', feature: 'ocr-page', included: 2 }, '0.01'),
  component('scans', { kind: 'feature', feature: 'scan' }, '0.01'),
  component('searches', { kind: 'feature', feature: 'search' }, '0'),
  component('output', { kind: 'output_tokens', included: 7 }, '1000.00'),
]
const CENT = 10_000_000n

describe('features that are charged on a real database', () => {
  let world: World
  let processes: readonly [Tollkeeper, Tollkeeper, Tollkeeper]
  beforeAll(async () => {
    world = await openWorld('postgres')
    processes = [await world.open(), await world.open(), await world.open()]
  })
  afterAll(() => world.close())

  const open = (id: string, amount: string) =>
    fundedOrganization(processes[0], id, amount, COMPONENTS, { memberPrice: '0' })
  const balanceOf = (id: string) => processes[0].balances.balance(processes[0].em(), id)
  const expectWhole = async (organizationId: string) => {
    await expectBooksToBalance(world.database)
    const report = await processes[0].verifier.verify({ organizationId })
    expect(report).toMatchObject({ ok: true, violations: [], organizations: 1 })
  }
  const chargesOf = (id: string) =>
    world.database.query<{ key: string; charged: string }>(
      'select key, charged::text from tollkeeper.feature_charges where organization_id = $1 order by key',
      [id],
    )

  it('200 at once with money for 37: just 37 are charged, from several processes, and the rest hear what is missing', async () => {
    await open('race', '0.375')
    const asked = await Promise.allSettled(
      Array.from({ length: 200 }, (_, index) =>
        processes[index % 2 === 0 ? 0 : 1].billing.chargeFeature('race', 'scan', 1, `scan-${index}`),
      ),
    )
    const refused = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    expect(asked.length - refused.length).toBe(37)
    for (const reason of refused) {
      const figures = { needed: '0.01', available: '0.005', missing: '0.005', currency: 'USD' }
      expect(reason).toMatchObject({ code: 'insufficient-balance', status: 402, reason: 'insufficient', ...figures })
    }
    expect(await balanceOf('race')).toMatchObject({ available: CENT / 2n, held: 0n, asOfSeq: 38 })
    expect(await chargesOf('race')).toHaveLength(37)
    await expectWhole('race')
  })

  it('one key, 100 times at once from several processes, is one charge, and each answer is the same', async () => {
    await open('once', '1.00')
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        processes[index % 2 === 0 ? 0 : 1].billing.chargeFeature('once', 'ocr-page', 5, 'scan of page 7'),
      ),
    )
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1)
    const [first] = answers
    for (const answer of answers) expect({ ...answer, replayed: null }).toEqual({ ...first, replayed: null })
    expect(first).toMatchObject({
      organizationId: 'once',
      feature: 'ocr-page',
      quantity: 5,
      charged: 3n * CENT,
      currency: 'USD',
      ledgerSeq: 2,
      lines: [{ component: 'pages', includedUsed: 2, billedQuantity: 3, counterAfter: 5 }],
      balance: { organizationId: 'once', available: 97n * CENT, asOfSeq: 2 },
      warnings: [],
    })
    expect(await chargesOf('once')).toEqual([{ key: 'scan of page 7', charged: `${3n * CENT}` }])
    await expect(processes[1].billing.chargeFeature('once', 'ocr-page', 6, 'scan of page 7')).rejects.toMatchObject({
      code: 'reference-conflict',
      status: 409,
    })
    await expectWhole('once')
  })

  it('one key of what costs nothing is counted once, too', async () => {
    await open('free', '0')
    const [first, second] = await Promise.all([
      processes[0].billing.chargeFeature('free', 'search', 4, 'query'),
      processes[1].billing.chargeFeature('free', 'search', 4, 'query'),
    ])
    expect([first.charged, first.ledgerSeq, second.id]).toEqual([0n, null, first.id])
    const counters = await world.database.query(
      `select component, used::int from tollkeeper.usage_counters where organization_id = 'free'`,
    )
    expect(counters).toEqual([{ component: 'searches', used: 4 }])
    await expectWhole('free')
  })

  it('free units are given once, whoever asks at once', async () => {
    await open('units', '1.00')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        processes[index % 2 === 0 ? 0 : 1].billing.chargeFeature('units', 'ocr-page', 1, `page-${index}`),
      ),
    )
    expect(answers.filter(({ charged }) => charged === 0n)).toHaveLength(2)
    expect((await balanceOf('units')).available).toBe(82n * CENT)
    await expectWhole('units')
  })

  it('a process that knows the balance alone looks up what was counted before it decides', async () => {
    await open('known', '1.00')
    await processes[0].billing.chargeFeature('known', 'ocr-page', 5, 'first')
    const newcomer = await world.open()
    await newcomer.balances.topUp('known', { amount: CENT, reference: 'second', note: null })
    const charge = await newcomer.billing.chargeFeature('known', 'ocr-page', 2, 'second')
    expect(charge.lines).toMatchObject([{ includedUsed: 0, counterBefore: 5, counterAfter: 7, amount: 2n * CENT }])
    await expectWhole('known')
  })

  it('jobs that are settled on remembered rows between them lose no unit of any counter', async () => {
    await open('mixed', '5.00')
    const [here, there] = processes
    const bounds: readonly BoundedStage[] = [
      { stage: 'input', bound: { kind: 'input', tokens: 1 } },
      { stage: 'agent.x', bound: { kind: 'agent', agent: 'x', llm: null } },
      { stage: 'output', bound: { kind: 'output', maxTokens: 5 } },
    ]
    for (let round = 0; round < 12; round += 1) {
      const jobs = [await here.openJob({ organizationId: 'mixed', agents: ['x'] })]
      jobs.push(await here.openJob({ organizationId: 'mixed', agents: ['x'] }))
      for (const job of jobs) await here.billing.admit(job, bounds)
      const stranger = round % 3 === 0 ? there : here
      await Promise.all([
        ...jobs.map((job) => here.billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 3 })),
        here.billing.chargeFeature('mixed', 'ocr-page', 1, `here-${round}`),
        stranger.billing.chargeFeature('mixed', 'ocr-page', 2, `stranger-${round}`),
      ])
      await Promise.all(jobs.map((job) => here.billing.release(job)))
    }
    const counters = await world.database.query(
      `select component, used::int, included_used::int as free, reserved::int from tollkeeper.usage_counters
       where organization_id = 'mixed' order by component`,
    )
    expect(counters).toEqual([
      { component: 'output', used: 72, free: 7, reserved: 0 },
      { component: 'pages', used: 36, free: 2, reserved: 0 },
    ])
    expect((await balanceOf('mixed')).held).toBe(0n)
    await expectWhole('mixed')
  })

  it('a member is charged for, a stranger is not, and a bad name or number charges nobody', async () => {
    await open('team', '1.00')
    const { billing, teams } = processes[0]
    await teams.addMember('team', 'u1')
    const charge = await billing.chargeFeature('team', 'scan', 1, 'a', { userId: 'u1' })
    expect(charge).toMatchObject({ userId: 'u1', charged: CENT })
    await expect(billing.chargeFeature('team', 'scan', 1, 'b', { userId: 'u2' })).rejects.toMatchObject({
      code: 'not-a-member',
      status: 403,
    })
    await teams.removeMember('team', 'u1')
    const again = billing.chargeFeature('team', 'scan', 1, 'a', { userId: 'u1' })
    await expect(again, 'what is stored is answered to whoever asks').resolves.toEqual({ ...charge, replayed: true })
    const bad: readonly (readonly [string, number, string])[] = [
      ['scan', 0, 'c'],
      ['scan', -1, 'c'],
      ['scan', 1.5, 'c'],
      ['scan', Number.MAX_SAFE_INTEGER + 1, 'c'],
      ['scan', Number.NaN, 'c'],
      ['Scan!', 1, 'c'],
      ['scan', 1, ''],
      ['scan', 1, 'x'.repeat(201)],
      ['scan', 1, 'a\u0000b'],
    ]
    for (const [feature, quantity, key] of bad) {
      await expect(billing.chargeFeature('team', feature, quantity, key)).rejects.toMatchObject({ status: 422 })
    }
    await expect(billing.chargeFeature('nobody', 'scan', 1, 'c')).rejects.toMatchObject({ code: 'not-found' })
    expect(await chargesOf('team')).toHaveLength(1)
    await expectWhole('team')
  })

  it('the application may neither change nor remove a charge', async () => {
    const { em } = processes[0]
    for (const sql of ['update tollkeeper.feature_charges set charged = 0', 'delete from tollkeeper.feature_charges']) {
      await expect(em().execute(sql)).rejects.toMatchObject({ code: '42501' })
    }
  })
})
