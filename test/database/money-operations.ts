import fc from 'fast-check'
import type { Tollkeeper } from '../../src/composition.ts'
import { TollkeeperError } from '../../src/foundation/errors.ts'
import { newId } from '../../src/foundation/ids.ts'
import type { Claim } from '../../src/managers/token-based-billing.manager.ts'
import type { StageBound, StageUsage } from '../../src/pricing/usage.ts'
import { component } from '../support/tollkeeper.ts'
import { type Books, found, type Job, type Operation, PRICES, type Stage } from './money-model-terms.ts'

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
}

export const jobPlans: fc.Arbitrary<readonly JobPlan[]> = fc.array(
  fc.record({
    organization: fc.nat(1),
    runner: fc.constantFrom<Job['runner']>('pipeline', 'own'),
    steps: fc.constantFrom<JobPlan['steps']>([['a']], [['a', 'b']], [['a'], ['b']]),
    input: fc.integer({ min: 0, max: 15 }),
  }),
  { minLength: 4, maxLength: 10 },
)

interface Measured {
  readonly stage: string
  readonly bound: StageBound
  readonly step: number
  readonly most: bigint
}

/** The stages of a job with their bounds, and by the model's own arithmetic what these cost. */
export function stagesOf({ steps, input }: JobPlan): readonly Measured[] {
  const bound = { model: 'm', calls: 1, promptTokens: PROMPT, maxOutputTokens: COMPLETION }
  const most = PRICES.fee + PRICES.prompt * BigInt(PROMPT) + PRICES.completion * BigInt(COMPLETION)
  const agents = steps.flatMap((step, index) =>
    step.map((agent): Measured => {
      return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm: bound }, step: index + 1, most }
    }),
  )
  return [
    { stage: 'input', bound: { kind: 'input', tokens: input }, step: 0, most: PRICES.input * BigInt(input) },
    ...agents,
    {
      stage: 'output',
      bound: { kind: 'output', maxTokens: OUTPUT },
      step: steps.length + 1,
      most: PRICES.output * BigInt(OUTPUT),
    },
  ]
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
    arbitrary: draftsOf([...MONEY, 'claim', 'claim', 'let_go']).map((draft) => {
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

/** Which jobs an operation does something to. */
const SUITED: Readonly<Partial<Record<Draft['kind'], (job: Job) => boolean>>> = {
  admit: ({ state }) => state === 'queued',
  settle: ({ hold }) => hold !== null,
  complete: ({ hold, runner }) => hold !== null && runner === 'own',
  reverse: ({ hold, runner }) => hold !== null && runner === 'own',
  fail: ({ hold }) => hold !== null,
  cancel: ({ hold }) => hold !== null,
  claim: ({ state }) => state === 'processing' || state === 'queued',
  let_go: ({ stages }) => stages.some(({ claim }) => claim !== null),
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
    kind === 'let_go' ? claim !== null : state === 'waiting' || state === 'running'
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
    case 'let_go':
      return ask({ kind, ...of, claim: stage.claim })
    case 'fail':
      return ask({ kind, ...of, claim: stage.lives || size % 2 === 0 ? stage.claim : null })
    case 'wake':
      return ask({ kind, organization })
    case 'top_up':
    case 'credit':
    case 'debit':
      return ask({ kind, organization, amount: 40n * BigInt(size + 1), reference: `r${name}-${size % 4}` })
    case 'add_member':
    case 'remove_member':
      return ask({ kind, organization, user: `u${name}` })
    default:
      return ask({ kind, job: job.id })
  }
}

/** The claims that the product gave, by the model's name for them. */
export type Claims = Map<string, Claim>

/** Asks the product. @returns its answer in the model's words; a claim that is granted is kept in `claims` */
export async function perform(
  tollkeeper: Tollkeeper,
  plans: ReadonlyMap<string, JobPlan>,
  claims: Claims,
  { operation, usage }: Asked,
  books: Books,
): Promise<string> {
  try {
    if ('organization' in operation) return await performOnOrganization(tollkeeper, operation)
    const { organization: organizationId, stages } = found(books.jobs[operation.job])
    const of = { organizationId, jobId: operation.job }
    if (!('stage' in operation)) return await performOnJob(tollkeeper, operation, of, found(plans.get(operation.job)))
    const on = { ...of, stage: found(stages[operation.stage]).name }
    return await performOnStage(tollkeeper, operation, on, claims, usage)
  } catch (error) {
    if (error instanceof TollkeeperError) return error.code
    throw error
  }
}

async function performOnOrganization(
  { billing, balances, teams }: Tollkeeper,
  operation: Extract<Operation, { organization: string }>,
): Promise<string> {
  const { organization } = operation
  if (operation.kind === 'wake') {
    const members: string[] = []
    const resumed: string[] = []
    for await (const woken of billing.wake(organization)) {
      members.push(...woken.members)
      resumed.push(...woken.resumed.map(({ jobId }) => jobId))
    }
    return `woke ${members} ${resumed}`
  }
  if (operation.kind === 'add_member') {
    const { created, member } = await teams.addMember(organization, operation.user)
    return `${created ? 'added' : 'known'} ${member.state} ${member.charged}`
  }
  if (operation.kind === 'remove_member') {
    await teams.removeMember(organization, operation.user)
    return 'removed'
  }
  const { kind, amount, reference } = operation
  const payment = { amount, reference, note: null }
  const paid =
    kind === 'top_up'
      ? await balances.topUp(organization, payment)
      : await balances.adjust(organization, { ...payment, direction: kind })
  return `${paid.replayed ? 'again ' : ''}${paid.seq} woke ${paid.activatedMembers} ${paid.resumedJobs}`
}

async function performOnJob(
  { billing }: Tollkeeper,
  { kind }: Operation,
  of: { organizationId: string; jobId: string },
  plan: JobPlan,
): Promise<string> {
  if (kind === 'admit') {
    const verdict = await billing.admit(of, stagesOf(plan))
    return verdict.kind === 'refused'
      ? `refused ${verdict.rejection.reason} ${verdict.rejection.missing}`
      : verdict.kind
  }
  if (kind === 'resume') return (await billing.resume(of))?.jobId ?? 'nothing'
  if (kind === 'complete') return `released ${(await billing.release(of)).released}`
  if (kind === 'cancel') return (await billing.cancel(of)).kind
  const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
  return `reversed ${(await billing.reverse(of, failure)).reversed}`
}

async function performOnStage(
  { billing }: Tollkeeper,
  operation: Extract<Operation, { stage: number }>,
  on: Omit<Claim, 'claimId'>,
  claims: Claims,
  usage: StageUsage | null,
): Promise<string> {
  if (operation.kind === 'settle') {
    const verdict = await billing.settle(on, found(usage))
    if (verdict.kind === 'absorbed') return 'absorbed'
    return `${verdict.replayed ? 'again' : 'settled'} ${verdict.charged}`
  }
  if (operation.kind === 'claim') {
    const { claim, verdict } = await billing.claim(on)
    if (verdict.kind === 'granted') claims.set(operation.claim, claim)
    return verdict.kind
  }
  const claim = operation.claim === null ? null : found(claims.get(operation.claim))
  if (operation.kind === 'let_go') {
    if (claim) await billing.letGo(claim, null)
    return 'let go'
  }
  const failure = { code: 'worker-lost', stage: on.stage, detail: 'it died' } as const
  return (await billing.fail(on, claim?.claimId ?? null, failure)).kind
}
