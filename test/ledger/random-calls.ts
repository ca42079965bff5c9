import fc from 'fast-check'
import { newId } from '../../src/foundation/ids.ts'
import type { Call } from '../../src/ledger/calls.ts'
import type { JobRow } from '../../src/ledger/facts.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { LlmBound, LlmUsage, StageUsage } from '../../src/pricing/usage.ts'
import { tariffs } from '../pricing/tariff-fixtures.ts'
import { World } from './world.ts'
import { addJob, addOrganization, DAY_MS, EXPIRES_MS, LEASE_MS } from './world-fixtures.ts'

const OUTPUT_LIMIT = 40
const STEPS = [
  [],
  [['a']],
  [['a', 'b']],
  [['a'], ['b']],
  [
    ['a', 'b'],
    ['c', 'd'],
  ],
] as const
const KINDS = [
  ...['admit', 'admit', 'claim', 'claim', 'keep', 'settle', 'settle', 'settle', 'settle', 'settle', 'settle', 'settle'],
  ...['claim', 'extend', 'extend', 'extend', 'let_go'],
  ...['wake', 'top_up', 'top_up', 'adjust', 'cancel', 'fail', 'end_own', 'redeliver', 'add_member', 'remove_member'],
  'change_member',
  ...['charge_feature', 'charge_feature'],
] as const
/** Amounts of every size, since rates are: a job costs between nothing and some ten units of a currency. */
const amounts = fc.constantFrom(1n, 25n, 500n, 10_000n, 1_000_000n, 10n ** 9n, 10n ** 10n, 10n ** 11n)

/** A random job: who runs it, what it may use. */
export interface JobPlan {
  readonly steps: JobRow['steps']
  readonly runner: JobRow['runner']
  readonly organization: number
  readonly userId: string | null
  readonly maxCost: bigint | null
  readonly bounds: readonly BoundedStage[]
}

export interface Plan {
  readonly organizations: readonly { readonly plan: Tariff; readonly available: bigint; readonly overdraft: bigint }[]
  readonly jobs: readonly JobPlan[]
}

/** One step of a walk; which job, stage and amounts it means follows from the plan that it is played on. */
export interface Step {
  readonly kind: (typeof KINDS)[number]
  readonly job: number
  readonly stage: number
  readonly amount: bigint
  readonly rolls: readonly number[]
}

export interface Batch {
  readonly steps: readonly Step[]
  readonly pauseMs: number
}

const sizes = fc.integer({ min: 0, max: 40 })

const jobPlans: fc.Arbitrary<JobPlan> = fc
  .record({
    steps: fc.constantFrom<JobRow['steps']>(...STEPS),
    runner: fc.constantFrom<JobRow['runner']>('pipeline', 'pipeline', 'pipeline', 'own'),
    organization: fc.nat(1),
    userId: fc.constantFrom(...Array.from({ length: 9 }, () => null), 'u1'),
    maxCost: fc.constantFrom(null, null, null, null, 100n, 10_000n, 10n ** 9n, 10n ** 10n, 10n ** 11n, 10n ** 12n),
    input: sizes,
    llm: fc.option(
      fc.record({
        model: fc.constantFrom('m1', 'm1', 'm1', 'm1', 'm2'),
        calls: fc.integer({ min: 0, max: 2 }),
        promptTokens: sizes,
        maxOutputTokens: fc.integer({ min: 1, max: OUTPUT_LIMIT }),
      }),
      { freq: 2 },
    ),
  })
  .map(({ input, llm, ...job }) => ({ ...job, bounds: boundsOf(job.steps, input, llm) }))

export function boundsOf(steps: JobRow['steps'], input: number, llm: LlmBound | null): readonly BoundedStage[] {
  const agents = steps.flat().map((agent): BoundedStage => {
    return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm } }
  })
  const maxTokens = OUTPUT_LIMIT * (steps.at(-1)?.length ?? 1)
  return [
    { stage: 'input', bound: { kind: 'input', tokens: input } },
    ...agents,
    { stage: 'output', bound: { kind: 'output', maxTokens } },
  ]
}

