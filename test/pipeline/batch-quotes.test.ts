import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { JobView } from '../../src/managers/job-view.ts'
import { BilledInformationPipeline } from '../../src/pipeline/billed-information.pipeline.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

/** Included units, tiers of both kinds, and packages that two jobs share. */
const PLAN: readonly Component[] = [
  component(
    'input',
    {
      ...{ kind: 'input_tokens', model: 'graduated', per: 1, included: 60, price: null },
      tiers: [
        { upTo: 100, price: parseAmount('0.002') },
        { upTo: null, price: parseAmount('0.001') },
      ],
    },
    '0',
  ),
  component('fee', { kind: 'agent', agent: 'patient', model: 'package', per: 2, included: 1 }, '0.05'),
  component(
    'output',
    {
      ...{ kind: 'output_tokens', model: 'volume', per: 1_000, included: 1_500, price: null },
      tiers: [
        { upTo: 500, price: parseAmount('0.10') },
        { upTo: null, price: parseAmount('0.08') },
      ],
    },
    '0',
  ),
]

/** Of very different lengths, so that a short one fits behind a long one that does not. */
const TEXTS = [40, 5, 400, 30, 900, 1, 120, 2, 60, 3].map(
  (words, index) => `Text ${index}: ${'word '.repeat(words)}end.`,
)

/** An agent whose work never ends before it is told so: jobs are admitted, and none of them settles it. */
function patientAgent() {
  const told = Promise.withResolvers<void>()
  const patient: Agent = {
    key: 'patient',
    bounds: () => null,
    async run(text) {
      await told.promise
      return { text: text.slice(0, 40) }
    },
  }
  return { patient, goOn: () => told.resolve() }
}

const isDecided = ({ state }: JobView): boolean => state !== 'queued'
const rests = ({ state }: JobView): boolean => state === 'charged' || state === 'rejected_for_balance'

