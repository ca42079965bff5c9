import type { CallKind, Calls, Verdicts } from '../../src/ledger/calls.ts'
import type { JobRow, OrganizationRow, StageRow } from '../../src/ledger/facts.ts'
import { periodAt } from '../../src/ledger/period.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { BoundedStage } from '../../src/pricing/quote.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import { component, tariff } from '../pricing/tariff-fixtures.ts'
import { World } from './world.ts'

export const ORG = 'acme'
export const DAY_MS = 86_400_000
export const LEASE_MS = 15_000
export const EXPIRES_MS = 30 * DAY_MS
export const OUTPUT_LIMIT = 1_024

/** Every unit costs one nano-unit, an agent's run ten: amounts that can be added up in one's head. */
export const plainTariff: Tariff = tariff(
  component({ key: 'input', kind: 'input_tokens', price: 1n, per: 1 }),
  component({ key: 'llm-in', kind: 'llm_tokens', price: 1n, per: 1, llmModel: '*', tokenClass: 'input' }),
  component({ key: 'llm-out', kind: 'llm_tokens', price: 1n, per: 1, llmModel: '*', tokenClass: 'output' }),
  component({ key: 'fee-a', kind: 'agent', price: 10n, agent: 'a' }),
  component({ key: 'fee-b', kind: 'agent', price: 10n, agent: 'b' }),
  component({ key: 'output', kind: 'output_tokens', price: 1n, per: 1 }),
)

interface OrganizationOptions {
  readonly id?: string
  readonly available?: bigint
  readonly overdraft?: bigint
  readonly plan?: Tariff | null
  readonly status?: OrganizationRow['status']
}

/** A world with one organisation. Its money comes by a top-up, so that the ledger explains it. */
export function worldOf(options: OrganizationOptions = {}): World {
  const world = new World()
  addOrganization(world, options)
  return world
}

export function addOrganization(world: World, options: OrganizationOptions = {}): void {
  const { id = ORG, available = 1_000n, overdraft = 0n, plan = plainTariff, status = 'active' } = options
  if (plan) world.tariffs.set(plan.versionId, plan)
  const periodAnchor = Date.UTC(2026, 0, 1)
  const { start, end } = periodAt(periodAnchor, world.now)
  world.organizations.set(id, {
    id,
    currency: 'USD',
    status,
    tariffVersionId: plan?.versionId ?? null,
    periodAnchor,
    periodNumber: 1,
    periodStart: start,
    periodEnd: end,
    nextTariffVersionId: null,
    nextTariffAt: null,
    dueSince: null,
    statusUntil: null,
    periods: [],
    available: 0n,
    held: 0n,
    overdraftLimit: overdraft,
    seq: 0,
    seatsUsed: 0,
    seatsPaid: 0,
    waiting: false,
    parked: null,
    thresholds: [],
  })
  world.periods.set(`${id} 1`, {
    organizationId: id,
    number: 1,
    start,
    end,
    tariffVersionId: plan?.versionId ?? null,
    planFee: 0n,
    seats: 0,
    seatFee: 0n,
    credit: 0n,
    dueAt: start,
    paidAt: start,
    opening: { seq: 0, available: 0n, held: 0n },
    closing: null,
    closedAt: null,
  })
  if (available > 0n) topUp(world, available, 'start', id)
}

interface JobOptions extends Partial<Pick<JobRow, 'organizationId' | 'runner' | 'userId' | 'maxCost'>> {
  readonly steps?: readonly (readonly string[])[]
}

/** Stores a job and its stages as a submit does. */
export function addJob(world: World, id: string, options: JobOptions = {}): string {
  const { organizationId = ORG, runner = 'pipeline', userId = null, maxCost = null, steps = [['a']] } = options
  const nothing = { tariffVersionId: null, periodStart: null, rejection: null, failure: null }
  const times = { parkedAt: null, expiresAt: null, admittedAt: null, finishedAt: null }
  const money = { charged: 0n, reversed: 0n, released: 0n, writtenOff: 0n }
  const identity = { id, organizationId, userId, runner, steps, maxCost }
  const state = { state: 'queued', stage: 'input', generation: 0 } as const
  world.jobs.set(id, { ...identity, ...state, ...nothing, ...times, ...money })
  const delivery = runner === 'pipeline' ? 1 : 0
  for (const { stage, position } of stagesOf(steps)) {
    world.stages.set(
      `${id} ${stage}`,
      stageRow({ jobId: id, stage, position, delivery: stage === 'input' ? delivery : 0 }),
    )
  }
  return id
}

function stageRow(fields: Pick<StageRow, 'jobId' | 'stage' | 'position'> & Partial<StageRow>): StageRow {
  return {
    state: 'waiting',
    bound: null,
    boundIsNew: false,
    grants: {},
    usage: undefined,
    lines: undefined,
    result: undefined,
    tokens: 0,
    charged: 0n,
    absorbed: 0,
    starts: 0,
    claimId: null,
    claimedUntil: null,
    delivery: 0,
    checkAt: null,
    finishedAt: null,
    ...fields,
  }
}

