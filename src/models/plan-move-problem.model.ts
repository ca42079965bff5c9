import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'
import { PlanMove } from './plan-move.model.ts'

const PlanMoveProblemSchema = defineEntity({
  name: 'PlanMoveProblem',
  tableName: 'plan_move_problems',
  properties: {
    moveId: () =>
      p
        .manyToOne(PlanMove)
        .primary()
        .mapToPk()
        .joinColumn('move_id')
        .foreignKeyName('plan_move_problems_move_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    organizationId: () =>
      p
        .manyToOne(Organization)
        .primary()
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('plan_move_problems_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    code: p.text(),
    detail: p.text(),
  },
})

/** Why a move left an organisation where it was. */
export class PlanMoveProblem extends PlanMoveProblemSchema.class {}
PlanMoveProblemSchema.setClass(PlanMoveProblem)

export { PlanMoveProblemSchema }
