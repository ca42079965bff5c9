import type { Snapshot } from '../database/snapshot.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Nano } from '../pricing/money.ts'

/** What an organisation had behind the entry `seq`. Nano-units. */
export interface Edge {
  readonly seq: number
  readonly available: Nano
  readonly held: Nano
}

/** A billing period as it is stored; the running one is as far as its organisation's ledger. */
export interface StatedPeriod {
  readonly organizationId: string
  readonly currency: string
  readonly number: number
  /** Epoch milliseconds, as are all times here. */
  readonly start: number
  readonly end: number
  readonly tariffId: string | null
  readonly tariffVersion: number | null
  readonly opening: Edge
  readonly closing: Edge
  /** null: it runs. */
  readonly closedAt: number | null
}

/** How money moves in a statement. What is set aside for jobs and given back is one figure. */
export const MOVEMENTS = [
  'top_up',
  'adjustment_credit',
  'adjustment_debit',
  'plan_fee',
  'seat_fee',
  'unused_fee',
  'holds',
  'charge',
  'reversal',
  'feature',
  'write_off',
] as const
export type MovementKind = (typeof MOVEMENTS)[number]

/** Entries of one kind, and of one component, agent, model and member where jobs or features were paid. */
export interface EntryGroup {
  readonly kind: MovementKind
  readonly component: string | null
  readonly agent: string | null
  readonly model: string | null
  readonly member: string | null
  readonly entries: number
  /** Units of the lines that were charged; 0 where none were. */
  readonly quantity: number
  /** What moved, and what that did to either account. */
  readonly amount: Nano
  readonly available: Nano
  readonly held: Nano
}

/** Only while it runs the end of a period is where its ledger stands. */
const PERIODS = `
select p.number, o.currency, tollkeeper.to_ms(p.period_start), tollkeeper.to_ms(p.period_end), v.plan_id, v.version,
  p.opening_seq, p.opening_available, p.opening_held,
  case when p.closed_at is null then b.seq else p.closing_seq end,
  case when p.closed_at is null then b.available else p.closing_available end,
  case when p.closed_at is null then b.held else p.closing_held end, tollkeeper.to_ms(p.closed_at)
from tollkeeper.billing_periods p join tollkeeper.organizations o on o.id = p.organization_id
join tollkeeper.organization_balances b on b.organization_id = p.organization_id
left join tollkeeper.tariff_versions v on v.id = p.tariff_version_id
where p.organization_id = $1 and p.number <= $2 and p.number > $2 - $3
order by p.number desc`

type PeriodTuple = [
  number: number,
  currency: string,
  start: string,
  end: string,
  tariffId: string | null,
  tariffVersion: number | null,
  openingSeq: string,
  openingAvailable: string,
  openingHeld: string,
  closingSeq: string,
  closingAvailable: string,
  closingHeld: string,
  closedAt: string | null,
]

/** The number of an organisation's running period; null where there is no such organisation. */
export async function readPeriodNumber(snapshot: Snapshot, organizationId: string): Promise<number | null> {
  const text = 'select period_number from tollkeeper.organizations where id = $1'
  const [row] = await snapshot.read<[number]>(text, [organizationId])
  return row ? row[0] : null
}

/** So many periods from `newest` downwards, as far as there are any. */
export async function readPeriods(
  snapshot: Snapshot,
  organizationId: string,
  newest: number,
  count: number,
): Promise<readonly StatedPeriod[]> {
  const rows = await snapshot.read<PeriodTuple>(PERIODS, [organizationId, newest, count])
  return rows.map(([number, currency, start, end, tariffId, tariffVersion, ...edges]) => {
    const closedAt = edges[6]
    return {
      ...{ organizationId, currency, number, start: Number(start), end: Number(end), tariffId, tariffVersion },
      opening: { seq: Number(edges[0]), available: BigInt(edges[1]), held: BigInt(edges[2]) },
      closing: { seq: Number(edges[3]), available: BigInt(edges[4]), held: BigInt(edges[5]) },
      closedAt: closedAt === null ? null : Number(closedAt),
    }
  })
}

/**
 * The entries behind one `seq` up to another. Which component, agent and member paid stands with the entry and its job, or
 * with the charge of a feature,
 * which model only in the line that the entry is of; a reversal is of the line of the charge that it reverses.
 */
const ENTRIES = `
select case e.kind when 'hold' then 'holds' when 'extend' then 'holds' when 'release' then 'holds'
    when 'adjustment' then case e.credit_account when 'available' then 'adjustment_credit' else 'adjustment_debit' end
    when 'reversal' then case when e.component is null then 'unused_fee' else 'reversal' end else e.kind end,
  paid.component, case when paid.stage like 'agent.%' then substr(paid.stage, 7) end, line.model, coalesce(j.user_id, f.user_id),
  count(*), coalesce(sum(coalesce(line.quantity, f.quantity)), 0), sum(e.amount),
  sum(case 'available' when e.credit_account then e.amount when e.debit_account then -e.amount else 0 end),
  sum(case 'held' when e.credit_account then e.amount when e.debit_account then -e.amount else 0 end)
from tollkeeper.ledger_entries e
left join lateral (select e.component, e.stage, e.job_id, coalesce(e.reverses_seq, e.seq) as seq) paid
  on e.kind in ('charge', 'reversal', 'feature')
left join tollkeeper.jobs j on j.id = paid.job_id
left join tollkeeper.feature_charges f
  on e.kind = 'feature' and f.organization_id = e.organization_id and f.key = e.reference
left join lateral (select l ->> 3 as model, (l ->> 5)::bigint as quantity
  from tollkeeper.job_stages s cross join lateral jsonb_array_elements(s.lines::jsonb) l
  where s.job_id = paid.job_id and s.stage = paid.stage and (l ->> 17)::bigint = paid.seq) line on true
where e.organization_id = $1 and e.seq > $2 and e.seq <= $3
group by 1, 2, 3, 4, 5`

type EntryTuple = [
  kind: MovementKind,
  component: string | null,
  agent: string | null,
  model: string | null,
  member: string | null,
  entries: string,
  quantity: string,
  amount: string,
  available: string,
  held: string,
]

/** What the entries of a period moved: summed by so many entries at once, in groups that come up again with each step. */
export async function* readEntryGroups(
  snapshot: Snapshot,
  { organizationId, opening, closing }: StatedPeriod,
  atOnce: number,
): AsyncGenerator<EntryGroup> {
  for (let after = opening.seq; after < closing.seq; after += atOnce) {
    const upTo = Math.min(after + atOnce, closing.seq)
    for (const row of await snapshot.read<EntryTuple>(ENTRIES, [organizationId, after, upTo])) {
      const [kind, component, agent, model, member, entries, quantity, amount, available, held] = row
      invariant(MOVEMENTS.includes(kind), `a statement knows entries of the kind ${kind}`)
      yield {
        ...{ kind, component, agent, model, member, entries: Number(entries), quantity: Number(quantity) },
        ...{ amount: BigInt(amount), available: BigInt(available), held: BigInt(held) },
      }
    }
  }
}
