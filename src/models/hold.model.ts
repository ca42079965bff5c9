import { defineEntity, p } from '@mikro-orm/core'

const HoldSchema = defineEntity({
  name: 'Hold',
  tableName: 'holds',
  properties: {
    jobId: p.uuid().primary(),
    generation: p.integer().primary(),
    // With the job it refers to a job of this organisation, by holds_job_fk.
    organizationId: p.string().length(64),
    amount: p.bigint(),
    remaining: p.bigint(),
    state: p.text().$type<'open' | 'closed'>(),
    openedAt: p.datetime(3),
    closedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'holds_one_open',
      expression: `create unique index "holds_one_open" on "tollkeeper"."holds" ("job_id") where (state = 'open'::text)`,
    },
    {
      name: 'holds_open_of_organization',
      expression: `create index "holds_open_of_organization" on "tollkeeper"."holds" ("organization_id") where (state = 'open'::text)`,
    },
  ],
  checks: [
    { name: 'holds_state_known', expression: `state in ('open', 'closed')` },
    { name: 'holds_figures', expression: 'amount >= 0 and remaining >= 0 and remaining <= amount' },
    { name: 'holds_closed_is_empty', expression: `state = 'open' or remaining = 0` },
  ],
})

/** Money set aside for one job, from its admission (`generation` counts resumes) until it ends or is parked. */
export class Hold extends HoldSchema.class {}
HoldSchema.setClass(Hold)

export { HoldSchema }
