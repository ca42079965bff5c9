import { defineEntity, p } from '@mikro-orm/core'
import { Job } from './job.model.ts'

const JobStageSchema = defineEntity({
  name: 'JobStage',
  tableName: 'job_stages',
  properties: {
    jobId: () =>
      p
        .manyToOne(Job)
        .primary()
        .mapToPk()
        .joinColumn('job_id')
        .foreignKeyName('job_stages_job_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    stage: p.string().length(64).primary(),
    position: p.integer(),
    state: p.text().$type<StageState>(),
    bound: p.json<unknown>().strictNullable(),
    grants: p.json<Record<string, number>>().strictNullable(),
    // json, not jsonb: only stored and read whole, and twice as cheap to write.
    usage: p.json<unknown>().columnType('json').strictNullable(),
    lines: p.json<unknown>().columnType('json').strictNullable(),
    result: p.text().strictNullable(),
    tokens: p.bigint('number').defaultRaw('0'),
    charged: p.bigint().defaultRaw('0'),
    absorbed: p.integer().default(0),
    starts: p.integer().default(0),
    claimId: p.uuid().strictNullable(),
    claimedUntil: p.datetime(3).strictNullable(),
    delivery: p.integer().default(0),
    checkAt: p.datetime(3).strictNullable(),
    finishedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'job_stages_due',
      expression: `create index "job_stages_due" on "tollkeeper"."job_stages" ("check_at") where (check_at is not null)`,
    },
  ],
  checks: [
    { name: 'job_stages_state_known', expression: `state in ('waiting', 'running', 'charged', 'reversed')` },
    { name: 'job_stages_figures', expression: 'tokens >= 0 and charged >= 0 and starts >= 0 and delivery >= 0' },
  ],
})

export type StageState = 'waiting' | 'running' | 'charged' | 'reversed'

/**
 * A paid step of a job. Its row makes settling exactly-once, even where every line is 0. `checkAt` is when the sweep
 * looks whether a live queue job stands behind it; null when nothing is due. `delivery` is the
 * number of its latest deliberate enqueue, growing over all stages of the job; a flow's members share one.
 */
export class JobStage extends JobStageSchema.class {}
JobStageSchema.setClass(JobStage)

export { JobStageSchema }
