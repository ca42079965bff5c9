import type { World } from '../support/tollkeeper.ts'

/** Until the table comes with the migrations. */
const TABLE = `
create table if not exists tollkeeper.billing_periods (organization_id varchar(64), number int, period_start timestamptz(3),
  period_end timestamptz(3), tariff_version_id uuid, plan_fee bigint, seats int, seat_fee bigint, credit bigint,
  due_at timestamptz(3), paid_at timestamptz(3), opening_seq bigint, opening_available bigint, opening_held bigint,
  closing_seq bigint, closing_available bigint, closing_held bigint, closed_at timestamptz(3),
  primary key (organization_id, number));
alter table tollkeeper.organizations add column if not exists period_number int not null default 0;
grant select on tollkeeper.billing_periods to public`

/** The first period of an organisation, from its first entry on. */
export async function openPeriods({ database }: Pick<World, 'database'>, organizationId: string): Promise<void> {
  await database.query(TABLE)
  await database.query(
    `insert into tollkeeper.billing_periods (organization_id, number, period_start, period_end, tariff_version_id, plan_fee,
       seats, seat_fee, credit, due_at, opening_seq, opening_available, opening_held)
     select id, 1, period_start, period_end, tariff_version_id, 0, 0, 0, 0, period_start, 0, 0, 0
     from tollkeeper.organizations where id = $1`,
    [organizationId],
  )
  await database.query('update tollkeeper.organizations set period_number = 1 where id = $1', [organizationId])
}

/** Closes the running period where the ledger stands, and opens the next one there. */
export async function turnPage({ database }: Pick<World, 'database'>, organizationId: string): Promise<void> {
  await database.query(
    `with edge as (select seq, available, held from tollkeeper.organization_balances where organization_id = $1),
     closed as (update tollkeeper.billing_periods p set closing_seq = edge.seq, closing_available = edge.available,
       closing_held = edge.held, closed_at = now() from edge
       where p.organization_id = $1 and p.closed_at is null returning p.*)
     insert into tollkeeper.billing_periods (organization_id, number, period_start, period_end, tariff_version_id, plan_fee,
       seats, seat_fee, credit, due_at, opening_seq, opening_available, opening_held)
     select organization_id, number + 1, period_end, period_end + interval '1 month', tariff_version_id, 0, 0, 0, 0,
       period_end, closing_seq, closing_available, closing_held from closed`,
    [organizationId],
  )
  await database.query('update tollkeeper.organizations set period_number = period_number + 1 where id = $1', [
    organizationId,
  ])
}
