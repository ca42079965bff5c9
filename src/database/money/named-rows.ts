import type { Call, CallKind } from '../../ledger/calls.ts'
import { businessKey } from '../../ledger/keys.ts'

/** A page of a walk over an organisation's parked jobs: those behind a place. */
export interface Walk {
  readonly organizationId: string
  readonly parkedAt: number | null
  readonly id: string | null
  /** Whether it looks at those only that may fit what is spendable. */
  readonly fitting: boolean
}

export interface NamedKeys {
  readonly ofJobs: readonly { readonly jobId: string; readonly key: string }[]
  /** Keys that name no job. */
  readonly others: ReadonlySet<string>
}

/** Everything that the calls of a batch name: what is locked and read for them. */
export interface NamedRows {
  readonly organizations: ReadonlySet<string>
  readonly jobs: ReadonlySet<string>
  /** Jobs whose charges a call may take back: the lines of all their stages are read. */
  readonly whole: ReadonlySet<string>
  /** Stages that a call charges; where one was charged before, the call answers its stored lines. */
  readonly settled: readonly { readonly jobId: string; readonly stage: string }[]
  readonly members: ReadonlySet<string>
  /** Organisations whose team a call may change: who waits for a seat there, and who owns it, is read. */
  readonly teams: ReadonlySet<string>
  /** Keys of which the entry is read, if there is one. */
  readonly keys: NamedKeys
  /** Charges of features that may have been made before; what is not is priced by the present counters. */
  readonly features: readonly { readonly organizationId: string; readonly key: string }[]
  readonly walks: readonly Walk[]
  /** Keys of slips, of which the answer is read, if one was given. */
  readonly answers: readonly { readonly scope: string; readonly key: string }[]
  /** Whether a call has a slip: it is decided on rows that are read. */
  readonly slips: boolean
  /** Whether a call may admit a job, and so needs bounds and steps. */
  readonly admits: boolean
}

/** Calls that neither price a job again nor ask whose it is: for them bounds stay where they are. */
const PLAIN: ReadonlySet<CallKind> = new Set([
  'claim',
  'keep',
  'settle',
  'complete',
  'redeliver',
  'let_go',
  'cancel',
  'fail',
  'reverse',
  'change_member',
  'remove_member',
  'renew',
  'add_threshold',
  'remove_threshold',
  'judge_headroom',
  'charge_feature',
])

export function namedRows(calls: readonly Call[]): NamedRows {
  const organizations = new Set<string>()
  const jobs = new Set<string>()
  const whole = new Set<string>()
  const settled: { jobId: string; stage: string }[] = []
  const members = new Set<string>()
  const teams = new Set<string>()
  const ofJobs: { jobId: string; key: string }[] = []
  const others = new Set<string>()
  const features: { organizationId: string; key: string }[] = []
  const walks: Walk[] = []
  const answers: { scope: string; key: string }[] = []
  let slips = false
  const walkAll = (organizationId: string): void => {
    teams.add(organizationId)
    walks.push({ organizationId, parkedAt: null, id: null, fitting: false })
  }
  for (const call of calls) {
    organizations.add(call.organizationId)
    if (call.slip) {
      slips = true
      if (call.slip.key) answers.push({ scope: call.organizationId, key: call.slip.key.key })
    }
    if ('jobId' in call && call.jobId !== null) jobs.add(call.jobId)
    if ('userId' in call && call.userId !== null) {
      members.add(call.userId)
      teams.add(call.organizationId)
    }
    if (call.kind === 'charge_feature') features.push({ organizationId: call.organizationId, key: call.key })
    // Whatever may reverse a job's charges needs all its lines.
    if (call.kind === 'fail' || call.kind === 'reverse' || call.kind === 'extend') whole.add(call.jobId)
    if (call.kind === 'extend') {
      ofJobs.push({ jobId: call.jobId, key: businessKey.extend(call.jobId, call.stage, call.call) })
    }
    if (call.kind === 'settle') settled.push({ jobId: call.jobId, stage: call.stage })
    if (call.kind === 'admit') settled.push({ jobId: call.jobId, stage: 'input' })
    if (call.kind === 'wake') {
      const { organizationId, jobId, scope, after } = call
      const [parkedAt, id] = [after?.parkedAt ?? null, after?.id ?? null]
      if (jobId === null) {
        teams.add(organizationId)
        walks.push({ organizationId, parkedAt, id, fitting: scope === 'fitting' })
      } else whole.add(jobId)
    }
    if (call.kind === 'top_up') {
      others.add(businessKey.topUp(call.organizationId, call.reference))
      walkAll(call.organizationId)
    }
    if (call.kind === 'adjust') {
      others.add(businessKey.adjustment(call.organizationId, call.reference))
      walkAll(call.organizationId)
    }
  }
  const admits = calls.some(({ kind }) => !PLAIN.has(kind))
  const keys = { ofJobs, others }
  return { organizations, jobs, whole, settled, members, teams, keys, features, walks, answers, slips, admits }
}
