import type { Tollkeeper } from '../../src/composition.ts'
import { component, fundedOrganization, type World } from '../support/tollkeeper.ts'

/** Free units, a fee, and model tokens of two classes. */
export const COMPONENTS = [
  component('fee', { kind: 'agent', agent: 'repeater' }, '1.00'),
  component('input', { kind: 'input_tokens', included: 3 }, '2.00'),
  component('llm-in', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'input' }, '3.00'),
  component('llm-out', { kind: 'llm_tokens', llmModel: '*', tokenClass: 'output' }, '5.00'),
]
const BOUND = {
  kind: 'agent',
  agent: 'repeater',
  llm: { model: 'm', calls: 2, promptTokens: 100, maxOutputTokens: 50 },
} as const
const USAGE = {
  kind: 'agent',
  agent: 'repeater',
  llm: [{ model: 'm', source: 'reported', classes: { input: 90, output: 40 } }],
} as const

/** A job whose stages are measured here: `charged`, `failed` (so reversed), `cancelled` after its agent, or `running`. */
async function work(
  { openJob, billing }: Tollkeeper,
  organizationId: string,
  end: 'charged' | 'failed' | 'cancelled' | 'running',
): Promise<string> {
  const job = await openJob({ organizationId, userId: 'u1', agents: ['repeater'] })
  await billing.admit(job, [
    { stage: 'input', bound: { kind: 'input', tokens: 10 } },
    { stage: 'agent.repeater', bound: BOUND },
    { stage: 'output', bound: { kind: 'output', maxTokens: 20 } },
  ])
  await billing.settle({ ...job, stage: 'agent.repeater' }, USAGE)
  if (end === 'cancelled') await billing.cancel(job)
  if (end === 'failed') await billing.reverse(job, { code: 'agent-error', stage: 'output', detail: 'it broke' })
  if (end === 'charged') {
    await billing.settle({ ...job, stage: 'output' }, { kind: 'output', tokens: 15 })
    await billing.release(job)
  }
  return job.jobId
}

/** An organisation with a job in every state that money leaves a trace of, and the member in whose name they ran. */
export async function busyOrganization(tollkeeper: Tollkeeper, id: string): Promise<string> {
  await fundedOrganization(tollkeeper, id, '50.00', COMPONENTS, { memberPrice: '2.00', maxTeamMembers: 2 })
  await tollkeeper.teams.addMember(id, 'u1')
  for (const end of ['charged', 'failed', 'cancelled', 'running'] as const) await work(tollkeeper, id, end)
  return id
}

export const statusOf = async ({ database }: World, id: string) =>
  (await database.query<{ status: string }>('select status from tollkeeper.organizations where id = $1', [id]))[0]
    ?.status

/** What a trigger refuses to change even to the owner. */
const GUARDED = ['ledger_entries', 'tariff_versions', 'tariff_components', 'audit_log', 'audit_head']

/** What would refuse the damage before anybody could find it. */
const IN_THE_WAY = [
  ['holds', 'holds_closed_is_empty'],
  ['holds', 'holds_job_fk'],
  ['absorbed_usage', 'absorbed_usage_job_fk'],
  ['jobs', 'jobs_member_fk'],
  ['feature_charges', 'feature_charges_member_fk'],
  ['feature_charges', 'feature_charges_entry_fk'],
] as const

/** Changes rows as only the owner can, with triggers and constraints out of the way, and puts these back. */
export async function damage({ database }: World, sql: string): Promise<void> {
  for (const table of GUARDED) await database.query(`alter table tollkeeper.${table} disable trigger user`)
  for (const [table, constraint] of IN_THE_WAY) {
    await database.query(`alter table tollkeeper.${table} drop constraint if exists ${constraint}`)
  }
  await database.query(sql)
  for (const table of GUARDED) await database.query(`alter table tollkeeper.${table} enable trigger user`)
}
