import { expect } from 'vitest'
import type { Agent } from '../../src/agents/agent.ts'
import { SUMMARY_INSTRUCTION } from '../../src/agents/instructions.ts'
import { ProviderError, promptText } from '../../src/agents/llm-provider.ts'
import type { OfflineFaults } from '../../src/agents/offline-faults.ts'
import type { Tollkeeper } from '../../src/composition.ts'
import type { JobView } from '../../src/managers/job-view.ts'
import type { Finding } from '../../src/pipeline/recompute/finding.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { o200kBase } from '../../src/tokenizer/o200k-base.ts'
import { expectBooksToBalance } from '../support/books.ts'
import {
  type Backend,
  component,
  eventually,
  fundedOrganization,
  openWorld,
  type World,
} from '../support/tollkeeper.ts'

/** A summary of one sentence is that sentence, so that its bill can be worked out by hand. */
export const TEXT = 'The ferry leaves at nine.'
/** Tokens of an answer, and of what is delivered, that a hold allows for. */
export const LIMIT = 64
export const MONEY = parseAmount('10.00')
/** Nano-units of the agent, and of each token: of the customer's text, of prompts, answers, and what is delivered. */
const [FEE, INPUT, PROMPT, ANSWER, OUTPUT] = [500_000_000n, 1_000_000n, 2_000_000n, 3_000_000n, 4_000_000n]

const PRICES = [
  component('input', { kind: 'input_tokens' }, '1000.00'),
  component('prompt', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '2000.00'),
  component('answer', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '3000.00'),
  component('output', { kind: 'output_tokens' }, '4000.00'),
  component('fee', { kind: 'agent', agent: 'summarizer' }, '0.50'),
]

const tokens = (text: string): bigint => BigInt(o200kBase.count(text))
export const promptOf = (text: string): string =>
  promptText({ system: SUMMARY_INSTRUCTION, messages: [{ role: 'user', text }] })

interface WorkOf {
  readonly text?: string
  /** What the model answered, call by call; the sound answer is the text. */
  readonly answers?: readonly string[]
  /** Tokens of all prompts and answers, where they are not those of the texts. */
  readonly used?: { readonly input: number; readonly output: number }
  readonly delivered?: string
  /** Model calls that are held for at the end; `bounded` of them from the beginning. */
  readonly calls?: number
  readonly bounded?: number
  readonly fee?: bigint
}

/** What a job of one agent costs, worked out apart from the product: its entries in their order, amounts in nano-units. */
export function billOf({ text = TEXT, answers = [text], delivered = answers.join('\n'), ...work }: WorkOf = {}) {
  const { calls = answers.length, bounded = calls, fee = FEE } = work
  const prompt = tokens(promptOf(text))
  const {
    input = BigInt(answers.length) * prompt,
    output = answers.reduce((sum, answer) => sum + tokens(answer), 0n),
  } = work.used ?? {}
  const call = prompt * PROMPT + BigInt(LIMIT) * ANSWER
  const hold = tokens(text) * INPUT + fee + BigInt(bounded) * call + BigInt(LIMIT) * OUTPUT
  const held = hold + BigInt(calls - bounded) * call
  const [first, ...rest] = [
    ['input', tokens(text) * INPUT],
    ['fee', fee],
    ['prompt', BigInt(input) * PROMPT],
    ['answer', BigInt(output) * ANSWER],
    ['output', tokens(delivered) * OUTPUT],
  ] as const
  const charges = rest.filter(([, amount]) => amount > 0n).map(([name, amount]) => `charge ${name} ${amount}`)
  const charged = rest.reduce((sum, [, amount]) => sum + amount, first[1])
  const begun = [`hold - ${hold}`, `charge input ${first[1]}`]
  const extended = Array.from({ length: calls - bounded }, () => `extend - ${call}`)
  return {
    held,
    charged,
    input: first[1],
    entries: [...begun, ...extended, ...charges, `release - ${held - charged}`],
    /** Of the same job where it fails at its agent: by default nothing is left of it. */
    failed: [...begun, ...extended, `reversal input ${first[1]}`, `release - ${held}`],
    /** … where it is cancelled there, or its plan charges what is finished. */
    stopped: [...begun, ...extended, `release - ${held - first[1]}`],
  }
}

/** Tokens of model calls at their prices. */
export const priceOf = ({ input, output }: { readonly input: number; readonly output: number }): bigint =>
  BigInt(input) * PROMPT + BigInt(output) * ANSWER

/** What a run of the summarizer that nobody pays for would have cost. */
export const costOf = (text: string, answer: string, fee = FEE): bigint =>
  fee + priceOf({ input: o200kBase.count(promptOf(text)), output: o200kBase.count(answer) })