function stagesOf(steps: readonly (readonly string[])[]): readonly { stage: string; position: number }[] {
  const agents = steps.flatMap((step, index) => step.map((key) => ({ stage: `agent.${key}`, position: index + 1 })))
  return [{ stage: 'input', position: 0 }, ...agents, { stage: 'output', position: steps.length + 1 }]
}

interface Sizes {
  readonly input?: number
  readonly prompt?: number
  readonly completion?: number
  readonly output?: number
  readonly model?: string
}

/** The bounds of a job's stages. Without sizes a job of one agent is held at 5 + (10 + 20 + 30) + 40 = 105. */
export function boundsOf(job: Pick<JobRow, 'steps'>, sizes: Sizes = {}): readonly BoundedStage[] {
  const { input = 5, prompt = 20, completion = 30, output = 40, model = 'm1' } = sizes
  const llm = { model, calls: 1, promptTokens: prompt, maxOutputTokens: completion }
  const agents = job.steps.flat().map((agent) => {
    return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm } } satisfies BoundedStage
  })
  return [
    { stage: 'input', bound: { kind: 'input', tokens: input } },
    ...agents,
    { stage: 'output', bound: { kind: 'output', maxTokens: output } },
  ]
}

export function agentUsage(agent: string, prompt: number, completion: number): StageUsage {
  return {
    kind: 'agent',
    agent,
    llm: [{ model: 'm1', source: 'reported', classes: { input: prompt, output: completion } }],
  }
}

export function admitCall(world: World, jobId: string, sizes: Sizes = {}): Calls['admit'] {
  const job = world.job(jobId)
  const { organizationId } = job
  const limits = { outputLimit: OUTPUT_LIMIT, parkedExpiresMs: EXPIRES_MS }
  return { organizationId, jobId, bounds: boundsOf(job, sizes), ...limits }
}

export function admit(world: World, jobId: string, sizes: Sizes = {}): Verdicts['admit'] {
  return world.run('admit', admitCall(world, jobId, sizes))
}

/** Stores a job and admits it. */
export function admitted(world: World, id: string, options: JobOptions = {}, sizes: Sizes = {}): string {
  addJob(world, id, options)
  const verdict = admit(world, id, sizes)
  if (verdict.kind !== 'admitted') throw new Error(`${id} was ${verdict.kind}`)
  return id
}

/** Stores a job that there is no money for, and parks it. The next one is parked a millisecond later. */
export function parked(world: World, id: string, options: JobOptions = {}, sizes: Sizes = {}): string {
  addJob(world, id, options)
  const verdict = admit(world, id, sizes)
  if (verdict.kind !== 'refused') throw new Error(`${id} was ${verdict.kind}`)
  world.now += 1
  return id
}

function settleCall(
  world: World,
  jobId: string,
  stage: string,
  usage: StageUsage,
  result: string | null = null,
): Calls['settle'] {
  return { organizationId: world.job(jobId).organizationId, jobId, stage, usage, result }
}

export function settle(
  world: World,
  jobId: string,
  stage: string,
  usage: StageUsage,
  result: string | null = null,
): Verdicts['settle'] {
  return world.run('settle', settleCall(world, jobId, stage, usage, result))
}

export function claim(world: World, jobId: string, stage: string, claimId: string): Verdicts['claim'] {
  const { organizationId } = world.job(jobId)
  return world.run('claim', { organizationId, jobId, stage, claimId, leaseMs: LEASE_MS })
}

export function keep(world: World, jobId: string, stage: string, claimId: string): Verdicts['keep'] {
  const { organizationId } = world.job(jobId)
  return world.run('keep', { organizationId, jobId, stage, claimId, leaseMs: LEASE_MS })
}

/** Asks for a model call beyond the bound. */
export function extend(
  world: World,
  jobId: string,
  stage: string,
  claimId: string | null,
  call: number,
): Verdicts['extend'] {
  const { organizationId } = world.job(jobId)
  return world.run('extend', { organizationId, jobId, stage, claimId, call, parkedExpiresMs: EXPIRES_MS })
}

/** A call about one job that needs nothing more. */
export function about<K extends Extract<CallKind, 'cancel' | 'complete'>>(
  world: World,
  kind: K,
  jobId: string,
): Verdicts[K] {
  const { organizationId } = world.job(jobId)
  return world.run(kind, { organizationId, jobId } as Calls[K])
}

export function topUp(world: World, amount: bigint, reference: string, organizationId = ORG): Verdicts['top_up'] {
  return world.run('top_up', { organizationId, amount, reference, note: null })
}

export function wake(world: World, fields: Partial<Calls['wake']> = {}): Verdicts['wake'] {
  return world.run('wake', { organizationId: ORG, jobId: null, scope: 'all', after: null, ...fields })
}

export const usd = parseAmount
