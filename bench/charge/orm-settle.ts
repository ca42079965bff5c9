import { type EntityManager, LockMode, type MikroORM } from '@mikro-orm/postgresql'
import { linesToJson } from '../../src/database/money/stored-lines.ts'
import { openOrm } from '../../src/database/orm.ts'
import { newId } from '../../src/foundation/ids.ts'
import { invariant } from '../../src/foundation/invariant.ts'
import { businessKey } from '../../src/ledger/keys.ts'
import type { JobOf } from '../../src/managers/token-based-billing.manager.ts'
import { Hold } from '../../src/models/hold.model.ts'
import { Job } from '../../src/models/job.model.ts'
import { JobStage } from '../../src/models/job-stage.model.ts'
import { LedgerEntry } from '../../src/models/ledger-entry.model.ts'
import { OrganizationBalance } from '../../src/models/organization-balance.model.ts'
import { TariffVersion } from '../../src/models/tariff-version.model.ts'
import { UsageCounter } from '../../src/models/usage-counter.model.ts'
import type { Counter } from '../../src/pricing/counters.ts'
import { type Line, type PricedUsage, priceUsage } from '../../src/pricing/price.ts'
import type { Tariff } from '../../src/pricing/tariff.ts'
import { tokensOf } from '../../src/pricing/usage.ts'
import { inParallel, secondsOf } from '../statistics.ts'
import type { World } from '../world.ts'
import { AGENT, admittedJobs, COMPONENTS, STAGE, USAGE } from './settles.ts'

/** More callers than the ORM's pool has connections gain nothing: all of them wait for one organisation's row. */
const CALLERS = 10

/**
 * What a settle costs when each is a unit-of-work transaction of its own: the same rows, the same arithmetic of the
 * pricing core, the same exactly-once by the stage row.
 */
export interface OrmSettles extends AsyncDisposable {
  /** @returns settles per second of `count` new jobs of one organisation */
  measure(organization: string, count: number): Promise<number>
}

export async function openOrmSettles(world: World): Promise<OrmSettles> {
  // With us only the money path writes the ledger; a unit of work would have to.
  await world.pool.query('grant insert on tollkeeper.ledger_entries to tollkeeper_app')
  const orm = await openOrm(world.url)
  return {
    async measure(organization, count) {
      const { jobs } = await admittedJobs(world, { organizations: [organization], callers: 100 }, count)
      const tariff = await tariffOf(orm, jobs[0])
      const seconds = await secondsOf(() =>
        inParallel(jobs, CALLERS, (job) => orm.em.fork().transactional((em) => settleByOrm(em, job, tariff))),
      )
      return count / seconds
    },
    async [Symbol.asyncDispose]() {
      await orm.close(true)
    },
  }
}

async function tariffOf(orm: MikroORM, job: JobOf | undefined): Promise<Tariff> {
  const em = orm.em.fork()
  const { tariffVersionId } = await em.findOneOrFail(Job, { id: job?.jobId ?? '' })
  invariant(tariffVersionId !== null, 'an admitted job has a tariff')
  const { id, planId, version, name } = await em.findOneOrFail(TariffVersion, { id: tariffVersionId })
  const terms = { currency: 'USD', pricePerMonth: 0n, maxTeamMembers: null, memberPrice: 0n } as const
  return {
    versionId: id,
    planId,
    version,
    name,
    ...terms,
    minimumPerJob: 0n,
    chargeOnFailure: 'none',
    graceDays: 7,
    suspendAfterDays: 30,
    components: COMPONENTS,
  }
}

async function settleByOrm(em: EntityManager, { organizationId, jobId }: JobOf, tariff: Tariff): Promise<void> {
  const balance = await em.findOneOrFail(
    OrganizationBalance,
    { organizationId },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  )
  const stage = await em.findOneOrFail(JobStage, { jobId, stage: STAGE })
  if (stage.state === 'charged') return
  const job = await em.findOneOrFail(Job, { id: jobId })
  const hold = await em.findOneOrFail(Hold, { jobId, state: 'open' })
  const { planId } = tariff
  invariant(job.periodStart !== null, 'an admitted job has a period')
  const rows = await em.find(UsageCounter, { organizationId, planId, periodStart: job.periodStart })
  const counters = new Map<string, Counter>(rows.map((row) => [row.component, row]))
  const priced = priceUsage(tariff, USAGE, counters, stage.grants ?? {})
  const lines = priced.lines.map((line) => {
    hold.remaining -= line.amount
    balance.held -= line.amount
    balance.seq += 1
    writeEntry(em, balance, jobId, line)
    return { ...line, writtenOff: 0n, ledgerSeq: balance.seq }
  })
  for (const [component, counter] of priced.counters) {
    const { used, includedUsed, reserved } = counter
    const key = { organizationId, planId, component, periodStart: job.periodStart }
    const row = rows.find((known) => known.component === component)
    if (row) Object.assign(row, { used, includedUsed, reserved })
    else em.create(UsageCounter, { ...key, used, includedUsed, reserved })
  }
  finishStage(stage, priced, linesToJson(lines))
}

function finishStage(stage: JobStage, priced: PricedUsage, lines: readonly unknown[]): void {
  stage.state = 'charged'
  stage.usage = USAGE
  stage.lines = lines
  stage.grants = {}
  stage.tokens = tokensOf(USAGE)
  stage.charged = priced.total
  stage.result = `a result of ${AGENT}`
  stage.finishedAt = new Date()
}

function writeEntry(em: EntityManager, balance: OrganizationBalance, jobId: string, line: Line): void {
  em.create(LedgerEntry, {
    id: newId(),
    organizationId: balance.organizationId,
    seq: balance.seq,
    kind: 'charge',
    debitAccount: 'held',
    creditAccount: 'revenue',
    amount: line.amount,
    currency: 'USD',
    availableAfter: balance.available,
    heldAfter: balance.held,
    businessKey: businessKey.charge(jobId, STAGE, line.component ?? line.kind, line.tokenClass),
    jobId,
    stage: STAGE,
    component: line.component,
    tokenClass: line.tokenClass,
    reference: null,
    reversesSeq: null,
    details: null,
    createdAt: new Date(),
  })
}
