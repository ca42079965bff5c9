import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'
import { TariffVersion } from './tariff-version.model.ts'

const JobSchema = defineEntity({
  name: 'Job',
  tableName: 'jobs',
  properties: {
    id: p.uuid().primary(),
    organizationId: () =>
      p
        .manyToOne(Organization)
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('jobs_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    // With the organisation it refers to a member, by jobs_member_fk.
    userId: p.string().length(64).strictNullable(),
    externalId: p.text().strictNullable(),
    submitKey: p.text().strictNullable(),
    submitHash: p.text().strictNullable(),
    runner: p.text().$type<'pipeline' | 'own'>(),
    state: p.text().$type<JobState>(),
    stage: p.text().strictNullable(),
    steps: p.json<readonly (readonly string[])[]>(),
    maxCost: p.bigint().strictNullable(),
    tariffVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('tariff_version_id')
        .foreignKeyName('jobs_tariff_version_fk')
        .deleteRule('no action')
        .updateRule('no action')
        .strictNullable(),
    periodStart: p.datetime(3).strictNullable(),
    generation: p.integer().default(0),
    charged: p.bigint().defaultRaw('0'),
    reversed: p.bigint().defaultRaw('0'),
    released: p.bigint().defaultRaw('0'),
    writtenOff: p.bigint().defaultRaw('0'),
    rejection: p.json<StoredRejection>().strictNullable(),
    failure: p.json<JobFailure>().strictNullable(),
    parkedAt: p.datetime(3).strictNullable(),
    expiresAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3).defaultRaw('now()'),
    admittedAt: p.datetime(3).strictNullable(),
    finishedAt: p.datetime(3).strictNullable(),
  },
  uniques: [
    { name: 'jobs_submit_key_unique', properties: ['organizationId', 'submitKey'] },
    // Lists an organisation's jobs, and is what rows refer to that name both.
    { name: 'jobs_organization_newest', properties: ['organizationId', 'id'] },
  ],
  indexes: [
    {
      name: 'jobs_parked',
      expression: `create index "jobs_parked" on "tollkeeper"."jobs" ("organization_id", "parked_at", "id", (coalesce((rejection ->> 'atLeast')::bigint, 0))) where (state = 'rejected_for_balance'::text)`,
    },
    {
      // Nearly empty: jobs that took longer than a day. By it usage is found that the time in their ids does not tell.
      name: 'jobs_slow',
      expression: `create index "jobs_slow" on "tollkeeper"."jobs" ("organization_id", "finished_at") where ((finished_at - created_at) > '24:00:00'::interval)`,
    },
    {
      name: 'jobs_queued',
      expression: `create index "jobs_queued" on "tollkeeper"."jobs" ("organization_id", "id") where (state = 'queued'::text)`,
    },
    // Of lists that are narrowed. None has an entry for a charged job without a member and an id of the customer's own.
    {
      name: 'jobs_of_member',
      expression: `create index "jobs_of_member" on "tollkeeper"."jobs" ("organization_id", "user_id", "id") where (user_id is not null)`,
    },
    {
      name: 'jobs_of_external_id',
      expression: `create index "jobs_of_external_id" on "tollkeeper"."jobs" ("organization_id", "external_id", "id") where (octet_length(external_id) <= 800)`,
    },
    {
      name: 'jobs_not_charged',
      expression: `create index "jobs_not_charged" on "tollkeeper"."jobs" ("organization_id", "state", "id") where (state = any (array['failed'::text, 'cancelled'::text]))`,
    },
    {
      name: 'jobs_unfinished',
      expression: `create index "jobs_unfinished" on "tollkeeper"."jobs" ("created_at") where (state = any (array['queued'::text, 'processing'::text]))`,
    },
  ],
  checks: [
    {
      name: 'jobs_state_known',
      expression: `state in ('queued', 'processing', 'charged', 'rejected_for_balance', 'failed', 'cancelled')`,
    },
    { name: 'jobs_runner_known', expression: `runner in ('pipeline', 'own')` },
    { name: 'jobs_parked_has_reason', expression: `(state = 'rejected_for_balance') = (parked_at is not null)` },
    { name: 'jobs_failed_has_reason', expression: `(state = 'failed') = (failure is not null)` },
    {
      name: 'jobs_amounts_not_negative',
      expression: 'charged >= 0 and reversed >= 0 and released >= 0 and written_off >= 0 and reversed <= charged',
    },
  ],
})

export type JobState = 'queued' | 'processing' | 'charged' | 'rejected_for_balance' | 'failed' | 'cancelled'

/** Why a job is parked; amounts are nano-units as decimal strings, since JSON has no bigint. */
export interface StoredRejection {
  readonly reason: 'insufficient' | 'held_by_others' | 'past_due' | 'frozen' | 'member_limit'
  readonly stage: string
  readonly needed: string
  readonly available: string
  readonly missing: string
  readonly atLeast?: string
}

/** Why a job failed; `code` is one of the failure codes of contract.md. */
export interface JobFailure {
  readonly code: string
  readonly stage: string
  readonly detail: string
}

/**
 * A processing job as a user submitted it: the truth that the queue only hints at. `runner` says who runs its stages:
 * our pipeline, or a platform's own worker that only uses the managers.
 */
export class Job extends JobSchema.class {}
JobSchema.setClass(Job)

export { JobSchema }
