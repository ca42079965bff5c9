import { type Call, PARKED_PER_WAKE } from '../../ledger/calls.ts'
import { businessKey } from '../../ledger/keys.ts'

interface Wake {
  readonly organization: string
  readonly job: string | null
  readonly parked_at: number | null
  readonly id: string | null
  readonly take: number
}

/** Everything that the calls of a batch name: what lock_batch locks and reads. */
export function namedRows(calls: readonly Call[]): string {
  const organizations = new Set<string>()
  const jobs = new Set<string>()
  const whole = new Set<string>()
  const settled: Record<string, true> = {}
  const members = new Set<string>()
  const keys = new Set<string>()
  const wakes: Wake[] = []
  const wakeAll = (organization: string): void => {
    wakes.push({ organization, job: null, parked_at: null, id: null, take: PARKED_PER_WAKE })
  }
  for (const call of calls) {
    organizations.add(call.organizationId)
    if ('jobId' in call && call.jobId !== null) jobs.add(call.jobId)
    if ('userId' in call) members.add(call.userId)
    // Whatever may reverse a job's charges needs all its lines.
    if (call.kind === 'fail' || call.kind === 'reverse' || call.kind === 'extend') whole.add(call.jobId)
    if (call.kind === 'extend') keys.add(businessKey.extend(call.jobId, call.stage, call.call))
    if (call.kind === 'settle') settled[`${call.jobId} ${call.stage}`] = true
    if (call.kind === 'admit') settled[`${call.jobId} input`] = true
    if (call.kind === 'wake') {
      const { organizationId: organization, jobId: job, after } = call
      const take = job === null ? PARKED_PER_WAKE : 1
      if (job !== null) whole.add(job)
      wakes.push({ organization, job, parked_at: after?.parkedAt ?? null, id: after?.id ?? null, take })
    }
    if (call.kind === 'top_up') {
      keys.add(businessKey.topUp(call.organizationId, call.reference))
      wakeAll(call.organizationId)
    }
    if (call.kind === 'adjust') {
      keys.add(businessKey.adjustment(call.organizationId, call.reference))
      wakeAll(call.organizationId)
    }
  }
  return JSON.stringify({
    organizations: [...organizations],
    jobs: [...jobs],
    whole: [...whole],
    settled,
    members: [...members],
    keys: [...keys],
    wakes,
  })
}
