import { defineEntity, p } from '@mikro-orm/core'
import { TariffPlan } from './tariff-plan.model.ts'
import { TariffVersion } from './tariff-version.model.ts'

const PlanMoveSchema = defineEntity({
  name: 'PlanMove',
  tableName: 'plan_moves',
  properties: {
    id: p.uuid().primary(),
    planId: () =>
      p
        .manyToOne(TariffPlan)
        .mapToPk()
        .joinColumn('plan_id')
        .foreignKeyName('plan_moves_plan_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    toVersionId: () =>
      p
        .manyToOne(TariffVersion)
        .mapToPk()
        .joinColumn('to_version_id')
        .foreignKeyName('plan_moves_version_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    applyTo: p.text().$type<MoveTime>(),
    state: p.text().$type<PlanMoveState>(),
    total: p.integer(),
    moved: p.integer().default(0),
    skipped: p.integer().default(0),
    cursor: p.string().length(64).strictNullable(),
    createdAt: p.datetime(3),
    finishedAt: p.datetime(3).strictNullable(),
  },
  indexes: [
    { name: 'plan_moves_of_plan', properties: ['planId', 'id'] },
    {
      name: 'plan_moves_one_running',
      expression: `create unique index "plan_moves_one_running" on "tollkeeper"."plan_moves" ("plan_id") where (state = 'running'::text)`,
    },
  ],
  checks: [
    { name: 'plan_moves_time_known', expression: `apply_to in ('next_period', 'now')` },
    { name: 'plan_moves_state_known', expression: `state in ('running', 'done', 'cancelled')` },
    { name: 'plan_moves_finished', expression: `(state = 'running') = (finished_at is null)` },
    { name: 'plan_moves_figures', expression: 'total >= 0 and moved >= 0 and skipped >= 0' },
  ],
})

/** When the organisations of a plan go over to its new version. */
export type MoveTime = 'next_period' | 'now'
export type PlanMoveState = 'running' | 'done' | 'cancelled'

/**
 * An order to move the organisations of a plan to one of its versions, and how far it has come: `cursor` is the id of the
 * last organisation that was looked at; `total` were on older versions when it was given.
 */
export class PlanMove extends PlanMoveSchema.class {}
PlanMoveSchema.setClass(PlanMove)

export { PlanMoveSchema }
