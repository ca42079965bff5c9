import fc from 'fast-check'
import type { Tariff } from '../../src/pricing/tariff.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import { admitEach, type Batch, boundsOf, claimEach, each, type JobPlan, type Plan, type Step } from './random-calls.ts'
import { LEASE_MS, plainTariff } from './world-fixtures.ts'

/** Free units and steps, so that what an extension costs depends on what others were promised. */
const steppedTariff: Tariff = tariff(
  ...plainTariff.components.filter(({ key }) => !key.startsWith('llm')),
  component({ key: 'llm-in', kind: 'llm_tokens', price: 1n, per: 1, llmModel: '*', tokenClass: 'input', included: 50 }),
  component({
    key: 'llm-out',
    kind: 'llm_tokens',
    llmModel: '*',
    tokenClass: 'output',
    model: 'graduated',
    price: null,
    per: 1,
    tiers: [
      { upTo: 100, price: 3n },
      { upTo: null, price: 1n },
    ],
  }),
)

const jobs: fc.Arbitrary<JobPlan> = fc
  .record({
    steps: fc.constantFrom<JobPlan['steps']>([['a']], [['a', 'b']], [['a', 'b'], ['c']]),
    maxCost: fc.constantFrom(null, null, null, 300n),
    runner: fc.constantFrom<JobPlan['runner']>('pipeline', 'pipeline', 'pipeline', 'own'),
    promptTokens: fc.nat(20),
  })
  .map(({ promptTokens, ...job }) => {
    const llm = { model: 'm1', calls: 1, promptTokens, maxOutputTokens: 30 }
    return { ...job, organization: 0, userId: null, bounds: boundsOf(job.steps, 5, llm) }
  })

/** Jobs of parallel agents that have just money enough to start, or not quite. */
export const siblingPlans: fc.Arbitrary<Plan> = fc.record({
  organizations: fc
    .record({
      plan: fc.constantFrom(plainTariff, steppedTariff),
      available: fc.bigInt({ min: 150n, max: 900n }),
      minimumPerJob: fc.constantFrom(0n, 0n, 130n, 250n),
      chargeOnFailure: fc.constantFrom<Tariff['chargeOnFailure']>('none', 'finished_stages'),
    })
    .map(({ plan, available, ...terms }) => [{ plan: { ...plan, ...terms }, available, overdraft: 0n }]),
  jobs: fc.array(jobs, { minLength: 1, maxLength: 3 }),
})

const KINDS = [
  ...['extend', 'extend', 'extend', 'extend', 'settle', 'settle', 'settle', 'claim', 'claim', 'keep', 'let_go'],
  ...['wake', 'wake', 'top_up', 'adjust', 'redeliver', 'redeliver', 'fail', 'cancel', 'end_own', 'admit'],
] as const

const steps: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  job: fc.nat(2),
  stage: fc.constantFrom(1, 1, 2, 2, 3, 4),
  amount: fc.constantFrom(1n, 25n, 100n, 500n),
  rolls: fc.array(fc.nat(1_000), { minLength: 12, maxLength: 12 }),
})

/** Walks in which every agent of the first steps is worked on, as a rule, and several ask for more. */
export const siblingWalks: fc.Arbitrary<readonly Batch[]> = fc
  .tuple(
    fc.constantFrom<readonly Batch[]>(
      [admitEach, claimEach],
      [admitEach, claimEach, { steps: each('extend', 1), pauseMs: 1 }],
    ),
    fc.array(
      fc.record({
        steps: fc.array(steps, { minLength: 1, maxLength: 5 }),
        pauseMs: fc.constantFrom(0, 1, 1_000, LEASE_MS),
      }),
      { minLength: 2, maxLength: 12 },
    ),
  )
  .map(([first, rest]) => [...first, ...rest])
