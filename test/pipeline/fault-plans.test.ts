import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { OfflineFault } from '../../src/agents/offline-faults.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import {
  type Asking,
  asking,
  billOf,
  costOf,
  LIMIT,
  type ModelWorld,
  openModel,
  priceOf,
  promptOf,
} from './billed-model.ts'

const JOBS_AT_ONCE = 24
/** Of a stage, before its job fails. */
const ATTEMPTS = 3
const AGENTS = {
  once: { calls: 1 },
  twice: { calls: 2 },
  growing: { calls: 3, bounded: 1 },
  stubborn: { calls: 2, bounded: 2, retries: 2 },
} as const satisfies Record<string, Asking>

interface Plan {
  readonly agent: keyof typeof AGENTS
  /** Call by call, over all attempts; the calls behind them are sound. */
  readonly faults: readonly (OfflineFault | null)[]
}

const BELIEVED = { input: 0, output: LIMIT }
const impossible = fc.constantFrom<unknown>(
  ...[1e12, null, '12', { input: -1, output: 1 }, { input: 1e12, output: 0 }, { input: 1, output: LIMIT + 1 }],
)
const fault: fc.Arbitrary<OfflineFault | null> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 4, arbitrary: fc.constant({ kind: 'fail', retryable: true } as const) },
  { weight: 4, arbitrary: fc.nat(30).map((characters) => ({ kind: 'cut', characters }) as const) },
  { weight: 2, arbitrary: fc.nat(50).map((ms) => ({ kind: 'late', ms }) as const) },
  { weight: 2, arbitrary: impossible.map((usage) => ({ kind: 'corrupt-usage', usage }) as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'corrupt-usage', usage: BELIEVED } as const) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'omit-usage' } as const, { kind: 'repeat' } as const) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'hang' } as const, { kind: 'fail', retryable: false } as const) },
)
const plan: fc.Arbitrary<Plan> = fc.record({
  agent: fc.constantFrom(...(Object.keys(AGENTS) as (keyof typeof AGENTS)[])),
  faults: fc.array(fault, { maxLength: 8 }),
})

interface Expected {
  readonly state: 'charged' | 'failed'
  readonly code: string | null
  readonly entries: readonly string[]
  /** Nano-units that a customer would have paid for what nobody pays for. */
  readonly absorbed: bigint
}

/** One run of an agent. */
interface Run {
  readonly answers: readonly string[]
  readonly used: { input: number; output: number }
  readonly asked: number
  /** What broke off. */
  readonly lost: bigint
  /** null: it came to its end. */
  readonly error: OfflineFault | null
}

/** What becomes of a run, by what each fault means, without the product. */
function runOf(text: string, { calls, retries = 0 }: Asking, next: () => OfflineFault | null): Run {
  const prompt = o200kBase.count(promptOf(text))
  const answers: string[] = []
  const used = { input: 0, output: 0 }
  let [asked, left, lost] = [0, retries, 0n]
  while (answers.length < calls) {
    asked += 1
    const met = next()
    if (met?.kind === 'hang') return { answers, used, asked, lost, error: met }
    if (met?.kind === 'fail' || met?.kind === 'cut') {
      if (met.kind === 'cut') lost += costOf(text, text.slice(0, met.characters), 0n)
      if (left === 0) return { answers, used, asked, lost, error: met }
      left -= 1
      continue
    }
    const answer = met?.kind === 'repeat' ? `${text}\n\n${text}` : text
    const believed = met?.kind === 'corrupt-usage' && met.usage === BELIEVED
    answers.push(answer)
    used.input += believed ? BELIEVED.input : prompt
    used.output += believed ? BELIEVED.output : o200kBase.count(answer)
  }
  return { answers, used, asked, lost, error: null }
}

function expectedOf(text: string, { agent, faults }: Plan): Expected {
  const how: Asking = AGENTS[agent]
  const { calls, bounded = calls } = how
  const left = [...faults]
  let [most, absorbed] = [bounded, 0n]
  for (let attempt = 1; ; attempt++) {
    const { answers, used, asked, lost, error } = runOf(text, how, () => left.shift() ?? null)
    most = Math.max(most, asked)
    const held = { text, calls: most, bounded, fee: 0n }
    absorbed += lost
    if (error === null) {
      return { state: 'charged', code: null, entries: billOf({ ...held, answers, used }).entries, absorbed }
    }
    absorbed += priceOf(used)
    const hopeless = error.kind === 'fail' && !error.retryable
    if (hopeless || attempt === ATTEMPTS) {
      const code = error.kind === 'hang' ? 'stage-deadline' : 'provider-error'
      return { state: 'failed', code, entries: billOf(held).failed, absorbed }
    }
  }
}

let world: ModelWorld | undefined
afterEach(() => world?.close())

test('whatever plan a model fails by: each job ends, is charged what its answers cost, and nothing stays held', async () => {
  const plans = new Map<string, (OfflineFault | null)[]>()
  const agents = Object.entries(AGENTS).map(([key, how]) => asking(key, how))
  const opened = await openModel('postgres', {
    agents,
    env: { STAGE_TIMEOUT_MS: '4000', WORKER_CONCURRENCY: String(JOBS_AT_ONCE) },
    money: '1000.00',
    faults: (_call, { messages }) => plans.get(messages[0]?.text ?? '')?.shift() ?? null,
  })
  world = opened
  await opened.finish(await opened.submit()) // the thread has read its dictionary by now
  let run = 0
  const many = fc.array(plan, { minLength: JOBS_AT_ONCE, maxLength: JOBS_AT_ONCE })
  const holds = fc.asyncProperty(many, async (drawn) => {
    run += 1
    const jobs = await Promise.all(
      drawn.map(async (each, index) => {
        const text = `Ferry ${run} leaves with ${index} cars.`
        plans.set(text, [...each.faults])
        return { id: await opened.submit(each.agent, text), expected: expectedOf(text, each) }
      }),
    )
    for (const { id, expected } of jobs) {
      const { state, failure, held } = await opened.finish(id)
      const entries = await opened.entriesOf(id)
      expect({ state, code: failure?.code ?? null, held, entries }).toEqual({
        ...{ state: expected.state, code: expected.code, held: 0n, entries: expected.entries },
      })
      const rows = await opened.absorbedOf(id)
      expect(await opened.unprovedOf(id)).toEqual([])
      expect(rows.reduce((sum, { cost }) => sum + BigInt(cost), 0n)).toBe(expected.absorbed)
    }
    await opened.expectSoundBooks()
  })
  await fc.assert(holds, { numRuns: 2, endOnFailure: true })
}, 180_000)
