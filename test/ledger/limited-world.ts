import type { Calls, Verdicts } from '../../src/ledger/calls.ts'
import type { World } from './world.ts'
import { agentUsage, ORG, plainTariff, settle, wake, worldOf } from './world-fixtures.ts'

/** What a job of one agent is held at. */
export const HOLD = 105n
export const A = 'agent.a'
/** A job in the name of the member that `limited` makes. */
export const ANN = { userId: 'ann' }
const freeSeats = { ...plainTariff, memberPrice: 0n, maxTeamMembers: null }

let operations = 0
export function addMember(world: World, userId: string, spendingLimit: bigint | null) {
  const operation = `op-${++operations}`
  return world.run('add_member', { organizationId: ORG, userId, role: 'member', spendingLimit, operation })
}

export const change = (
  world: World,
  terms: Omit<Calls['change_member'], 'organizationId' | 'userId'>,
  userId = 'ann',
): Verdicts['change_member'] => world.run('change_member', { organizationId: ORG, userId, ...terms })

export const committed = (world: World, userId = 'ann'): bigint => world.member(ORG, userId).committed

export const resumedBy = ({ resumed }: Verdicts['wake']): readonly string[] => resumed.map(({ jobId }) => jobId)

/** Whom a walk over what may fit resumes. */
export const fitting = (world: World): readonly string[] => resumedBy(wake(world, { scope: 'fitting' }))

/** An organisation with enough for ten jobs, and its member ann, who may spend so much in a period. */
export function limited(limit: bigint | null, options: Parameters<typeof worldOf>[0] = {}): World {
  const world = worldOf({ plan: freeSeats, available: 10n * HOLD, ...options })
  addMember(world, 'ann', limit)
  return world
}

/** Settles all of a job: 5 for its input, 10 and the tokens for its agent, the tokens of its output. */
export function finish(world: World, job: string, tokens: number): void {
  settle(world, job, A, agentUsage('a', 0, tokens))
  settle(world, job, 'output', { kind: 'output', tokens })
}
