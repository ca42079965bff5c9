import type { EntityManager } from '@mikro-orm/postgresql'
import type { DatabaseTime } from './database-time.ts'

/** How many rows of a kind the sweep looks at in one page. */
export const DUE_MAX = 500

/** An unfinished stage whose queue job should be looked at. */
export interface DueStage {
  readonly jobId: string
  readonly organizationId: string
  readonly stage: string
  readonly delivery: number
  /** The agents that it came along with as the parent of a flow, and may rightly wait for. */
  readonly children: readonly string[]
}

/** A job that is past a time limit, with the stage at which it stands. */
export interface OverdueJob {
  readonly jobId: string
  readonly organizationId: string
  readonly stage: string
}

export interface ParkedJob {
  readonly jobId: string
  readonly organizationId: string
  readonly stage: string
  readonly generation: number
}

/** The database's time, or a clock's that was given. */
const PRESENT = 'coalesce(?::timestamptz, now())'

const DUE = `
select s.job_id as "jobId", j.organization_id as "organizationId", s.stage, s.delivery,
  array(select c.stage::text from tollkeeper.job_stages c
    where c.job_id = s.job_id and c.position = s.position - 1 and c.delivery = s.delivery) as children
from tollkeeper.job_stages s join tollkeeper.jobs j on j.id = s.job_id
where s.check_at <= ${PRESENT} and j.state in ('queued', 'processing') and j.runner = 'pipeline'
order by s.check_at limit ${DUE_MAX}`

const PUSH_AHEAD = `
update tollkeeper.job_stages set check_at = ${PRESENT} + ? * interval '1 millisecond'
where (job_id, stage) in (select x."jobId", x.stage from jsonb_to_recordset(?::jsonb) as x("jobId" uuid, stage text))
  and check_at is not null`

const WAITING_ORGANIZATIONS = `
select distinct organization_id as id from tollkeeper.jobs where state = 'rejected_for_balance'
union select distinct organization_id from tollkeeper.team_members where state = 'pending_payment'`

const RENEWED = `
select id from tollkeeper.organizations
where period_end <= ${PRESENT}
  or (least(status_until, next_tariff_at) <= ${PRESENT} and (status_until is not null or next_tariff_at is not null))
order by id limit ${DUE_MAX}`

const EXPIRED = `
select id as "jobId", organization_id as "organizationId", coalesce(stage, 'input') as stage from tollkeeper.jobs
where state = 'rejected_for_balance' and expires_at <= ${PRESENT} order by expires_at limit ${DUE_MAX}`

const LAPSED = `
select j.id as "jobId", j.organization_id as "organizationId", coalesce((
    select s.stage from tollkeeper.job_stages s where s.job_id = j.id and s.state in ('waiting', 'running')
    order by s.position, s.stage limit 1), 'output') as stage
from tollkeeper.jobs j
where j.state = 'processing' and j.runner = ? and j.admitted_at <= ${PRESENT} - ? * interval '1 millisecond'
  and not exists (select 1 from tollkeeper.job_stages s
    where s.job_id = j.id and (s.claimed_until > ${PRESENT} or s.finished_at > ${PRESENT} - ? * interval '1 millisecond'))
order by j.admitted_at limit ${DUE_MAX}`

const FORGET_TEXTS = `
delete from tollkeeper.job_texts where job_id in (
  select t.job_id from tollkeeper.job_texts t join tollkeeper.jobs j on j.id = t.job_id
  where j.finished_at <= ${PRESENT} - ? * interval '1 millisecond' limit ${DUE_MAX})
returning job_id`

const PARKED = `
select id as "jobId", organization_id as "organizationId", coalesce(stage, 'input') as stage, generation
from tollkeeper.jobs where state = 'rejected_for_balance'`

/** What is due by time: the questions of the sweep. */
export class ScheduleManager {
  readonly #time: DatabaseTime

  constructor(time: DatabaseTime) {
    this.#time = time
  }

  due(em: EntityManager): Promise<readonly DueStage[]> {
    return em.execute<DueStage[]>(DUE, [this.#time.given()])
  }

  /** Organisations whose period, grace or tariff ends by now. */
  async renewed(em: EntityManager): Promise<readonly string[]> {
    const now = this.#time.given()
    const rows = await em.execute<{ id: string }[]>(RENEWED, [now, now])
    return rows.map((row) => row.id)
  }

  /** Looks again at these stages after so many milliseconds. */
  async pushAhead(em: EntityManager, stages: readonly { jobId: string; stage: string }[], ms: number): Promise<void> {
    if (stages.length === 0) return
    await em.execute(PUSH_AHEAD, [
      this.#time.given(),
      ms,
      JSON.stringify(stages.map(({ jobId, stage }) => ({ jobId, stage }))),
    ])
  }

  /** Organisations where a parked job or a pending seat waits for money. */
  async waitingOrganizations(em: EntityManager): Promise<readonly string[]> {
    const rows = await em.execute<{ id: string }[]>(WAITING_ORGANIZATIONS)
    return rows.map((row) => row.id)
  }

  /** Parked jobs that nobody paid for in time. */
  expired(em: EntityManager): Promise<readonly OverdueJob[]> {
    return em.execute<OverdueJob[]>(EXPIRED, [this.#time.given()])
  }

  /** Jobs that are processed for longer than `ms`, with no living claim and nothing settled in that time. */
  lapsed(em: EntityManager, runner: 'pipeline' | 'own', ms: number): Promise<readonly OverdueJob[]> {
    const now = this.#time.given()
    return em.execute<OverdueJob[]>(LAPSED, [runner, now, ms, now, now, ms])
  }

  /** Deletes the texts of jobs that have been final for longer than `ms`. @returns how many */
  async forgetTexts(em: EntityManager, ms: number): Promise<number> {
    const forgotten = await em.execute<{ job_id: string }[]>(FORGET_TEXTS, [this.#time.given(), ms])
    return forgotten.length
  }

  /** Every parked job, for its card. */
  parked(em: EntityManager): Promise<readonly ParkedJob[]> {
    return em.execute<ParkedJob[]>(PARKED)
  }
}