describe('the quote of a list, against what submitting it comes to', () => {
  let world: World
  afterEach(() => world.close())

  /** One queue job at a time, in the order of submission; the sweep, which refreshes refusals, stays out of it. */
  async function open(agents: readonly Agent[]): Promise<Tollkeeper> {
    world = await openWorld('postgres', { WORKER_CONCURRENCY: '1', RECONCILE_INTERVAL_MS: '60000' })
    return world.open(agents)
  }
  async function submitAll(tollkeeper: Tollkeeper, organizationId: string, maxCost: bigint | null = null) {
    const ids: string[] = []
    for (const text of TEXTS) {
      const job = { organizationId, text, agents: ['patient'], maxCost }
      ids.push((await tollkeeper.service.submit(job)).id)
    }
    return ids
  }
  const findAll = (tollkeeper: Tollkeeper, ids: readonly string[]): Promise<JobView[]> =>
    Promise.all(ids.map((id) => tollkeeper.service.find(id)))
  /** What admissions took, by job. */
  async function holdsOf(ids: readonly string[]): Promise<readonly (bigint | null)[]> {
    const rows = await world.database.query<{ job_id: string; amount: string }>(
      'select job_id, amount::text as amount from tollkeeper.holds where job_id = any ($1) and generation = 1',
      [ids],
    )
    const holds = new Map(rows.map((row) => [row.job_id, BigInt(row.amount)] as const))
    return ids.map((id) => holds.get(id) ?? null)
  }
  const everything = () =>
    world.database.query(`select (select jsonb_agg(b) from tollkeeper.organization_balances b) as balances,
      (select jsonb_agg(c) from tollkeeper.usage_counters c) as counters,
      (select count(*) from tollkeeper.jobs) as jobs, (select count(*) from tollkeeper.ledger_entries) as entries`)

  it('names exactly the jobs that start, what each holds, and why the others are parked; the charges keep within', async () => {
    const { patient, goOn } = patientAgent()
    const tollkeeper = await open([patient])
    await fundedOrganization(tollkeeper, 'acme', '0.70', PLAN)
    await tollkeeper.startWorkers()
    const before = await everything()
    const pipeline = new BilledInformationPipeline(tollkeeper, 'acme')
    const quote = await pipeline.quoteAll(TEXTS, { agents: ['patient'] })
    expect(await everything()).toEqual(before)

    const ids = await submitAll(tollkeeper, 'acme')
    const jobs = await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every(isDecided),
    )
    const fits = jobs.map(({ state }) => state === 'processing')
    expect(quote.quotes.map((each) => each.fits)).toEqual(fits)
    expect(quote.quotes.map(({ reason }) => reason)).toEqual(jobs.map(({ rejection }) => rejection?.reason ?? null))
    const held = quote.quotes.map(({ fits, upper }) => (fits ? upper : null))
    expect(await holdsOf(ids)).toEqual(held)
    for (const [index, job] of jobs.entries()) {
      if (job.rejection) expect(job.rejection.needed).toBe(quote.quotes[index]?.upper)
    }
    // The case is worth its name: something fits behind what does not, and the first jobs live on included units.
    expect(fits.indexOf(false)).toBeLessThan(fits.lastIndexOf(true))
    expect(quote.quotes[0]?.upper).toBe(0n)
    expect(quote).toMatchObject({ texts: TEXTS.length, affordable: false, fitting: fits.filter(Boolean).length })

    goOn()
    const ended = await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every(rests),
    )
    expect(ended.filter(({ state }) => state === 'charged').length).toBeLessThanOrEqual(quote.fittingAtMost)
    for (const [index, { lower, upper }] of quote.quotes.entries()) {
      if (!fits[index]) continue
      expect(ended[index]?.charged).toBeGreaterThanOrEqual(lower)
      expect(ended[index]?.charged).toBeLessThanOrEqual(upper)
    }
    await expectBooksToBalance(world.database)
  })

  it('holds for an organisation in the middle of its work, and the top-up that it names starts all of the list', async () => {
    const { patient, goOn } = patientAgent()
    const tollkeeper = await open([patient, repeater])
    await fundedOrganization(tollkeeper, 'acme', '0.40', PLAN)
    await tollkeeper.startWorkers()
    const used = await tollkeeper.service.submit({
      organizationId: 'acme',
      text: 'used '.repeat(70),
      agents: ['repeater'],
    })
    await tollkeeper.watcher.until(used.id, ({ state }) => state === 'charged')
    const running = await tollkeeper.service.submit({ organizationId: 'acme', text: 'held', agents: ['patient'] })
    await tollkeeper.watcher.until(running.id, ({ state }) => state === 'processing')

    const quoteNow = () => tollkeeper.service.quoteAll({ organizationId: 'acme', texts: TEXTS, agents: ['patient'] })
    const { missing, fitting, warnings } = await quoteNow()
    expect(fitting).toBeLessThan(TEXTS.length)
    expect(warnings.map(({ code }) => code)).not.toContain('waiting-first')
    await tollkeeper.balances.topUp('acme', { amount: missing - 1n, reference: 'almost', note: null })
    expect(await quoteNow()).toMatchObject({ affordable: false, missing: 1n })
    await tollkeeper.balances.topUp('acme', { amount: 1n, reference: 'all', note: null })
    const enough = await quoteNow()
    expect(enough).toMatchObject({ affordable: true, missing: 0n, fitting: TEXTS.length })

    const ids = await submitAll(tollkeeper, 'acme')
    const jobs = await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every(isDecided),
    )
    expect(new Set(jobs.map(({ state }) => state))).toEqual(new Set(['processing']))
    expect(await holdsOf(ids)).toEqual(enough.quotes.map(({ upper }) => upper))
    expect((await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).available).toBe(0n)
    goOn()
    await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every(({ state }) => state === 'charged'),
    )
    await expectBooksToBalance(world.database)
  })

  it('tells which would fail of their max_cost; they do, and the others go on', async () => {
    const { patient, goOn } = patientAgent()
    const tollkeeper = await open([patient])
    await fundedOrganization(tollkeeper, 'acme', '0.30', PLAN)
    await tollkeeper.startWorkers()
    const maxCost = parseAmount('0.12')
    const list = { organizationId: 'acme', texts: TEXTS, agents: ['patient'], maxCost }
    const { quotes } = await tollkeeper.service.quoteAll(list)
    const ids = await submitAll(tollkeeper, 'acme', maxCost)
    const jobs = await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every(isDecided),
    )
    const reasons = jobs.map(({ rejection, failure }) => rejection?.reason ?? failure?.code ?? null)
    expect(quotes.map(({ reason }) => reason)).toEqual(reasons)
    expect(new Set(reasons).size, 'some start, some wait, some fail').toBeGreaterThanOrEqual(3)
    expect(await holdsOf(ids)).toEqual(quotes.map(({ fits, upper }) => (fits ? upper : null)))
    for (const { fits, upper } of quotes) if (fits) expect(upper).toBeLessThanOrEqual(maxCost)
    goOn()
    await eventually(
      () => findAll(tollkeeper, ids),
      (seen) => seen.every((job) => rests(job) || job.state === 'failed'),
    )
    await expectBooksToBalance(world.database)
  })

  it('says that what waits already gets a top-up first, and that a frozen organisation starts nothing', async () => {
    const tollkeeper = await open([repeater])
    await fundedOrganization(tollkeeper, 'acme', '0', [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')])
    await tollkeeper.startWorkers()
    const list = { organizationId: 'acme', texts: ['a', 'b'], agents: ['repeater'] }
    const { id } = await tollkeeper.service.submit({ ...list, text: 'parked' })
    await tollkeeper.watcher.until(id, ({ state }) => state === 'rejected_for_balance')
    const quote = await tollkeeper.service.quoteAll(list)
    expect(quote).toMatchObject({ fitting: 0, fittingAtMost: 0, missing: parseAmount('2.00') })
    expect(quote.warnings.find(({ code }) => code === 'waiting-first')?.detail).toMatch(/jobs \(1\).* seats .*\(0\)/)

    await world.database.query(`update tollkeeper.organizations set status = 'frozen' where id = 'acme'`)
    await world.database.query('update tollkeeper.organization_balances set overdraft_limit = 9000000000')
    const frozen = await tollkeeper.service.quoteAll(list)
    expect(frozen.quotes.map(({ reason }) => reason)).toEqual(['frozen', 'frozen'])
    expect(frozen).toMatchObject({ fitting: 0, affordable: false, missing: 0n })
    expect(frozen.warnings.map(({ code }) => code)).toContain('frozen')
    const single = await tollkeeper.service.quote({ ...list, text: 'a' })
    expect(single).toMatchObject({ affordable: false, upper: parseAmount('1.00') })
    expect(single.warnings.map(({ code }) => code)).toContain('frozen')
  })

  it('refuses whom submitting would refuse, before a text is measured', async () => {
    const tollkeeper = await open([])
    const counted: number[] = []
    const list = { organizationId: 'nobody', texts: TEXTS }
    const asked = tollkeeper.service.quoteAll(list, (done) => counted.push(done))
    await expect(asked).rejects.toMatchObject({ code: 'not-found', status: 404 })
    await fundedOrganization(tollkeeper, 'acme', '1.00', PLAN)
    const asStranger = { ...list, organizationId: 'acme', userId: 'stranger' }
    await expect(tollkeeper.service.quoteAll(asStranger)).rejects.toMatchObject({ code: 'not-a-member', status: 403 })
    const poet = { ...list, organizationId: 'acme', agents: ['poet'] }
    await expect(tollkeeper.service.quoteAll(poet)).rejects.toMatchObject({ errors: [{ code: 'unknown-agent' }] })
    expect(counted).toEqual([])
  })
})
