import { afterEach, describe, expect, it } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { compose, type Tollkeeper } from '../../src/composition.ts'
import { readConfig } from '../../src/config/config.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { expectBooksToBalance } from '../support/books.ts'
import { openProxy, type TcpProxy } from '../support/proxy.ts'
import {
  BACKENDS_HERE,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  repeater,
  type World,
} from '../support/tollkeeper.ts'

const FEE = [component('fee', { kind: 'agent', agent: 'repeater' }, '1.00')]
/** Work goes on this soon after the network forgot a connection. */
const RESUMES_MS = 30_000

describe.each(BACKENDS_HERE)('a network that forgets connections, with the queue on %s', (backend) => {
  let world: World
  let proxy: TcpProxy
  let tollkeeper: Tollkeeper | undefined
  afterEach(async () => {
    await tollkeeper?.close()
    await proxy.close()
    await world.close()
  })

  /** A process whose connections to that server run through a proxy; the test looks on past it. */
  async function start(
    between: 'DATABASE_URL' | 'REDIS_URL',
    agents: readonly Agent[] = [repeater],
  ): Promise<Tollkeeper> {
    world = await openWorld(backend)
    const target = new URL(world.env[between] ?? '')
    proxy = await openProxy({ host: target.hostname, port: Number(target.port) })
    const proxied = Object.assign(new URL(target), { port: String(proxy.port) }).toString()
    const looker = await world.open(agents)
    await fundedOrganization(looker, 'acme', '100.00', FEE)
    tollkeeper = await compose({ config: readConfig({ ...world.env, [between]: proxied }), agents })
    await tollkeeper.startWorkers()
    return looker
  }

  const submit = async ({ service }: Tollkeeper) =>
    (await service.submit({ organizationId: 'acme', text: 'text', agents: ['repeater'] })).id
  const allCharged = (looker: Tollkeeper, ids: readonly string[]) =>
    eventually(
      async () => {
        const rows = await world.database.query<{ id: string; state: string }>('select id, state from tollkeeper.jobs')
        return ids.map((id) => rows.find((row) => row.id === id)?.state)
      },
      (states) => states.every((state) => state === 'charged'),
      RESUMES_MS,
    ).then(() => looker.balances.balance(looker.em(), 'acme'))

  const servers = backend === 'redis' ? (['DATABASE_URL', 'REDIS_URL'] as const) : (['DATABASE_URL'] as const)

  it.each(servers)(
    'connections of %s that were stranded are replaced, and every job is charged once',
    async (between) => {
      const looker = await start(between)
      const before = await Promise.all(Array.from({ length: 5 }, () => submit(looker)))
      await allCharged(looker, before)
      const stranded = Promise.all(Array.from({ length: 5 }, () => submit(looker)))
      proxy.strand()
      const ids = [...before, ...(await stranded)]
      expect(await allCharged(looker, ids)).toMatchObject({ available: parseAmount('90.00'), held: 0n })
      // What came after the repair runs as if nothing had been: notices and blocked workers live again.
      const began = Date.now()
      await allCharged(looker, [await submit(looker)])
      expect(Date.now() - began, 'no lost notification is waited for any more').toBeLessThan(12_000)
      await expectBooksToBalance(world.database)
    },
    90_000,
  )
})
