import type { EntityManager, FilterQuery } from '@mikro-orm/postgresql'
import { unknownOrganization } from '../ledger/fold.ts'
import { LedgerEntry, type LedgerKind } from '../models/ledger-entry.model.ts'
import { Organization } from '../models/organization.model.ts'

/** Which entries of a ledger are wanted; what is null or left out does not matter. Times in epoch milliseconds. */
export interface LedgerFilter {
  readonly kind?: LedgerKind | null
  readonly jobId?: string | null
  /** Posted then or later. */
  readonly from?: number | null
  /** Posted before. */
  readonly to?: number | null
}

/** A part of a ledger in the order of `seq`, from behind the entry `after`. */
export interface LedgerQuestion extends LedgerFilter {
  readonly limit: number
  readonly after: number | null
  /** The last entry that belongs to it; null: whatever is there. */
  readonly upTo?: number | null
}

export interface LedgerPart {
  readonly entries: readonly LedgerEntry[]
  /** Behind which entry the next part begins; null: there is none. A part may be short, even empty, and not the last. */
  readonly next: number | null
  /** The last entry that there was to be asked for. */
  readonly upTo: number
}

/** So many entries are looked at for one part: few that are wanted among millions are found in bounded steps. */
const LOOKED_AT_MAX = 10_000
/** The times of entries are those of their locks; only a clock that was set back puts them out of the order of `seq`. */
const SKEW_MS = 60_000

/** The entries between which the time begins: no index knows it, but `seq` has no gaps, so that halving finds it. */
const EDGE = `
with recursive edge(low, high) as (
  select 0::bigint, ?::bigint + 1
  union all
  select case when e.created_at < ?::timestamptz then e.seq else edge.low end,
    case when e.created_at < ?::timestamptz then edge.high else e.seq end
  from edge join tollkeeper.ledger_entries e on e.organization_id = ? and e.seq = (edge.low + edge.high) / 2
  where edge.high - edge.low > 1)
select low::text, high::text from edge order by high - low limit 1`

const HEAD = 'select coalesce(max(seq), 0)::text as head from tollkeeper.ledger_entries where organization_id = ?'

/** @throws NotFoundError */
export async function readLedger(
  em: EntityManager,
  organizationId: string,
  { limit, after, upTo = null, jobId = null, kind = null, from = null, to = null }: LedgerQuestion,
  lookedAtMax = LOOKED_AT_MAX,
): Promise<LedgerPart> {
  if (!(await em.count(Organization, { id: organizationId }))) throw unknownOrganization(organizationId)
  const [row] = await em.execute<{ head: string }[]>(HEAD, [organizationId])
  const head = Math.min(Number(row?.head), upTo ?? Number.MAX_SAFE_INTEGER)
  const last = to === null ? head : (await edgeAt(em, organizationId, head, to + SKEW_MS)).high - 1
  const begin = from === null || after !== null ? 0 : (await edgeAt(em, organizationId, head, from - SKEW_MS)).low
  const first = Math.max(after ?? 0, begin)
  // A job has some hundreds of entries at most, and an index that finds them.
  const until = jobId === null ? Math.min(last, first + Math.max(lookedAtMax, limit + 1)) : last
  const where: FilterQuery<LedgerEntry> = {
    organizationId,
    seq: { $gt: first, $lte: until },
    ...(kind === null ? {} : { kind }),
    ...(jobId === null ? {} : { jobId }),
    ...(from === null && to === null ? {} : { createdAt: between(from, to) }),
  }
  const size = jobId === null ? { limit: limit + 1 } : {}
  const found = await em.find(LedgerEntry, where, { orderBy: { seq: 'asc' }, ...size })
  const entries = found.slice(0, limit)
  const behind = found.length > limit ? (entries.at(-1)?.seq ?? first) : until
  return { entries, next: behind < last ? behind : null, upTo: last }
}

function between(from: number | null, to: number | null) {
  return {
    ...(from === null ? {} : { $gte: new Date(from) }),
    ...(to === null ? {} : { $lt: new Date(to) }),
  }
}

/** Up to `low` entries are from before that time, from `high` on they are not; nothing is known of those between. */
async function edgeAt(em: EntityManager, organizationId: string, head: number, at: number) {
  const time = new Date(at).toISOString()
  const [row] = await em.execute<{ low: string; high: string }[]>(EDGE, [head, time, time, organizationId])
  return { low: Number(row?.low), high: Number(row?.high) }
}