const organizationPlans = fc
  .record({
    plan: tariffs,
    available: fc.oneof(fc.constant(0n), amounts),
    overdraft: fc.constantFrom(0n, 0n, 100n),
    pricePerMonth: fc.constantFrom(0n, 0n, 70n, 10n ** 9n),
    graceDays: fc.constantFrom(0, 7),
    suspendAfterDays: fc.constantFrom(0, 12),
    memberPrice: fc.constantFrom(0n, 99n, 10n ** 9n),
    maxTeamMembers: fc.constantFrom(null, 1, 2),
    chargeOnFailure: fc.constantFrom<Tariff['chargeOnFailure']>('none', 'none', 'finished_stages'),
  })
  .map(({ plan, available, overdraft, ...terms }) => ({ plan: { ...plan, ...terms }, available, overdraft }))

export const plans: fc.Arbitrary<Plan> = fc.record({
  organizations: fc.array(organizationPlans, { minLength: 2, maxLength: 2 }),
  jobs: fc.array(jobPlans, { minLength: 2, maxLength: 6 }),
})

const steps: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  job: fc.nat(5),
  stage: fc.nat(5),
  amount: amounts,
  rolls: fc.array(fc.nat(1_000), { minLength: 12, maxLength: 12 }),
})

export const each = (kind: Step['kind'], stage: number): readonly Step[] =>
  Array.from({ length: 6 }, (_, job) => ({ kind, job, stage, amount: 1n, rolls: [] }))
export const admitEach: Batch = { steps: each('admit', 0), pauseMs: 1 }
/** A worker for each agent of the first step; what nobody works on can neither ask for more nor be stopped. */
export const claimEach: Batch = { steps: [...each('claim', 1), ...each('claim', 2)], pauseMs: 1 }
const extendEach: Batch = { steps: each('extend', 1), pauseMs: 1 }

/** Walks of several batches. Most begin with the admission of every job: what nobody admitted meets few rules. */
export const walks: fc.Arbitrary<readonly Batch[]> = fc
  .tuple(
    fc.constantFrom([admitEach, claimEach, extendEach], [admitEach, claimEach], [admitEach], []),
    fc.array(
      fc.record({
        steps: fc.array(steps, { minLength: 1, maxLength: 10 }),
        pauseMs: fc.constantFrom(0, 1, 1_000, 16_000, 9 * DAY_MS),
      }),
      { minLength: 2, maxLength: 14 },
    ),
  )
  .map(([first, rest]) => [...first, ...rest])

export function worldOfPlan({ organizations, jobs }: Plan): World {
  const world = new World()
  for (const [index, { plan, ...money }] of organizations.entries()) {
    const own = { ...plan, planId: `plan-${index}`, versionId: `version-${index}` }
    addOrganization(world, { id: `org-${index}`, plan: own, ...money })
  }
  for (const [index, { organization, bounds: _, ...job }] of jobs.entries()) {
    addJob(world, `job-${index}`, { ...job, organizationId: `org-${organization}` })
  }
  return world
}

