import { afterEach, describe, expect, test } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts'
import type { Agent } from '../../src/agents/agent.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import { startService } from '../../src/main.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'
import { agreed, expectEventStream, follow } from './event-reader.ts'

/** A model call may answer with 1,024 tokens: 1.024 at most. The input costs one per token, the agent runs a tenth. */
const PRICES = [
  component('input', { kind: 'input_tokens' }, '1000'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '0'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '1000'),
  component('one', { kind: 'agent', agent: 'one' }, '0.10'),
  component('two', { kind: 'agent', agent: 'two' }, '0.10'),
]

/** Waits at each run for its gate, whose key is that of the agent. */
function gated(key: string, gates: Map<string, Promise<void>>): Agent {
  return {
    key,
    bounds: () => null,
    run: async (text) => {
      await gates.get(key)
      return { text: `${key} of ${text}` }
    },
  }
}

/** Bounds one model call and makes two: for the second there must be money of its own. */
const greedy: Agent = {
  key: 'greedy',
  bounds: (_text, { model, maxOutputTokens }) => ({ model, calls: 1, promptTokens: 1_000, maxOutputTokens }),
  async run(text, { llm }) {
    const first = await llm.generate({ system: 'Summarize.', prompt: text })
    const second = await llm.generate({ system: 'Summarize.', prompt: text })
    return { text: `${first.text} ${second.text}` }
  },
}

