import type { Tollkeeper } from '../composition.ts'
import { divideCeil, type Nano, parseAmount } from '../pricing/money.ts'
import type { Component } from '../pricing/tariff.ts'

/** Who pays for what in the demo: made anew by each run, so that a run meets nothing of an earlier one. */
export interface Scene {
  readonly plan: string
  readonly tariffId: string
  readonly organizationId: string
  readonly userId: string
  readonly currency: string
  readonly toppedUp: Nano
  /** What the rest of the period's seat cost. */
  readonly seat: Nano
  /** What a job of the demo's text costs at least and at most. */
  readonly lower: Nano
  readonly upper: Nano
  readonly available: Nano
}

export const MEMBER = 'ada'
const MEMBER_PRICE = parseAmount('0.10')
export const FREE_INPUT_TOKENS = 500
/** One cent: nobody tops up by less. */
const CENT = parseAmount('0.01')

const NO_TARGET = { llmModel: null, tokenClass: null, agent: null, feature: null, tiers: null, included: 0 } as const
const perMillion = { model: 'per_unit', per: 1_000_000 } as const

/**
 * The fees are well above the cent by which a top-up is rounded: what the first job leaves over is then never enough for
 * a second one like it.
 */
const COMPONENTS: readonly Component[] = [
  {
    ...NO_TARGET,
    ...perMillion,
    key: 'input',
    kind: 'input_tokens',
    price: parseAmount('0.50'),
    included: FREE_INPUT_TOKENS,
  },
  { ...NO_TARGET, ...perMillion, key: 'llm-in', kind: 'llm_tokens', price: parseAmount('0.60'), ...llm('input') },
  { ...NO_TARGET, ...perMillion, key: 'llm-out', kind: 'llm_tokens', price: parseAmount('2.40'), ...llm('output') },
  { ...NO_TARGET, ...fee('extractor') },
  { ...NO_TARGET, ...fee('summarizer') },
  { ...NO_TARGET, ...perMillion, key: 'output', kind: 'output_tokens', price: parseAmount('1.00') },
]

function llm(tokenClass: 'input' | 'output') {
  return { llmModel: '*', tokenClass } as const
}

function fee(agent: string) {
  return { key: `fee-${agent}`, kind: 'agent', model: 'per_unit', per: 1, price: parseAmount('0.02'), agent } as const
}

export function toWholeCents(amount: Nano): Nano {
  return divideCeil(amount, CENT) * CENT
}

/** Makes a plan, an organisation with money for a seat and for one job of this text, and its member. */
export async function makeScene(
  { config, inTransaction, em, tariffs, organizations, balances, teams, service }: Tollkeeper,
  text: string,
  id: string,
): Promise<Scene> {
  const currency = config.defaultCurrency
  const plan = `Harbour plan ${id}`
  const organizationId = `demo-${id}`
  const tariffId = await inTransaction(async (manager) => {
    const { tariff } = await tariffs.create(manager, {
      name: plan,
      pricePerMonth: 0n,
      maxTeamMembers: 5,
      memberPrice: MEMBER_PRICE,
      currency,
      chargeOnFailure: 'none',
      components: COMPONENTS,
      publish: true,
    })
    const organization = { id: organizationId, name: `Harbour council ${id}`, currency, overdraftLimit: 0n }
    await organizations.create(manager, { ...organization, tariffId: tariff.planId, tariffVersion: null })
    return tariff.planId
  })
  const { lower, upper } = await service.quote({ organizationId, text })
  const toppedUp = toWholeCents(upper) + MEMBER_PRICE
  await balances.topUp(organizationId, { amount: toppedUp, reference: 'first', note: 'for a seat and one job' })
  const { member } = await teams.addMember(organizationId, MEMBER)
  const { available } = await balances.balance(em(), organizationId)
  const people = { plan, tariffId, organizationId, userId: MEMBER, currency }
  return { ...people, toppedUp, seat: member.charged, lower, upper, available }
}