/** How an agent of the tests asks its model, one call after another. */
export interface Asking {
  /** Answers that it wants; it delivers all of them. */
  readonly calls: number
  /** Calls that it says it makes. */
  readonly bounded?: number
  /** How often it asks again in one run where the provider fails. */
  readonly retries?: number
}

export function asking(key: string, { calls, bounded = calls, retries = 0 }: Asking): Agent {
  return {
    key,
    bounds: async (text, { model, maxOutputTokens, countPrompt }) => {
      return { model, calls: bounded, promptTokens: await countPrompt(promptOf(text)), maxOutputTokens }
    },
    async run(text, { llm }) {
      const answers: string[] = []
      let left = retries
      while (answers.length < calls) {
        try {
          answers.push((await llm.generate({ system: SUMMARY_INSTRUCTION, prompt: text })).text)
        } catch (error) {
          if (!(error instanceof ProviderError) || left === 0) throw error
          left -= 1
        }
      }
      return { text: answers.join('\n') }
    },
  }
}

interface ModelOptions {
  readonly faults?: OfflineFaults
  readonly agents?: readonly Agent[]
  readonly env?: Readonly<Record<string, string>>
  readonly chargeOnFailure?: 'none' | 'finished_stages'
  readonly money?: string
}

/** A system whose offline model misbehaves as it is told, with money, and workers that run. */
export async function openModel(backend: Backend, options: ModelOptions = {}): Promise<ModelWorld> {
  const { faults = [], agents = [], env = {}, chargeOnFailure = 'none', money = '10.00' } = options
  const world = await openWorld(backend, { MAX_OUTPUT_TOKENS: String(LIMIT), ...env })
  const tollkeeper = await world.open(agents, { offlineFaults: faults })
  await fundedOrganization(tollkeeper, 'acme', money, PRICES, { chargeOnFailure })
  await tollkeeper.startWorkers()
  const { service } = tollkeeper
  return {
    ...world,
    tollkeeper,
    submit: async (agent = 'summarizer', text = TEXT) =>
      (await service.submit({ organizationId: 'acme', text, agents: [agent] })).id,
    finish: (id) =>
      eventually(
        () => service.find(id),
        ({ state }) => state !== 'queued' && state !== 'processing',
        60_000,
      ),
    async entriesOf(id) {
      const rows = await world.database.query<{ entry: string }>(
        `select kind || ' ' || coalesce(component, '-') || ' ' || amount as entry
         from tollkeeper.ledger_entries where job_id = $1 order by seq`,
        [id],
      )
      return rows.map(({ entry }) => entry)
    },
    async agentOf(id) {
      const [row] = await world.database.query<AgentRow>(
        `select starts, absorbed, tokens::int, state, result, usage from tollkeeper.job_stages
         where job_id = $1 and stage like 'agent.%'`,
        [id],
      )
      if (!row) throw new Error(`job ${id} has an agent`)
      return row
    },
    absorbedOf: (id) =>
      world.database.query<AbsorbedRow>(
        `select reason, usage, cost::text from tollkeeper.absorbed_usage where job_id = $1 order by created_at, id`,
        [id],
      ),
    available: async () => (await tollkeeper.balances.balance(tollkeeper.em(), 'acme')).available,
    async unprovedOf(id) {
      const { findings } = await tollkeeper.recompute(id)
      return findings.filter(({ verdict }) => verdict !== 'proved')
    },
    async expectSoundBooks() {
      expect((await tollkeeper.verifier.verify()).violations).toEqual([])
      await expectBooksToBalance(world.database)
    },
  }
}

interface UsageRow {
  readonly llm: readonly { readonly source: string; readonly classes: unknown }[]
}

interface AbsorbedRow {
  readonly reason: string
  readonly usage: UsageRow
  readonly cost: string
}

interface AgentRow {
  readonly starts: number
  readonly absorbed: number
  readonly tokens: number
  readonly state: string
  readonly result: string | null
  readonly usage: UsageRow | null
}

export interface ModelWorld extends World {
  readonly tollkeeper: Tollkeeper
  /** @returns the job's id */
  submit(agent?: string, text?: string): Promise<string>
  /** Waits until the job is at rest. */
  finish(id: string): Promise<JobView>
  /** Every entry of a job in order: kind, component, nano-units. */
  entriesOf(id: string): Promise<readonly string[]>
  /** The stage of the job's only agent, as it is stored. */
  agentOf(id: string): Promise<AgentRow>
  /** What the platform bears of a job, oldest first. */
  absorbedOf(id: string): Promise<readonly AbsorbedRow[]>
  /** What the organisation can spend, in nano-units. */
  available(): Promise<bigint>
  /** What of a job's receipt cannot be made again from what is stored. */
  unprovedOf(id: string): Promise<readonly Finding[]>
  /** Asserts what must hold of the books whatever happened. */
  expectSoundBooks(): Promise<void>
}
