import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import type { TokenClass } from '../../src/pricing/tariff.ts'
import type { StageBound, StageUsage } from '../../src/pricing/usage.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { component } from '../support/tollkeeper.ts'

/** Every kind of line: with free units and without, a fee, a flat price, one model by its name, and a meter at no price. */
const PRICED = [
  component('input', { kind: 'input_tokens', included: 400 }, '2.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '3.00'),
  component('llm-in-large', { kind: 'llm_tokens', llmModel: 'large', tokenClass: 'input', included: 50 }, '7.00'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '5.00'),
  component('fee', { kind: 'agent', agent: 'writer' }, '0.0007'),
  component('once', { kind: 'agent', agent: 'reader', model: 'flat' }, '0.0003'),
]
const AGENTS = ['writer', 'reader', 'judge'] as const
const MODELS = ['small', 'large', '=cmd|calc'] as const
const MEMBERS = ['ann', 'bob'] as const
const PROMPT_MAX = 300
const ANSWER_MAX = 120

/** An organisation with money and members, on a plan with a monthly fee, that jobs can be told of. */
export async function storyOrganization(tollkeeper: Tollkeeper, id: string): Promise<string> {
  const { inTransaction, tariffs, organizations, balances } = tollkeeper
  await inTransaction(async (em) => {
    const { tariff } = await tariffs.create(em, {
      name: `plan of ${id}`,
      pricePerMonth: parseAmount('0.01'),
      memberPrice: parseAmount('0.002'),
      maxTeamMembers: 5,
      currency: 'USD',
      chargeOnFailure: 'none',
      components: PRICED,
      publish: true,
    })
    const on = { currency: 'USD', tariffId: tariff.planId, tariffVersion: null, overdraftLimit: 0n }
    await organizations.create(em, { id, name: id, ...on })
  })
  await balances.topUp(id, { amount: parseAmount('0.20'), reference: 'first', note: null })
  for (const user of MEMBERS) await tollkeeper.teams.addMember(id, user)
  return id
}

/** One more job, to any end: charged, failed, cancelled, still running, refused, or dearer than what was held for it. */
export async function tellJob(tollkeeper: Tollkeeper, organizationId: string, random: SeededRandom): Promise<void> {
  const { openJob, billing } = tollkeeper
  const agents = AGENTS.filter(() => random.chance(60))
  if (agents.length === 0) agents.push('writer')
  const userId = random.chance(70) ? random.pick(MEMBERS) : null
  const job = await openJob({ organizationId, userId, agents })
  const model = random.pick(MODELS)
  const llm = { model, calls: 2, promptTokens: PROMPT_MAX, maxOutputTokens: ANSWER_MAX }
  const stages = agents.map((agent) => {
    return { stage: `agent.${agent}`, bound: { kind: 'agent', agent, llm } satisfies StageBound }
  })
  const admitted = await billing.admit(job, [
    { stage: 'input', bound: { kind: 'input', tokens: 1 + random.below(150) } },
    ...stages,
    { stage: 'output', bound: { kind: 'output', maxTokens: 50 } },
  ])
  if (admitted.kind !== 'admitted') return
  for (const agent of agents) {
    if (random.chance(15)) break
    await billing.settle({ ...job, stage: `agent.${agent}` }, usageOf(agent, model, random))
  }
  const end = random.below(100)
  if (end < 50) {
    await billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: random.below(50) })
    await billing.release(job)
  } else if (end < 70) {
    await billing.reverse(job, { code: 'agent-error', stage: 'output', detail: 'it broke' })
  } else if (end < 85) await billing.cancel(job)
}

function usageOf(agent: string, model: string, random: SeededRandom): StageUsage {
  const call = (name: string, more: number) => {
    const input = random.below(PROMPT_MAX) + more
    const classes: Partial<Record<TokenClass, number>> = { input, output: random.below(ANSWER_MAX) }
    return { model: name, source: 'reported' as const, classes }
  }
  // Now and then far beyond the bound, so that some of it is written off.
  const beyond = random.chance(10) ? 20_000 : 0
  const llm = random.chance(80)
    ? [call(model, beyond), ...(random.chance(30) ? [call(random.pick(MODELS), 0)] : [])]
    : []
  return { kind: 'agent', agent, llm }
}

/** Money in or out by hand, or a seat: what a ledger has beside jobs. */
export async function tellMoney({ balances, teams }: Tollkeeper, id: string, random: SeededRandom): Promise<void> {
  const reference = `r${random.below(2 ** 31)}`
  const amount = BigInt(1 + random.below(9_000_000))
  const what = random.below(4)
  if (what === 0) await balances.topUp(id, { amount, reference, note: null })
  else if (what === 1) await balances.adjust(id, { amount, direction: 'credit', reference, note: null })
  else if (what === 2) {
    const debit = { amount: amount / 100n + 1n, direction: 'debit', reference, note: null } as const
    await balances.adjust(id, debit).catch(refusedOnly)
  } else await teams.addMember(id, `guest-${random.below(3)}`)
}

function refusedOnly(error: unknown): void {
  if ((error as { code?: unknown }).code !== 'insufficient-balance') throw error
}
