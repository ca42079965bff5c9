import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProcess } from '../chaos/chaos-process.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { component, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

const GRACE_MS = 8_000
const CLIENTS = 24

let world: World
beforeAll(async () => {
  world = await openWorld('postgres', { SHUTDOWN_GRACE_MS: String(GRACE_MS), PORT: '0' })
})
afterAll(() => world.close())

/** Asks on a connection of its own that it keeps, again and again, until the server takes no new one. */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #url: string
  readonly answers: number[] = []
  /** Connections that were ended with an answer, by the word of the server. */
  closed = 0
  failure: string | undefined

  constructor(url: string) {
    this.#url = url
  }

  async run(path: string, body?: object): Promise<void> {
    for (;;) {
      try {
        const answer = await this.#ask(path, body)
        this.answers.push(answer.statusCode ?? 0)
        if (answer.headers.connection === 'close') this.closed += 1
        await text(answer)
      } catch (error) {
        this.failure = (error as NodeJS.ErrnoException).code ?? String(error)
        this.#agent.destroy()
        return
      }
    }
  }

  #ask(path: string, body: object | undefined): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers = { 'Content-Type': 'application/json' }
    const method = body ? 'POST' : 'GET'
    const sent = request(this.#url + path, { agent: this.#agent, method, headers }, resolve).on('error', reject)
    sent.end(body && JSON.stringify(body))
    return promise
  }
}

test('SIGTERM under load: no request fails, new connections are refused, and it exits with 0 within its grace', async () => {
  const tollkeeper = await world.open()
  await fundedOrganization(tollkeeper, 'acme', '100', [component('run', { kind: 'agent', agent: 'extractor' }, '0.01')])
  const service = await startProcess(world.env)
  const clients = Array.from({ length: CLIENTS }, () => new Client(service.url))
  const job = { organization_id: 'acme', text: 'The toll is paid at the gate.', agents: ['extractor'] }
  const running = clients.map((client, number) =>
    number % 3 === 0
      ? client.run('/api/v1/jobs', job)
      : client.run(number % 3 === 1 ? '/api/v1/balance?organization_id=acme' : '/health/live'),
  )
  await pause(2_000)
  const startedAt = performance.now()
  const [ending] = await Promise.all([service.terminate(), ...running])
  expect(ending).toEqual({ code: 0, signal: null })
  expect(performance.now() - startedAt).toBeLessThan(GRACE_MS)
  expect(new Set(clients.map(({ failure }) => failure))).toEqual(new Set(['ECONNREFUSED']))
  const statuses = new Set(clients.flatMap(({ answers }) => answers))
  expect(statuses).toEqual(new Set([200, 202]))
  for (const { answers, closed } of clients) {
    expect(answers.length).toBeGreaterThan(5)
    expect(closed).toBe(1)
  }
  const accepted = clients.flatMap(({ answers }) => answers.filter((status) => status === 202)).length
  const [stored] = await world.database.query<{ jobs: number }>('select count(*)::int as jobs from tollkeeper.jobs')
  expect(stored?.jobs, 'every job that was accepted is there').toBe(accepted)
  await expectBooksToBalance(world.database)
  expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [] })
})
