import { defineEntity, p } from '@mikro-orm/core'
import { Organization } from './organization.model.ts'

const TeamMemberSchema = defineEntity({
  name: 'TeamMember',
  tableName: 'team_members',
  properties: {
    organizationId: () =>
      p
        .manyToOne(Organization)
        .primary()
        .mapToPk()
        .joinColumn('organization_id')
        .foreignKeyName('team_members_organization_fk')
        .deleteRule('no action')
        .updateRule('no action'),
    userId: p.string().length(64).primary(),
    role: p.text().$type<'member' | 'admin' | 'owner'>(),
    state: p.text().$type<'active' | 'pending_payment' | 'removed'>(),
    operation: p.uuid(),
    charged: p.bigint().defaultRaw('0'),
    needed: p.bigint().strictNullable(),
    missing: p.bigint().strictNullable(),
    addedAt: p.datetime(3),
    spendingLimit: p.bigint().strictNullable(),
    committed: p.bigint().defaultRaw('0'),
    committedPeriod: p.datetime(3).strictNullable(),
  },
  indexes: [
    {
      name: 'team_members_pending',
      expression: `create index "team_members_pending" on "tollkeeper"."team_members" ("organization_id", "added_at") where (state = 'pending_payment'::text)`,
    },
    {
      name: 'team_members_owners',
      expression: `create index "team_members_owners" on "tollkeeper"."team_members" ("organization_id") where (role = 'owner'::text and state = 'active'::text)`,
    },
  ],
  checks: [
    { name: 'team_members_role_known', expression: `role in ('member', 'admin', 'owner')` },
    { name: 'team_members_limit_not_negative', expression: `spending_limit >= 0` },
    { name: 'team_members_committed_not_negative', expression: `committed >= 0` },
    { name: 'team_members_state_known', expression: `state in ('active', 'pending_payment', 'removed')` },
  ],
})

/**
 * A person's place in an organisation. `operation` names one adding of that person, and is the seat fee's business key.
 * `committed` is what the person's jobs of the period `committedPeriod` hold and were charged, which `spendingLimit` limits.
 */
export class TeamMember extends TeamMemberSchema.class {}
TeamMemberSchema.setClass(TeamMember)

export { TeamMemberSchema }
