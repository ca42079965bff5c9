import fc from 'fast-check'
import { newId } from '../../src/foundation/ids.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { component } from '../support/tollkeeper.ts'
import {
  type Books,
  type Bound,
  found,
  type Job,
  type Operation,
  PAGES_FREE,
  PRICES,
  type Stage,
} from './money-model-terms.ts'

const price = (nano: bigint): string => `0.${String(nano).padStart(9, '0')}`
const llm = (key: string, tokenClass: 'input' | 'output', nano: bigint) =>
  component(key, { kind: 'llm_tokens', llmModel: '*', tokenClass, per: 1 }, price(nano))

/** The model's prices as a tariff; the classes without a price of their own fall back to these. */
export const COMPONENTS = [
  component('input', { kind: 'input_tokens', per: 1 }, price(PRICES.input)),
  component('output', { kind: 'output_tokens', per: 1 }, price(PRICES.output)),
  ...['a', 'b'].map((agent) => component(`fee-${agent}`, { kind: 'agent', agent }, price(PRICES.fee))),
  llm('prompt', 'input', PRICES.prompt),
  llm('completion', 'output', PRICES.completion),
  component('pages', { kind: 'feature', feature: 'page', included: PAGES_FREE }, price(PRICES.page)),
]
export const SEAT_PRICE = price(PRICES.seat)

const PROMPT = 20
const COMPLETION = 10
const OUTPUT = 30

/** A job as it is thought out: who runs it, which agents it has, how long its text is. */
export interface JobPlan {
  readonly organization: number
  readonly runner: Job['runner']
  readonly steps: readonly (readonly string[])[]
  readonly input: number
  readonly maxCost: bigint | null
}

export const jobPlans: fc.Arbitrary<readonly JobPlan[]> = fc.array(
  fc.record({
    organization: fc.nat(1),
    runner: fc.constantFrom<Job['runner']>('pipeline', 'pipeline', 'own'),
    steps: fc.constantFrom<JobPlan['steps']>([['a']], [['a', 'b']], [['a', 'b']], [['a'], ['b']]),
    input: fc.integer({ min: 0, max: 15 }),
    // Too little, just enough when the agents write less, and enough for some further calls.
    maxCost: fc.constantFrom(...Array.from({ length: 10 }, () => null), 150n, 230n, 450n, 600n),
  }),
  { minLength: 4, maxLength: 10 },
)

export interface PlannedStage {
  readonly stage: string
  readonly step: number
  readonly bound: Bound
}

/** The stages of a job with the most that each may use. */
export function stagesOf({ steps, input }: JobPlan): readonly PlannedStage[] {
  const plain = { tokens: 0, price: 0n, fee: 0n, calls: 0, prompt: 0, completion: 0 }
  const agent = { ...plain, fee: PRICES.fee, calls: 1, prompt: PROMPT, completion: COMPLETION }
  return [
    { stage: 'input', step: 0, bound: { ...plain, tokens: input, price: PRICES.input } },
    ...steps.flatMap((step, index) =>
      step.map((key) => ({ stage: `agent.${key}`, step: index + 1, bound: { ...agent } })),
    ),
    { stage: 'output', step: steps.length + 1, bound: { ...plain, tokens: OUTPUT, price: PRICES.output } },
  ]
}

/** The same in the product's words. */
export function boundsOf(plan: JobPlan): readonly BoundedStage[] {
  return stagesOf(plan).map(({ stage, bound: { tokens, calls, prompt, completion } }): BoundedStage => {
    if (stage === 'input') return { stage, bound: { kind: 'input', tokens } }
    if (stage === 'output') return { stage, bound: { kind: 'output', maxTokens: tokens } }
    const llm = { model: 'm', calls, promptTokens: prompt, maxOutputTokens: completion }
    return { stage, bound: { kind: 'agent', agent: stage.slice('agent.'.length), llm } }
  })
}

