import type { Tollkeeper } from '../../src/composition.ts'
import type { TariffTerms } from '../../src/managers/tariff.manager.ts'
import type { MoveTime } from '../../src/models/plan-move.model.ts'
import type { Component } from '../../src/pricing/tariff.ts'
import type { World } from '../support/tollkeeper.ts'

/** Who is on which version, and who will be from the next period on. */
export interface Standing {
  readonly id: string
  readonly version: number
  readonly next: number | null
}

/** A published plan. @returns its id */
export async function publishedPlan(
  { inTransaction, tariffs }: Tollkeeper,
  components: readonly Component[] = [],
): Promise<string> {
  const terms = { name: 'Plan', pricePerMonth: 0n, maxTeamMembers: null, memberPrice: 0n, currency: 'USD' }
  const { tariff } = await inTransaction((em) =>
    tariffs.create(em, { ...terms, chargeOnFailure: 'none', components, publish: true }),
  )
  return tariff.planId
}

/** Publishes the plan with other terms, and orders its organisations there. @returns the move's id */
export async function publishAndOrder(
  { inTransaction, tariffs, planMoves }: Tollkeeper,
  planId: string,
  terms: Partial<TariffTerms>,
  applyTo: MoveTime,
): Promise<string> {
  return inTransaction(async (em) => {
    await tariffs.update(em, planId, terms)
    const { tariff } = await tariffs.publish(em, planId)
    return (await planMoves.order(em, tariff, applyTo)).id
  })
}

/** Works off whatever is ordered, as the sweep does. @returns the pages that it took */
export async function workOffAll({ inTransaction, planMoves, organizations }: Tollkeeper): Promise<number> {
  for (let pages = 0; ; pages += 1) {
    const page = await inTransaction((em) => planMoves.workOff(em))
    if (page === null) return pages
    await Promise.all(page.overdue.map((id) => organizations.renew(id)))
  }
}

/** Organisations `<prefix>-0001` and so on, in one statement: a page is a hundred of them. */
export async function manyOrganizations(
  { database }: Pick<World, 'database'>,
  { planId, version, prefix, count }: { planId: string; version: number; prefix: string; count: number },
): Promise<void> {
  await database.query(
    `with made as (
       insert into tollkeeper.organizations
         (id, name, currency, tariff_version_id, period_anchor, period_start, period_end)
       select $1 || '-' || lpad(i::text, 4, '0'), 'one of many', 'USD', v.id, date_trunc('day', now()),
         date_trunc('day', now()), date_trunc('day', now()) + interval '1 month'
       from generate_series(1, $2::int) i, tollkeeper.tariff_versions v where v.plan_id = $3 and v.version = $4
       returning *),
     begun as (
       insert into tollkeeper.billing_periods
         (organization_id, number, period_start, period_end, tariff_version_id, due_at, paid_at)
       select id, 1, period_start, period_end, tariff_version_id, period_start, period_start from made)
     insert into tollkeeper.organization_balances (organization_id) select id from made`,
    [prefix, count, planId, version],
  )
}

export async function standings({ database }: Pick<World, 'database'>, prefix: string): Promise<readonly Standing[]> {
  return database.query<Standing & Record<string, unknown>>(
    `select o.id, v.version, n.version as next from tollkeeper.organizations o
     left join tollkeeper.tariff_versions v on v.id = o.tariff_version_id
     left join tollkeeper.tariff_versions n on n.id = o.next_tariff_version_id
     where o.id like $1 || '%' order by o.id`,
    [prefix],
  )
}

/** Keeps a row for every change of an organisation's tariff from now on: who was moved, and how often. */
export async function recordMoves({ database }: Pick<World, 'database'>): Promise<() => Promise<readonly string[]>> {
  await database.query(`create table if not exists public.moves_seen (id text not null)`)
  await database.query(`grant insert on public.moves_seen to tollkeeper_app, tollkeeper_money`)
  await database.query(`create or replace function public.see_move() returns trigger language plpgsql as
    $$ begin insert into public.moves_seen values (new.id); return null; end $$`)
  await database.query(`create or replace trigger see_move after update on tollkeeper.organizations for each row
    when (new.tariff_version_id is distinct from old.tariff_version_id
      or new.next_tariff_version_id is distinct from old.next_tariff_version_id) execute function public.see_move()`)
  await database.query('truncate public.moves_seen')
  return async () => {
    const rows = await database.query<{ id: string }>('select id from public.moves_seen order by id')
    return rows.map(({ id }) => id)
  }
}
