import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { tellOfAlerts } from '../../src/pipeline/tell-of-alerts.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, eventually, fundedOrganization, openWorld, repeater, type World } from '../support/tollkeeper.ts'

/** A job with one agent costs 0.40, whatever its text. */
const FEE = [component('fee', { kind: 'agent', agent: 'repeater' }, '0.40')]
const usd = parseAmount
const ALL = { limit: 50, before: null, state: null } as const

describe('the headroom of an organisation', () => {
  let world: World
  let tollkeeper: Tollkeeper
  afterEach(() => world.close())

  async function open(amount: string, components = FEE, sweepMs = '10000'): Promise<Tollkeeper> {
    world = await openWorld('postgres', { RECONCILE_INTERVAL_MS: sweepMs })
    tollkeeper = await world.open([repeater])
    await fundedOrganization(tollkeeper, 'acme', amount, components)
    return tollkeeper
  }
  const submit = async (count: number, more: { text?: string; maxCost?: bigint } = {}) => {
    const { service } = tollkeeper
    const job = { organizationId: 'acme', text: 'text', agents: ['repeater'], ...more }
    const ids: string[] = []
    for (let index = 0; index < count; index += 1) ids.push((await service.submit(job)).id)
    return ids
  }
  const draw = (metric: 'available' | 'headroom', below: string, clearAt: string | null = null) =>
    tollkeeper.balanceWatch.addThreshold('acme', {
      metric,
      below: usd(below),
      clearAt: clearAt === null ? null : usd(clearAt),
    })
  const alertsOf = async () => (await tollkeeper.alerts.alerts(tollkeeper.em(), 'acme', ALL)).alerts
  const seen = (done: (alerts: Awaited<ReturnType<typeof alertsOf>>) => boolean) => eventually(alertsOf, done)

  it('warns while everything is still available: forty jobs of 0.40 wait for 20.00', async () => {
    await open('20.00')
    await draw('headroom', '5.00')
    await draw('available', '5.00')
    await submit(37)
    await tollkeeper.balanceWatch.lookAround()
    expect(await alertsOf(), '14.80 of 20.00 leave 5.20').toEqual([])
    await submit(3)
    await tollkeeper.balanceWatch.lookAround()
    expect(await alertsOf()).toMatchObject([
      {
        ...{ metric: 'headroom', value: usd('4.00'), available: usd('20.00'), demanded: usd('16.00') },
        ...{ estimated: false, seq: 1, clearedAt: null },
      },
    ])
    await tollkeeper.balanceWatch.lookAround()
    expect(await alertsOf(), 'once').toHaveLength(1)
    await tollkeeper.balances.topUp('acme', { amount: usd('1.50'), reference: 'clears', note: null })
    await tollkeeper.balanceWatch.lookAround()
    expect(await alertsOf()).toMatchObject([{ clearedAt: expect.any(Date) }])
    expect((await tollkeeper.verifier.verify()).violations).toEqual([])
  })

  it('is judged in the request that draws a line, and by the sweep of whoever works', async () => {
    await open('2.00', FEE, '300')
    await submit(3)
    const drawn = await draw('headroom', '1.00')
    expect(await alertsOf()).toMatchObject([{ thresholdId: drawn.id, value: usd('0.80'), demanded: usd('1.20') }])
    expect(drawn.alertId).toBe((await alertsOf())[0]?.id)
    await tollkeeper.alerts.removeThreshold('acme', drawn.id)
    const later = await draw('headroom', '0.90', '0.95')
    await tollkeeper.startWorkers()
    await seen((alerts) => alerts.some(({ thresholdId, clearedAt }) => thresholdId === later.id && clearedAt === null))
    await eventually(
      () => tollkeeper.balances.balance(tollkeeper.em(), 'acme'),
      ({ available, held }) => available === usd('0.80') && held === 0n,
    )
    await tollkeeper.balances.topUp('acme', { amount: usd('1.00'), reference: 'more', note: null })
    const alerts = await seen(([newest]) => newest?.clearedAt !== null)
    expect(alerts).toHaveLength(2)
    await expectBooksToBalance(world.database)
  })

  it('warns of a job that is refused and takes nothing, of which the balance never says a word', async () => {
    await open('20.00', [component('fee', { kind: 'agent', agent: 'repeater' }, '25.00')], '300')
    await draw('available', '5.00')
    const { id } = await draw('headroom', '5.00')
    await tollkeeper.startWorkers()
    await submit(1)
    const alerts = await seen(({ length }) => length > 0)
    expect(alerts).toMatchObject([{ thresholdId: id, value: -usd('5.00'), available: usd('20.00') }])
    const balance = await tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    expect(balance).toMatchObject({ available: usd('20.00'), held: 0n })
  })

  it('counts what parked jobs need, and neither jobs that end nor those that hold already', async () => {
    await open('1.00', FEE, '300')
    await tollkeeper.startWorkers()
    await submit(5)
    const parked = async () => tollkeeper.balances.balance(tollkeeper.em(), 'acme')
    await eventually(parked, ({ parked, held }) => parked === 3 && held === 0n)
    await draw('headroom', '0.01')
    expect(await alertsOf()).toMatchObject([
      { available: usd('0.20'), demanded: usd('1.20'), value: -usd('1.00'), estimated: false },
    ])
    await tollkeeper.balances.topUp('acme', { amount: usd('1.20'), reference: 'pays', note: null })
    await seen(([alert]) => alert?.clearedAt !== null)
    expect(await alertsOf()).toHaveLength(1)
    await expectBooksToBalance(world.database)
  })

  it('demands what the quotes of the jobs say together: limits of cost, included units, jobs that cannot run', async () => {
    const included = component('fee', { kind: 'agent', agent: 'repeater', included: 3 }, '0.40')
    const output = component('output', { kind: 'output_tokens' }, '100.00')
    await open('50.00', [included, output])
    const { service } = tollkeeper
    const limited = await submit(1, { maxCost: usd('0.05') })
    await submit(1, { maxCost: 1n })
    await submit(4)
    const of = { organizationId: 'acme', text: 'text', agents: ['repeater'] }
    const limitedQuote = await service.quote({ ...of, maxCost: usd('0.05') })
    // The smallest run of the second costs more than a nano-unit: it will fail. Of the others the list's quote knows the rest.
    const list = await service.quoteAll({ ...of, texts: Array(5).fill('text') })
    const one = list.quotes[0]
    expect(one && limitedQuote.upper < one.upper).toBe(true)
    const drawn = await draw('headroom', '60.00')
    const [alert] = await alertsOf()
    expect(alert).toMatchObject({ thresholdId: drawn.id, estimated: false })
    expect(alert?.demanded).toBe(list.upper - (one?.upper ?? 0n) + limitedQuote.upper)
    expect(limited).toHaveLength(1)
  })

  it('takes the mean for jobs behind the two hundredth, and says that it did', async () => {
    await open('100.00')
    await submit(203)
    await draw('headroom', '50.00')
    expect(await alertsOf()).toMatchObject([{ demanded: usd('81.20'), value: usd('18.80'), estimated: true }])
    await submit(1)
    await draw('headroom', '18.50')
    expect((await alertsOf())[0]).toMatchObject({ demanded: usd('81.60'), estimated: true })
  })

  it('is told of once, with figures and what to do, and what is over by then is told as that', async () => {
    await open('20.00')
    await submit(40)
    await draw('headroom', '5.00')
    const { id } = await draw('available', '30.00', '31.00')
    await tollkeeper.alerts.removeThreshold('acme', id)
    const lines: Readonly<Record<string, unknown>>[] = []
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const telling = { ...tollkeeper, logger }
    expect(await tellOfAlerts(telling)).toBe(2)
    expect(lines).toMatchObject([
      {
        ...{ level: 40, organizationId: 'acme', metric: 'headroom', below: '5.00', value: '4.00', demanded: '16.00' },
        msg:
          'acme has 20.00 USD available, of which waiting jobs need 16.00 USD: below its threshold of 5.00 USD; ' +
          'top up 1.50 USD or more to clear this alert',
      },
      {
        ...{ level: 40, metric: 'available', value: '20.00', demanded: null },
        msg: 'acme has 20.00 USD available: below its threshold of 30.00 USD; this is over already',
      },
    ])
    expect(await tellOfAlerts(telling)).toBe(0)
    const [alert] = await alertsOf()
    expect([lines.length, alert?.metric]).toEqual([2, 'available'])
  })
})
