import { type EntityManager, IsolationLevel } from '@mikro-orm/postgresql'
import type { StageState } from '../ledger/states.ts'
import { Hold } from '../models/hold.model.ts'
import { Job } from '../models/job.model.ts'
import { JobStage } from '../models/job-stage.model.ts'
import { JobText } from '../models/job-text.model.ts'
import { LedgerEntry } from '../models/ledger-entry.model.ts'
import { TariffComponent } from '../models/tariff-component.model.ts'
import { TariffPlan } from '../models/tariff-plan.model.ts'
import { TariffVersion } from '../models/tariff-version.model.ts'
import type { Nano } from '../pricing/money.ts'
import type { Tariff } from '../pricing/tariff.ts'
import type { StageBound } from '../pricing/usage.ts'
import type { JobManager } from './job.manager.ts'
import type { Receipt } from './job-view.ts'
import { toTariff } from './tariff-row.ts'

/** A stage as it is stored. */
export interface EvidentStage {
  readonly stage: string
  readonly state: StageState
  readonly bound: StageBound | null
  /** As it is stored: somebody may have changed it. */
  readonly usage: unknown
  readonly charged: Nano
  readonly result: string | null
}

type EvidentEntry = Pick<
  LedgerEntry,
  'seq' | 'kind' | 'amount' | 'creditAccount' | 'businessKey' | 'organizationId' | 'reversesSeq'
>

/** All that is stored of a job that its receipt can be made again from, as it was at one moment. */
export interface ReceiptEvidence {
  readonly receipt: Receipt
  readonly runner: 'pipeline' | 'own'
  readonly steps: readonly (readonly string[])[]
  /** null: none is stored. */
  readonly text: string | null
  /** The version that the job pins; null before its admission. */
  readonly tariff: Tariff | null
  /** What the job's own row repeats of its stages; null while the job is processed, when it does not. */
  readonly chargedOfJob: Nano | null
  /** In the order of the job. */
  readonly stages: readonly EvidentStage[]
  readonly holds: readonly Pick<Hold, 'amount' | 'remaining'>[]
  readonly entries: readonly EvidentEntry[]
}

/** Reads in one snapshot, so that a job that goes on meanwhile contradicts nothing. @throws NotFoundError */
export function readReceiptEvidence(em: EntityManager, jobs: JobManager, jobId: string): Promise<ReceiptEvidence> {
  return em.transactional(
    async (snapshot) => {
      const receipt = await jobs.receipt(snapshot, jobId)
      const job = await snapshot.findOneOrFail(Job, { id: jobId })
      const text = await snapshot.findOne(JobText, { jobId })
      return {
        receipt,
        runner: job.runner,
        steps: job.steps,
        text: text?.text ?? null,
        tariff: job.tariffVersionId === null ? null : await readTariff(snapshot, job.tariffVersionId),
        chargedOfJob: job.state === 'processing' ? null : job.charged,
        stages: (await snapshot.find(JobStage, { jobId }, { orderBy: { position: 'asc', stage: 'asc' } })).map(toStage),
        holds: await snapshot.find(Hold, { jobId }),
        entries: await snapshot.find(LedgerEntry, { jobId }, { orderBy: { seq: 'asc' } }),
      }
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  )
}

function toStage({ stage, state, bound, usage, charged, result }: JobStage): EvidentStage {
  return { stage, state, bound: bound as StageBound | null, usage, charged, result }
}

async function readTariff(em: EntityManager, versionId: string): Promise<Tariff> {
  const version = await em.findOneOrFail(TariffVersion, { id: versionId })
  const plan = await em.findOneOrFail(TariffPlan, { id: version.planId })
  return toTariff(version, plan, await em.find(TariffComponent, { versionId }))
}