describe.each(BACKENDS_HERE)('the events of a job, with the queue on %s', { timeout: 120_000 }, (backend) => {
  let world: World
  const servers: AdminServer[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close(0)))
    await world.close()
  })

  /** Two processes' worth of the API on one database; the first one is the worker, too, once it is started. */
  async function start(money: string, agents: readonly Agent[]) {
    world = await openWorld(backend)
    const [one, two] = [await world.open(agents), await world.open(agents)]
    await fundedOrganization(one, 'acme', money, PRICES)
    const urls = []
    for (const each of [one, two]) {
      const server = await startAdminServer(createAdminApp(each), { host: '127.0.0.1', port: 0 })
      servers.push(server)
      urls.push(server.url)
    }
    const [here = '', there = ''] = urls
    return { one, two, here, there }
  }
  const submit = async ({ service }: Tollkeeper, steps: readonly (readonly string[])[]) =>
    (await service.submit({ organizationId: 'acme', text: 'The ferry leaves at nine.', steps })).id
  const expectClean = async ({ verifier }: Tollkeeper) => {
    expect((await verifier.verify()).violations).toEqual([])
    await expectBooksToBalance(world.database)
  }

  test('tell a chain step by step, and go on behind each of them, at the other process', async () => {
    const gates = new Map<string, Promise<void>>()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    gates.set('one', first.promise).set('two', second.promise)
    const { one, here, there } = await start('5.00', [gated('one', gates), gated('two', gates)])
    const id = await submit(one, [['one'], ['two']])
    const before = await follow(here, id)
    expectEventStream(before.response)
    await before.has(1)
    expect(before.ids()).toEqual(['0.0.queued'])
    await one.startWorkers()
    await before.has(2)
    before.hangUp()
    first.resolve()

    const behind = await follow(there, id, before.ids().at(-1))
    await behind.has(1)
    expect(behind.ids()).toEqual(['1.3.processing'])
    behind.hangUp()
    const last = await follow(here, id, '1.3.processing')
    second.resolve()
    await last.ended()

    const events = [...before.heard, ...behind.heard, ...last.heard]
    const ids = ['0.0.queued', '1.1.processing', '1.3.processing', '1.7.processing', '1.f.charged', '1.f.charged.end']
    expect(events.map((event) => event.id)).toEqual(ids)
    expect(events.map(({ event }) => event)).toEqual(['job', 'job', 'job', 'job', 'job', 'end'])
    expect(events.map(({ data }) => data.state)).toEqual([
      'queued',
      'processing',
      'processing',
      'processing',
      'charged',
      'charged',
    ])
    expect(events.slice(0, 5).map(({ data }) => data.stage)).toEqual([
      'input',
      'agent.one',
      'agent.two',
      'output',
      null,
    ])
    expect(events.slice(0, 5).map(({ data }) => data.charged)).toEqual(['0.00', '0.006', '0.106', '0.206', '0.206'])
    expect(events.slice(1, 5).map(({ data }) => data.held)).toEqual(['0.20', '0.10', '0.00', '0.00'])
    expect(events[4]?.data.result?.text).toMatch(/^two of The ferry leaves at nine\./)

    for (const [index, from] of ids.slice(0, -1).entries()) {
      for (const url of [here, there]) {
        const again = await follow(url, id, from)
        await again.ended()
        expect(agreed(again.heard), `behind ${from}`).toEqual(agreed(events.slice(index + 1)))
      }
    }
    const over = await follow(there, id, '1.f.charged.end')
    expect([over.response.status, over.text()]).toEqual([204, ''])
    await expectClean(one)
  })

  test('tell a flow that is parked and resumed, to all who follow, wherever they come back', async () => {
    const { one, two, here, there } = await start('1.20', [greedy, gated('one', new Map())])
    const id = await submit(one, [['greedy', 'one']])
    const readers = [await follow(here, id), await follow(there, id)]
    await Promise.all(readers.map((reader) => reader.has(1)))
    await one.startWorkers()
    // Behind the bounds, one call and the run: refused at the second call.
    await Promise.all(readers.map((reader) => reader.has(4)))
    const parked = readers[0]?.heard.at(-1)?.data
    expect(parked).toMatchObject({ state: 'rejected_for_balance', held: '0.00', rejection: { stage: 'agent.greedy' } })
    await two.balances.topUp('acme', { amount: parseAmount('5.00'), reference: 'more', note: null })
    await Promise.all(readers.map((reader) => reader.ended()))

    // The stages are input, agent.greedy, agent.one, output.
    const told = ['0.0.queued', '1.1.processing', '1.5.processing', '1.5.rejected_for_balance']
    const resumed = ['2.5.processing', '2.7.processing', '2.f.charged', '2.f.charged.end']
    for (const reader of readers) expect(reader.ids()).toEqual([...told, ...resumed])
    const [events = [], others = []] = readers.map(({ heard }) => heard)
    expect(agreed(events)).toEqual(agreed(others))
    expect(events.map(({ data }) => data.rejection !== undefined && data.rejection !== null)).toEqual(
      [...told, ...resumed].map((each) => each.includes('rejected')),
    )

    // A rejection is told while it stands: who was away meanwhile hears of the resume.
    const lasting = events.filter(({ data }) => data.state !== 'rejected_for_balance')
    for (const [index, from] of events.slice(0, -1).entries()) {
      const again = await follow(index % 2 === 0 ? there : here, id, from.id)
      await again.ended()
      const rest = lasting.filter((event) => events.indexOf(event) > index)
      expect(agreed(again.heard), `behind ${from.id}`).toEqual(agreed(rest))
    }
    await expectClean(one)
  })

  test('end with a job that is cancelled or fails, and with nothing behind it', async () => {
    const broken: Agent = {
      key: 'one',
      bounds: () => null,
      run: () => Promise.reject(new Error('never')),
    }
    const { one, here } = await start('5.00', [broken])
    const cancelled = await submit(one, [['one']])
    const reader = await follow(here, cancelled)
    await reader.has(1)
    await one.service.cancel(cancelled)
    await reader.ended()
    expect(reader.ids()).toEqual(['0.0.queued', '0.0.cancelled', '0.0.cancelled.end'])

    const failing = await submit(one, [['one']])
    const other = await follow(here, failing)
    await other.has(1)
    await one.startWorkers()
    await other.ended()
    const told = ['0.0.queued', '1.1.processing', '1.1.failed', '1.1.failed.end']
    expect(other.ids()).toEqual(told)
    // What was charged then was charged; the failure took it back.
    expect(other.heard.map(({ data }) => data.charged)).toEqual(['0.00', '0.006', '0.00', undefined])
    const again = await follow(here, failing, '0.0.queued')
    await again.ended()
    expect(agreed(again.heard)).toEqual(agreed(other.heard.slice(1)))
    await expectClean(one)
  })

  test('stop at once with their process, and go on at another one', async () => {
    const { one, here } = await start('5.00', [gated('one', new Map())])
    const id = await submit(one, [['one']])
    const service = await startService(readConfig({ ...world.env, PORT: '0', ROLE: 'api' }))
    const reader = await follow(service.url ?? '', id)
    await reader.has(1)
    const asked = performance.now()
    await service.stop()
    // The grace of a shutdown is 10 s; streams take nothing of it.
    expect(performance.now() - asked).toBeLessThan(5_000)
    await reader.ended()
    expect(reader.ids()).toEqual(['0.0.queued'])
    await one.startWorkers()
    const next = await follow(here, id, reader.ids().at(-1))
    await next.ended()
    expect(next.ids()).toEqual(['1.1.processing', '1.3.processing', '1.7.charged', '1.7.charged.end'])
    await eventually(
      async () => one.jobEvents.size,
      (size) => size === 0,
    )
  })
})
