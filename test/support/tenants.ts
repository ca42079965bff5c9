import type { Tollkeeper } from '../../src/composition.ts'
import { parseAmount } from '../../src/pricing/money.ts'
import { CONTRACT_COMPONENTS, component, fundedOrganization } from './tollkeeper.ts'

const MEMBERS = ['ann', 'bob'] as const
const COMPONENTS = [...CONTRACT_COMPONENTS, component('export', { kind: 'feature', feature: 'export' }, '0.10')]

/**
 * The organisations `acme` and `rival` with the same story each, so that every table has as many rows of the one as of the
 * other: two members, a job of each that runs with its input charged, a feature that ann was charged for, and a threshold
 * that is crossed. Beside them a tariff that is a draft.
 * @returns the job of each member, by organisation
 */
export async function twoTenants(tollkeeper: Tollkeeper): Promise<Record<'acme' | 'rival', Record<string, string>>> {
  const { inTransaction, tariffs } = tollkeeper
  const draft = { name: 'not for sale yet', pricePerMonth: 0n, maxTeamMembers: null, memberPrice: 0n, currency: 'USD' }
  const terms = { chargeOnFailure: 'none', components: COMPONENTS.slice(0, 1), publish: false } as const
  await inTransaction((em) => tariffs.create(em, { ...draft, ...terms }))
  return { acme: await tenant(tollkeeper, 'acme'), rival: await tenant(tollkeeper, 'rival') }
}

async function tenant(tollkeeper: Tollkeeper, id: string): Promise<Record<string, string>> {
  const { teams, alerts, billing } = tollkeeper
  await fundedOrganization(tollkeeper, id, '10.00', COMPONENTS)
  for (const user of MEMBERS) await teams.addMember(id, user)
  await alerts.addThreshold(id, { metric: 'available', below: parseAmount('9.95'), clearAt: null })
  await billing.chargeFeature(id, 'export', 1, 'first', { userId: 'ann' })
  const jobs: Record<string, string> = {}
  for (const user of MEMBERS) jobs[user] = await runningJob(tollkeeper, id, user)
  return jobs
}

async function runningJob(tollkeeper: Tollkeeper, organizationId: string, userId: string): Promise<string> {
  const { inTransaction, jobs, billing } = tollkeeper
  const whose = { organizationId, userId, externalId: null, key: null, maxCost: null }
  const { id: jobId } = await inTransaction((em) =>
    jobs.create(em, { ...whose, text: `a secret of ${organizationId}`, steps: [['summarizer']], runner: 'own' }),
  )
  await billing.admit({ organizationId, jobId }, [
    { stage: 'input', bound: { kind: 'input', tokens: 100 } },
    { stage: 'agent.summarizer', bound: { kind: 'agent', agent: 'summarizer', llm: null } },
    { stage: 'output', bound: { kind: 'output', maxTokens: 50 } },
  ])
  return jobId
}
