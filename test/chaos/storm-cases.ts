import { expect } from 'vitest'
import { SUMMARY_INSTRUCTION } from '../../src/agents/instructions.ts'
import { promptText } from '../../src/agents/llm-provider.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { component } from '../support/tollkeeper.ts'
import { expectAtRest } from './at-rest.ts'
import type { ChaosCase } from './chaos-case.ts'
import { ORGANIZATION, openChaos } from './chaos-world.ts'

const JOBS = 20
/** Nano-units per token of a prompt and of an answer; nothing else costs anything. */
const [PROMPT, ANSWER] = [2_000_000n, 3_000_000n]
const PRICES = [
  component('prompt', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '2000.00'),
  component('answer', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '3000.00'),
]

/** Each text's first call in each process fails, hangs, is cut off or lies; a worker is killed in the middle of it. */
const storm: ChaosCase = {
  name: 'the model fails, hangs, breaks off and lies while a worker is killed',
  async run(backend, draws, tell) {
    const pass = draws.between(2, 8)
    tell(`killed at answer ${pass}`)
    const env = { STAGE_TIMEOUT_MS: '4000' }
    await using world = await openChaos(backend, { env, prices: PRICES, money: '1000.00', entry: 'stormy-service' })
    const victim = await world.start({ FAILPOINT: `agent.after-model:kill@${pass}` })
    await world.start()
    const ids = await world.submit('stormy', ['summarizer'], JOBS)
    await victim.killedItself()
    await expectAtRest(world, { charged: JOBS })
    let charged = 0n
    for (const [index, id] of ids.entries()) {
      const text = `stormy-${index} some text`
      const prompt = promptText({ system: SUMMARY_INSTRUCTION, messages: [{ role: 'user', text }] })
      const price = BigInt(o200kBase.count(prompt)) * PROMPT + BigInt(o200kBase.count(text)) * ANSWER
      expect(await world.tollkeeper.service.find(id)).toMatchObject({ charged: price, result: { text } })
      charged += price
    }
    const balance = await world.tollkeeper.balances.balance(world.tollkeeper.em(), ORGANIZATION)
    expect(balance).toMatchObject({ available: 1_000_000_000_000n - charged, held: 0n })
    const cut = await world.database.query(`select 1 from tollkeeper.absorbed_usage where reason = 'abandoned'`)
    expect(cut.length, 'what was cut off is on record').toBeGreaterThan(0)
  },
}

export const STORM_CASES: readonly ChaosCase[] = [storm]
