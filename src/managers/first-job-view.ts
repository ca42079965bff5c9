import type { JobView } from './job-view.ts'

const UNTOUCHED = { state: 'waiting', tokens: 0, charged: 0n, result: null, finishedAt: null } as const

/** A job as it was shown to whoever submitted it, before anything happened to it: the same bytes, whatever became of it. */
export function firstJobView(job: JobView): JobView {
  const { id, organizationId, userId, externalId, steps, currency, createdAt } = job
  return {
    ...{ id, organizationId, userId, externalId, steps, currency, createdAt },
    state: 'queued',
    stage: 'input',
    tariffId: null,
    tariffVersion: null,
    held: 0n,
    charged: 0n,
    stages: job.stages.map(({ stage }) => ({ stage, ...UNTOUCHED })),
    rejection: null,
    failure: null,
    result: null,
    finishedAt: null,
  }
}
