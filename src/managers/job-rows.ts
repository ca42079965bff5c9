import { rejectionFromJson } from '../database/money/rows.ts'
import { currentStage } from '../ledger/delivery.ts'
import type { Failure } from '../ledger/facts.ts'
import type { Hold } from '../models/hold.model.ts'
import type { Job } from '../models/job.model.ts'
import type { JobStage } from '../models/job-stage.model.ts'
import type { Organization } from '../models/organization.model.ts'
import type { TariffVersion } from '../models/tariff-version.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { JobView } from './job-view.ts'

/** A job's row repeats this only when the job rests; its stages always know. */
export function chargedOf(stages: readonly JobStage[]): Nano {
  return stages.reduce((sum, { charged }) => sum + charged, 0n)
}

/** What a job's row does not know of it; its stages in their order. */
interface RowsOfJob {
  readonly organization: Organization | null
  readonly version: TariffVersion | null
  readonly stages: readonly JobStage[]
  readonly hold: Hold | null
}

export function toView(job: Job, { organization, version, stages, hold }: RowsOfJob): JobView {
  return {
    ...identityOf(job),
    tariffId: version?.planId ?? null,
    tariffVersion: version?.version ?? null,
    currency: organization?.currency ?? '',
    held: hold?.remaining ?? 0n,
    stage: job.state === 'processing' ? currentStage(stages) : job.stage,
    charged: chargedOf(stages) - job.reversed,
    stages: stages.map(({ stage, state, tokens, charged, result, finishedAt }) => {
      return { stage, state, tokens, charged, result, finishedAt }
    }),
    rejection:
      // A job that stops has its rejection noted already; its figures are known once it is parked.
      job.rejection && job.expiresAt && job.parkedAt
        ? { ...rejectionFromJson(job.rejection), expiresAt: job.expiresAt }
        : null,
    failure: job.failure as Failure | null,
    result: job.state === 'charged' ? { text: stages.at(-1)?.result ?? '' } : null,
  }
}

function identityOf(job: Job) {
  const { id, organizationId, userId, externalId, state, steps, createdAt, finishedAt } = job
  return { id, organizationId, userId, externalId, state, steps, createdAt, finishedAt }
}
