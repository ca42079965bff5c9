import type fc from 'fast-check'
import { type Batch, each, type Plan, plans, walks } from './random-calls.ts'

/** Plans of which most jobs run in the name of one of two members, whose seats cost nothing. */
export const limitedPlans: fc.Arbitrary<Plan> = plans.map(({ organizations, jobs }) => ({
  organizations: organizations.map(({ plan, ...money }) => {
    return { plan: { ...plan, memberPrice: 0n, maxTeamMembers: null }, ...money }
  }),
  jobs: jobs.map((job, index) => ({ ...job, userId: [`u0`, 'u1', 'u0', null][index % 4] ?? null })),
}))

/** Each member joins every organisation that has jobs, with a limit that some of them reach. */
const join = (user: number): Batch => ({
  steps: each('add_member', 0).map((step, index) => ({
    ...step,
    amount: index < 3 ? 10n ** 9n : 10_000n,
    rolls: [user, 1],
  })),
  pauseMs: 1,
})

export const limitedWalks: fc.Arbitrary<readonly Batch[]> = walks.map((walk) => [join(0), join(1), ...walk])