/** The call that a step means. It depends on the plan alone, so that any cut into batches plays the same calls. */
export function callOf({ jobs }: Plan, { kind, job: pick, stage: place, amount, rolls }: Step): Call | null {
  const index = pick % jobs.length
  const job = jobs[index]
  const stage = job?.bounds[place % job.bounds.length]
  if (!job || !stage) return null
  const [first = 0, second = 0] = rolls
  const of = { organizationId: `org-${job.organization}`, jobId: `job-${index}` }
  const on = { ...of, stage: stage.stage, claimId: `claim-${CLAIMS[first % CLAIMS.length]}` }
  const { organizationId } = of
  const failure = { code: 'agent-error', stage: stage.stage, detail: 'it broke' } as const
  const funds = { organizationId, amount, reference: `ref-${first % 8}`, note: null }
  switch (kind) {
    case 'admit':
      return { kind, ...of, bounds: job.bounds, outputLimit: OUTPUT_LIMIT, parkedExpiresMs: EXPIRES_MS }
    case 'claim':
    case 'keep':
      return { kind, ...on, leaseMs: LEASE_MS }
    case 'extend': {
      const { bound } = stage
      const calls = bound.kind === 'agent' ? (bound.llm?.calls ?? 0) : 0
      const claimId = job.runner === 'own' && first % 2 === 0 ? null : on.claimId
      return { kind, ...on, claimId, call: calls + 1 + (second % 3), parkedExpiresMs: EXPIRES_MS }
    }
    case 'let_go':
      return { kind, ...on, usage: second % 2 === 0 ? usageOf(stage, rolls) : null }
    case 'settle':
      return { kind, ...of, stage: stage.stage, usage: usageOf(stage, rolls), result: null }
    case 'fail':
      return { kind, ...on, claimId: second % 3 === 0 ? null : on.claimId, failure }
    case 'end_own':
      if (job.runner !== 'own') return null
      return second % 2 === 0 ? { kind: 'complete', ...of } : { kind: 'reverse', ...of, failure }
    case 'wake':
      return {
        kind,
        organizationId,
        jobId: second % 3 === 0 ? of.jobId : null,
        scope: first % 2 === 0 ? 'fitting' : 'all',
        after: null,
      }
    case 'redeliver':
      return { kind, ...of, seen: [{ stage: stage.stage, delivery: 1 + (second % 3) }] }
    case 'top_up':
      return { kind, ...funds }
    case 'adjust':
      return { kind, ...funds, direction: second % 2 === 0 ? 'credit' : 'debit' }
    case 'add_member':
      return {
        ...{ kind, organizationId, userId: `u${first % 4}`, role: 'member', operation: newId() },
        spendingLimit: second % 2 === 0 ? null : amount,
      }
    case 'change_member':
      return {
        ...{ kind, organizationId, userId: `u${first % 4}`, spendingLimit: second % 3 === 0 ? null : amount },
        ...(second % 2 === 0 ? {} : { role: ROLES[first % ROLES.length] ?? 'member' }),
      }
    case 'remove_member':
      return { kind, organizationId, userId: `u${first % 4}` }
    case 'charge_feature': {
      const charge = {
        feature: first % 5 === 0 ? 'unpriced' : 'f',
        quantity: 1 + (second % 60),
        key: `key-${first % 9}`,
      }
      return { kind, organizationId, id: newId(), ...charge, userId: first % 4 === 0 ? 'u0' : null }
    }
    default:
      return kind === 'cancel' && second % 3 === 0 ? { kind, ...of } : null
  }
}

/** Up to `limit`, all of it every other time: the bounds are where promises break. */
function upTo(limit: number, roll = 0): number {
  return roll % 2 === 0 ? limit : roll % (limit + 1)
}

const ROLES = ['member', 'owner', 'admin', 'owner'] as const
/** Whose claim a call names: mostly the first worker's, sometimes another's. */
const CLAIMS = [0, 0, 0, 0, 1, 2]
/** Calls beyond the first bound: an extension pays for them, or the platform. */
const FURTHER_CALLS = [0, 0, 0, 1, 2]

/** What a stage used: within its bound, or, one time in ten, far above it. */
function usageOf({ bound }: BoundedStage, rolls: readonly number[]): StageUsage {
  const [over = 0, first = 0] = rolls
  const factor = over % 10 === 0 ? 3 : 1
  if (bound.kind === 'input') return bound
  if (bound.kind === 'output') return { kind: 'output', tokens: factor * upTo(bound.maxTokens, first) }
  const { llm } = bound
  const further = llm ? (FURTHER_CALLS[(rolls[10] ?? 0) % FURTHER_CALLS.length] ?? 0) : 0
  const calls = Array.from({ length: (llm?.calls ?? 0) + further }, (_, call): LlmUsage => {
    const [prompt, cached, completion, reasoning] = rolls.slice(2 + 4 * call)
    const input = upTo(llm?.promptTokens ?? 0, prompt)
    const output = upTo(llm?.maxOutputTokens ?? 0, completion)
    const [read, thought] = [input - upTo(input, cached), output - upTo(output, reasoning)]
    const classes = { input: input - read, cache_read: read, output: factor * (output - thought), reasoning: thought }
    return { model: llm?.model ?? '', source: 'reported', classes }
  })
  return { kind: 'agent', agent: bound.agent, llm: calls }
}
