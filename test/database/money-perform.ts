import type { Tollkeeper } from '../../src/composition.ts'
import { TollkeeperError } from '../../src/foundation/errors.ts'
import type { Claim } from '../../src/managers/token-based-billing.manager.ts'
import type { StageUsage } from '../../src/pricing/usage.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { type Books, found, type Operation } from './money-model-terms.ts'
import { type Asked, boundsOf, type JobPlan } from './money-operations.ts'

const DELIVERIES = 'select stage, delivery from tollkeeper.job_stages where job_id = $1'
const LAPSE = `update tollkeeper.job_stages set claimed_until = now() - interval '1 second'
  where job_id = $1 and stage = $2 and claim_id is not null`

/** The claims that the product gave, by the model's name for them. */
export type Claims = Map<string, Claim>

/** Asks the product. @returns its answer in the model's words; a claim that is granted is kept in `claims` */
export async function perform(
  { database, tollkeeper }: { readonly database: TestDatabase; readonly tollkeeper: Tollkeeper },
  plans: ReadonlyMap<string, JobPlan>,
  claims: Claims,
  { operation, usage }: Asked,
  books: Books,
): Promise<string> {
  try {
    if ('organization' in operation) return await performOnOrganization(tollkeeper, operation)
    const { organization: organizationId, stages } = found(books.jobs[operation.job])
    const of = { organizationId, jobId: operation.job }
    if (!('stage' in operation))
      return await performOnJob(database, tollkeeper, operation, of, found(plans.get(operation.job)))
    const on = { ...of, stage: found(stages[operation.stage]).name }
    return await performOnStage(database, tollkeeper, operation, on, claims, usage)
  } catch (error) {
    if (error instanceof TollkeeperError) return error.code
    throw error
  }
}

async function performOnOrganization(
  { billing, balances, teams }: Tollkeeper,
  operation: Extract<Operation, { organization: string }>,
): Promise<string> {
  const { organization } = operation
  if (operation.kind === 'wake') {
    const members: string[] = []
    const resumed: string[] = []
    for await (const woken of billing.wake(organization)) {
      members.push(...woken.members)
      resumed.push(...woken.resumed.map(({ jobId }) => jobId))
      // What comes after are calls of their own, one for each hopeless job.
      break
    }
    return `woke ${members} ${resumed}`
  }
  if (operation.kind === 'add_member') {
    const { created, member } = await teams.addMember(organization, operation.user)
    return `${created ? 'added' : 'known'} ${member.state} ${member.charged}`
  }
  if (operation.kind === 'remove_member') {
    await teams.removeMember(organization, operation.user)
    return 'removed'
  }
  if (operation.kind === 'feature') {
    const { ledgerSeq, charged, replayed } = await billing.chargeFeature(
      organization,
      'page',
      operation.pages,
      operation.key,
    )
    return `${replayed ? 'again ' : ''}${ledgerSeq} charged ${charged}`
  }
  const { kind, amount, reference } = operation
  const payment = { amount, reference, note: null }
  const paid =
    kind === 'top_up'
      ? await balances.topUp(organization, payment)
      : await balances.adjust(organization, { ...payment, direction: kind })
  return `${paid.replayed ? 'again ' : ''}${paid.seq} woke ${paid.activatedMembers} ${paid.resumedJobs}`
}

async function performOnJob(
  { query }: TestDatabase,
  { billing }: Tollkeeper,
  { kind }: Operation,
  of: { organizationId: string; jobId: string },
  plan: JobPlan,
): Promise<string> {
  if (kind === 'admit') {
    const verdict = await billing.admit(of, boundsOf(plan))
    return verdict.kind === 'refused'
      ? `refused ${verdict.rejection.reason} ${verdict.rejection.missing}`
      : verdict.kind
  }
  if (kind === 'resume') return (await billing.resume(of))?.jobId ?? 'nothing'
  if (kind === 'complete') return `released ${(await billing.release(of)).released}`
  if (kind === 'redeliver') {
    const seen = await query<{ stage: string; delivery: number }>(DELIVERIES, [of.jobId])
    await billing.redeliver(of, seen)
    return 'delivered'
  }
  if (kind === 'cancel') return (await billing.cancel(of)).kind
  const failure = { code: 'agent-error', stage: 'output', detail: 'it broke' } as const
  return `reversed ${(await billing.reverse(of, failure)).reversed}`
}

async function performOnStage(
  { query }: TestDatabase,
  { billing }: Tollkeeper,
  operation: Extract<Operation, { stage: number }>,
  on: Omit<Claim, 'claimId'>,
  claims: Claims,
  usage: StageUsage | null,
): Promise<string> {
  if (operation.kind === 'settle') {
    const verdict = await billing.settle(on, found(usage))
    if (verdict.kind === 'absorbed') return 'absorbed'
    return `${verdict.replayed ? 'again' : 'settled'} ${verdict.charged}`
  }
  if (operation.kind === 'claim') {
    const { claim, verdict } = await billing.claim(on)
    if (verdict.kind === 'granted') claims.set(operation.claim, claim)
    return verdict.kind
  }
  if (operation.kind === 'lapse') {
    await query(LAPSE, [on.jobId, on.stage])
    return 'lapsed'
  }
  const claim = operation.claim === null ? null : found(claims.get(operation.claim))
  switch (operation.kind) {
    case 'keep':
      return claim ? billing.keep(claim) : 'stop'
    case 'let_go':
      if (claim) await billing.letGo(claim, usage)
      return 'let go'
    case 'extend': {
      const verdict = await billing.extend(claim ?? on, operation.call)
      if (verdict.kind === 'granted') return `granted ${verdict.calls} ${verdict.extended}`
      if (verdict.kind !== 'refused') return verdict.kind
      return `refused ${verdict.rejection.reason} ${verdict.rejection.missing}`
    }
    case 'fail': {
      const failure = { code: 'worker-lost', stage: on.stage, detail: 'it died' } as const
      return (await billing.fail(on, claim?.claimId ?? null, failure)).kind
    }
  }
}
