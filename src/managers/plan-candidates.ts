import type { EntityManager } from '@mikro-orm/postgresql'
import { invariant } from '../foundation/invariant.ts'
import type { MoveTime } from '../models/plan-move.model.ts'

/** Where the organisations of a plan are to go, and when. `version` is the number in the plan. */
export interface MoveTarget {
  readonly planId: string
  readonly version: number
  readonly applyTo: MoveTime
}

/**
 * Who is on an older version. At a renewal also who has none before it yet: another plan that was chosen for the next
 * period is the customer's word, and stays.
 */
const ON_OLDER_VERSION = `
from tollkeeper.organizations o
join tollkeeper.tariff_versions v on v.id = o.tariff_version_id
left join tollkeeper.tariff_versions n on n.id = o.next_tariff_version_id
where v.plan_id = ? and v.version < ?
  and (? or n.id is null or (n.plan_id = v.plan_id and n.version < ?))`

const meant = ({ planId, version, applyTo }: MoveTarget) => [planId, version, applyTo === 'now', version]

/** How many organisations a move would be about now. */
export async function countCandidates(em: EntityManager, target: MoveTarget): Promise<number> {
  const [row] = await em.execute<{ count: number }[]>(
    `select count(*)::int as count ${ON_OLDER_VERSION}`,
    meant(target),
  )
  invariant(row, 'a count is one row')
  return row.count
}

/** Their ids, ascending, from behind `after`. */
export async function candidatesAfter(
  em: EntityManager,
  target: MoveTarget,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<readonly string[]> {
  const sql = `select o.id ${ON_OLDER_VERSION} and o.id > ? order by o.id limit ?`
  const rows = await em.execute<{ id: string }[]>(sql, [...meant(target), after ?? '', limit])
  return rows.map(({ id }) => id)
}

/** Of these organisations, those that still are. */
export async function candidatesAmong(
  em: EntityManager,
  target: MoveTarget,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const sql = `select o.id ${ON_OLDER_VERSION} and o.id in (?)`
  const rows = ids.length === 0 ? [] : await em.execute<{ id: string }[]>(sql, [...meant(target), ids])
  return new Set(rows.map(({ id }) => id))
}