/** One thing to ask for; which job and stage it means follows from the jobs that there are. */
export interface Draft {
  readonly kind: Operation['kind']
  readonly job: number
  readonly stage: number
  readonly size: number
  readonly name: number
}

const MONEY = [
  ...(['admit', 'admit', 'admit', 'admit', 'settle', 'settle', 'settle', 'settle', 'settle', 'settle'] as const),
  ...(['settle', 'settle', 'complete', 'reverse', 'cancel', 'fail', 'wake', 'resume', 'resume'] as const),
  ...(['top_up', 'top_up', 'credit', 'debit', 'debit', 'add_member', 'add_member', 'remove_member'] as const),
  ...(['feature', 'feature'] as const),
  ...(['extend', 'extend', 'extend', 'extend', 'let_go', 'let_go', 'redeliver'] as const),
]
const draftsOf = (kinds: readonly Draft['kind'][]): fc.Arbitrary<Draft> =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    job: fc.nat(63),
    stage: fc.nat(31),
    size: fc.nat(39),
    name: fc.nat(4),
  })

/** What is asked at once, of one process or of two, with connections cut meanwhile or not. */
export interface Moment {
  readonly drafts: readonly Draft[]
  readonly spread: boolean
  readonly cut: boolean
}

export const moments: fc.Arbitrary<Moment> = fc.oneof(
  {
    weight: 3,
    arbitrary: draftsOf([...MONEY, 'claim', 'claim', 'claim', 'claim', 'keep', 'lapse']).map((draft) => {
      return { drafts: [draft], spread: false, cut: false }
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      drafts: fc.array(draftsOf(MONEY), { minLength: 2, maxLength: 4 }),
      spread: fc.boolean(),
      cut: fc.constantFrom(false, false, false, true),
    }),
  },
)

/** A usage of a stage, within its bound or, one time in five, above it; and what its lines cost. */
function measured(stage: string, size: number): { usage: StageUsage; lines: readonly bigint[] } {
  const factor = size % 5 === 0 ? 4 : 1
  if (stage === 'input') return { usage: { kind: 'input', tokens: size }, lines: [BigInt(size) * PRICES.input] }
  if (stage === 'output') {
    const tokens = factor * (size % (OUTPUT + 1))
    return { usage: { kind: 'output', tokens }, lines: [BigInt(tokens) * PRICES.output] }
  }
  const [input, read] = [size % 17, size % 3]
  const [output, reasoning] = [factor * (size % 8), size % 2]
  const classes = { input, cache_read: read, output, reasoning }
  const prices = [
    ...[input, read].map((tokens) => BigInt(tokens) * PRICES.prompt),
    ...[output, reasoning].map((tokens) => BigInt(tokens) * PRICES.completion),
  ]
  const call = { model: 'm', source: 'reported', classes } as const
  // A class without tokens has no line.
  const lines = [PRICES.fee, ...prices.filter((amount) => amount > 0n)]
  return { usage: { kind: 'agent', agent: stage.slice('agent.'.length), llm: [call] }, lines }
}

/** An operation with what the product needs beside it. */
export interface Asked {
  readonly operation: Operation
  readonly usage: StageUsage | null
}

const isWorkedOn = ({ stages }: Job): boolean => stages.some(({ claim }) => claim !== null)
const WORK: readonly Draft['kind'][] = ['keep', 'lapse', 'let_go', 'extend']

/** Which jobs an operation does something to. */
const SUITED: Readonly<Partial<Record<Draft['kind'], (job: Job) => boolean>>> = {
  admit: ({ state }) => state === 'queued',
  settle: ({ hold }) => hold !== null,
  complete: ({ hold, runner }) => hold !== null && runner === 'own',
  reverse: ({ hold, runner }) => hold !== null && runner === 'own',
  fail: ({ hold }) => hold !== null,
  cancel: ({ hold }) => hold !== null,
  claim: ({ state }) => state === 'processing' || state === 'queued',
  keep: isWorkedOn,
  lapse: isWorkedOn,
  let_go: isWorkedOn,
  extend: (job) => isWorkedOn(job) && job.refusal === null && job.state === 'processing',
  redeliver: ({ state, refusal }) => state === 'processing' && refusal !== null,
  resume: ({ state }) => state === 'rejected_for_balance',
}

