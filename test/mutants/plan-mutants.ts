import { type Mutant, mutantsOf } from './mutant.ts'

/** What a plan says, who is moved to it, and what they are told before. */
export const PLAN_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'migrations/Migration20261124004000_plan_life.ts',
    ['database/published-tariffs'],
    [
      {
        name: 'published-version-can-be-updated',
        why: 'prices that customers agreed to are changed under them',
        find: 'before update or delete on "tollkeeper"."tariff_versions"',
        replace: 'before delete on "tollkeeper"."tariff_versions"',
      },
      {
        name: 'published-version-takes-components',
        why: 'a price is added to a version that is being published',
        find: 'where id = any (versions) for share) v',
        replace: 'where id = any (versions)) v',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/content-hash.ts',
    ['managers/content-hash'],
    [
      {
        name: 'hash-without-the-price-of-a-seat',
        why: 'a draft with another price counts as published already, and is lost',
        find: 'version: _number, ...content',
        replace: 'version: _number, memberPrice: _seat, ...content',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/plan-candidates.ts',
    ['managers/plan-moves'],
    [
      {
        name: 'move-overrules-another-plan',
        why: 'a customer who chose another plan for the next period never gets there',
        find: '(? or n.id is null or',
        replace: '(? or true or n.id is null or',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/plan-move.manager.ts',
    ['managers/plan-moves'],
    [
      {
        name: 'move-goes-on-after-its-cancel',
        why: 'organisations are moved by an order that was taken back',
        find: "{ id, state: 'running', cursor },",
        replace: '{ id },',
      },
      {
        name: 'move-forgets-the-seats',
        why: 'a team is on a version that does not allow it',
        find: 'if (problem === null) moved',
        replace: 'if (organizationId) moved',
      },
      {
        name: 'move-keeps-an-older-choice',
        why: 'the next renewal takes an organisation back to the version that it was moved from',
        find: '(n.plan_id <> ? or n.version > ?)',
        replace: '(n.plan_id <> ? or n.version <> ?)',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/seat-price.ts',
    ['scenarios/plan-life'],
    [
      {
        name: 'seat-at-the-price-of-the-next-period',
        why: 'a version that is pinned in mid-month changes what the seats of that month cost and give back',
        find: 'first.planId === pinned.planId ? first',
        replace: 'first.planId !== pinned.planId ? first',
      },
    ],
  ),
  ...mutantsOf(
    'src/pricing/comparison.ts',
    ['pricing/comparison'],
    [
      {
        name: 'comparison-by-key',
        why: 'a component that was renamed seems to cost nothing any more',
        find: 'before === null ? each.key === use.component : meterOf(each) === meterOf(before),',
        replace: 'each.key === use.component,',
      },
    ],
  ),
]
