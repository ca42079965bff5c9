import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { expectAtRest } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import { type ChaosWorld, ORGANIZATION, openChaos, PRICES } from './chaos-world.ts'
import { type ModelMood, patient } from './model-server.ts'

/** Five starts, each of which costs a lock, a claim and a new process. */
const POISON_MS = 150_000
const PROBE_MS = 1_500

/** What an orchestrator does: starts what has died, and ends what answers no liveness probe. */
async function supervise(world: ChaosWorld, signal: AbortSignal, nodeOptions: readonly string[]): Promise<void> {
  while (!signal.aborted) {
    await sleep(250)
    for (const each of world.processes) {
      if (each.running() && !(await each.answers(PROBE_MS))) await each.kill()
    }
    if (!signal.aborted && !world.processes.some((each) => each.running())) await world.start({}, nodeOptions)
  }
}

interface Poison {
  readonly agent: string
  readonly code: string
  readonly nodeOptions?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const POISONS: readonly Poison[] = [
  { agent: 'greedy', code: 'worker-lost', nodeOptions: ['--max-old-space-size=192'] },
  { agent: 'looping', code: 'worker-lost' },
  { agent: 'waiting', code: 'stage-deadline', env: { STAGE_TIMEOUT_MS: '1500' } },
]

const poisoned = POISONS.map(({ agent, code, nodeOptions = [], env = {} }): ChaosCase => {
  return {
    name: `poison: an agent that is ${agent}`,
    async run(backend) {
      await using world = await openChaos(backend, { env })
      await world.start({}, nodeOptions)
      const [healthyId] = await world.submit('healthy', ['alpha'])
      await world.model.asked(1)
      const over = new AbortController()
      const supervised = supervise(world, over.signal, nodeOptions)
      try {
        const [poison = ''] = await world.submit('poison', [agent])
        await expectAtRest(world, { charged: 1, failed: 1 }, { patienceMs: POISON_MS })
        const job = await world.tollkeeper.service.find(poison)
        expect(job).toMatchObject({ state: 'failed', held: 0n, charged: 0n, failure: { code } })
        const balance = await world.tollkeeper.balances.balance(world.tollkeeper.em(), ORGANIZATION)
        const healthy = await world.tollkeeper.service.find(healthyId ?? '')
        expect(balance).toMatchObject({ available: 1_000_000_000_000n - healthy.charged, held: 0n })
      } finally {
        over.abort()
        await supervised
      }
    },
  }
})

interface Storm {
  readonly name: string
  readonly mood: ModelMood
  readonly ends: 'charged' | 'failed'
}

const STORMS: readonly Storm[] = [
  {
    name: 'answers 429 and 503, then works',
    mood: (call, asked) => (asked <= 2 ? { status: asked === 1 ? 429 : 503, text: 'busy' } : patient(call, asked)),
    ends: 'charged',
  },
  {
    name: 'cuts its first answer short',
    mood: (call, asked) => (asked === 1 ? { status: 200, text: 'half an', cut: true } : patient(call, asked)),
    ends: 'charged',
  },
  { name: 'answers nothing but 500', mood: () => ({ status: 500, text: 'no' }), ends: 'failed' },
  { name: 'refuses the call for good', mood: () => ({ status: 400, text: 'never' }), ends: 'failed' },
  { name: 'hangs', mood: () => new Promise(() => undefined), ends: 'failed' },
]

const storms = STORMS.map(({ name, mood, ends }): ChaosCase => {
  return {
    name: `the model ${name}`,
    async run(backend) {
      await using world = await openChaos(backend, { env: { STAGE_TIMEOUT_MS: '1500' }, prices: PRICES })
      world.model.become(mood)
      await world.start()
      await world.submit('stormy', ['alpha'])
      await expectAtRest(world, { [ends]: 1 })
      expect(world.model.calls.length, 'retries have an end').toBeLessThanOrEqual(3)
      const balance = await world.tollkeeper.balances.balance(world.tollkeeper.em(), ORGANIZATION)
      if (ends === 'failed') expect(balance).toMatchObject({ available: 1_000_000_000_000n, held: 0n })
      else expect(balance.available).toBeLessThan(1_000_000_000_000n)
    },
  }
})

export const POISON_CASES: readonly ChaosCase[] = [...poisoned, ...storms]