/** One of those that suit, three times in four, if there are any; else any. */
function choose<T>(all: readonly T[], suits: (one: T) => boolean, pick: number): T {
  const suited = pick % 4 === 0 ? [] : all.filter(suits)
  const among = suited.length > 0 ? suited : all
  return found(among[pick % among.length])
}

export function askedOf(books: Books, { kind, job: pick, stage: place, size, name }: Draft): Asked {
  const job = choose(Object.values(books.jobs), SUITED[kind] ?? (() => true), pick)
  const isOpen = ({ state, claim }: Stage): boolean =>
    WORK.includes(kind) ? claim !== null : state === 'waiting' || state === 'running'
  const stage = choose(job.stages, isOpen, place)
  const at = job.stages.indexOf(stage)
  const { organization } = job
  const of = { job: job.id, stage: at }
  const ask = (operation: Operation, usage: StageUsage | null = null): Asked => ({ operation, usage })
  switch (kind) {
    case 'settle': {
      const { usage, lines } = measured(stage.name, size)
      return ask({ kind, ...of, usage: lines }, usage)
    }
    case 'claim':
      return ask({ kind, ...of, claim: newId() })
    case 'let_go': {
      const usage = size % 2 === 0 && stage.name.startsWith('agent.') ? measured(stage.name, size).usage : null
      return ask({ kind, ...of, claim: stage.claim, isForNothing: usage !== null }, usage)
    }
    case 'keep':
      return ask({ kind, ...of, claim: stage.claim })
    case 'lapse':
      return ask({ kind, ...of })
    case 'extend': {
      const claim = job.runner === 'own' && name % 2 === 0 ? null : stage.claim
      return ask({ kind, ...of, claim, call: Math.max(1, stage.bound.calls + (size % 6)) })
    }
    case 'fail':
      return ask({ kind, ...of, claim: stage.lives || size % 2 === 0 ? stage.claim : null })
    case 'wake':
      return ask({ kind, organization })
    case 'top_up':
    case 'credit':
    case 'debit':
      return ask({ kind, organization, amount: 40n * BigInt(size + 1), reference: `r${name}-${size % 4}` })
    case 'feature':
      return ask({ kind, organization, pages: 1 + (size % 4), key: `k${name}-${size % 8}` })
    case 'add_member':
    case 'remove_member':
      return ask({ kind, organization, user: `u${name}` })
    default:
      return ask({ kind, job: job.id })
  }
}

/** Every job is admitted, and every agent that is due has a worker: jobs at which anything may come in between. */
export function openingsOf(books: Books): readonly (readonly Asked[])[] {
  return Object.values(books.jobs).flatMap(({ id, stages }) => {
    const first = stages.flatMap(({ step }, index) => (step === 1 ? [index] : []))
    const claims = first.map((stage) => ({ kind: 'claim', job: id, stage, claim: newId() }) as const)
    return [{ kind: 'admit', job: id } as const, ...claims].map((operation) => [{ operation, usage: null }])
  })
}

/** More calls than any balance here pays for, by an agent of each job that is at work: its siblings still are. */
export function stretchesOf(books: Books): readonly (readonly Asked[])[] {
  return Object.values(books.jobs).flatMap(({ id, stages }) => {
    const stage = stages.findIndex(({ claim }) => claim !== null)
    if (stage === -1) return []
    return [
      [{ operation: { kind: 'extend', job: id, stage, claim: found(stages[stage]).claim, call: 12 }, usage: null }],
    ]
  })
}
