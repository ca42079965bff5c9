import type { InTransaction } from '../database/transaction.ts'
import type { Logger } from '../foundation/logger.ts'
import type { BalanceManager } from '../managers/balance.manager.ts'
import type { OrganizationManager } from '../managers/organization.manager.ts'
import type { TariffManager } from '../managers/tariff.manager.ts'
import type { TeamBillingManager } from '../managers/team-billing.manager.ts'
import { parseAmount } from '../pricing/money.ts'
import type { Component } from '../pricing/tariff.ts'

interface SandboxDependencies {
  readonly inTransaction: InTransaction
  readonly tariffs: TariffManager
  readonly organizations: OrganizationManager
  readonly balances: BalanceManager
  readonly teams: TeamBillingManager
  readonly logger: Logger
}

const CURRENCY = 'USD'
const ORGANIZATION = 'org-id'
const MEMBER = 'user-id'
/** Any fixed number of our own. */
const SANDBOX_LOCK = 7_301_144_014

const NO_TARGET = { llmModel: null, tokenClass: null, agent: null, feature: null, tiers: null, included: 0 } as const
const perMillion = { model: 'per_unit', per: 1_000_000 } as const

/** Prices of about what small hosted models cost: enough to see every kind of line. */
const COMPONENTS: readonly Component[] = [
  { ...NO_TARGET, ...perMillion, key: 'input', kind: 'input_tokens', price: parseAmount('0.15') },
  { ...NO_TARGET, ...perMillion, key: 'llm-in', kind: 'llm_tokens', price: parseAmount('0.15'), ...llm('input') },
  { ...NO_TARGET, ...perMillion, key: 'llm-out', kind: 'llm_tokens', price: parseAmount('0.60'), ...llm('output') },
  { ...NO_TARGET, ...perMillion, key: 'output', kind: 'output_tokens', price: parseAmount('1.00') },
  { ...NO_TARGET, ...fee('extractor') },
  { ...NO_TARGET, ...fee('summarizer') },
  { ...NO_TARGET, ...feature('ocr-page', '0.01') },
]

function llm(tokenClass: 'input' | 'output') {
  return { llmModel: '*', tokenClass } as const
}

function feature(name: string, price: string) {
  return { key: name, kind: 'feature', model: 'per_unit', per: 1, price: parseAmount(price), feature: name } as const
}

function fee(agent: string) {
  const price = parseAmount('0.001')
  return { key: `agent-${agent}`, kind: 'agent', model: 'per_unit', per: 1, price, agent } as const
}

/**
 * Makes the example of the README work on a fresh embedded database: a published tariff, an organisation with money,
 * and its member. Does nothing where anything was made before.
 */
export async function createSandbox(dependencies: SandboxDependencies): Promise<void> {
  const { inTransaction, tariffs, organizations, balances, teams, logger } = dependencies
  const made = await inTransaction(async (manager) => {
    // Several processes may start on one fresh database; the first makes it, the others wait and find it.
    await manager.execute('select pg_advisory_xact_lock(?)', [SANDBOX_LOCK])
    const { organizations: known } = await organizations.list(manager, { limit: 1, before: null })
    if (known.length > 0) return false
    const { tariff } = await tariffs.create(manager, {
      name: 'Sandbox',
      pricePerMonth: 0n,
      maxTeamMembers: null,
      memberPrice: 0n,
      currency: CURRENCY,
      chargeOnFailure: 'none',
      components: COMPONENTS,
      publish: true,
    })
    await organizations.create(manager, {
      id: ORGANIZATION,
      name: 'Sandbox',
      currency: CURRENCY,
      tariffId: tariff.planId,
      tariffVersion: null,
      overdraftLimit: 0n,
    })
    return true
  })
  if (!made) return
  await balances.topUp(ORGANIZATION, { amount: parseAmount('10.00'), reference: 'sandbox', note: 'play money' })
  await teams.addMember(ORGANIZATION, MEMBER)
  logger.info(
    { organization: ORGANIZATION, member: MEMBER, tariff: 'Sandbox', balance: `10.00 ${CURRENCY}` },
    'a sandbox was made in the new embedded database; SANDBOX=false turns this off',
  )
}
