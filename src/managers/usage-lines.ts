import type { Snapshot } from '../database/snapshot.ts'
import { invariant } from '../foundation/invariant.ts'
import type { Nano } from '../pricing/money.ts'

/** What usage can be grouped by, in the order of an answer's fields. `model` is the LLM's. */
export const DIMENSIONS = ['component', 'kind', 'agent', 'model', 'token_class', 'member', 'stage'] as const
export type Dimension = (typeof DIMENSIONS)[number]

/** What some lines come to. Units of different meters have no sum: then the three quantities are null. */
export interface UsageSum {
  readonly quantity: number | null
  readonly included: number | null
  readonly billed: number | null
  /** Nano-units. */
  readonly amount: Nano
  /** Different jobs. */
  readonly jobs: number
}

/** The sum of one group in one part of the time. */
export interface UsageGroup extends UsageSum {
  /** Which part of the time, from 0. */
  readonly part: number
  readonly of: Readonly<Partial<Record<Dimension, string | null>>>
}

/** What is summed: charged lines that were finished from `from` until before `to`. Epoch milliseconds. */
export interface UsageQuestion {
  readonly organizationId: string
  readonly from: number
  readonly to: number
  /** Where each part of the time begins. */
  readonly starts: readonly number[]
  readonly groupBy: readonly Dimension[]
  /** Whether ids were made by the clock that decides when a stage is finished; else every job is looked at. */
  readonly idsTellTime: boolean
  /** So many groups at most, and one more where there are more. */
  readonly limit: number
}

const HOUR_MS = 3_600_000
/** A job ends within this time of its submission, or stands in the index `jobs_slow`. */
const USUAL_MS = 24 * HOUR_MS
/** By so much an id may differ from the database's clock; a process that is 2 s off does not start. */
const SKEW_MS = HOUR_MS

/**
 * The jobs that may have finished a stage in the time, each once. Most are found by the time in their ids; who took longer
 * than a day, in an index of their own; who has not ended yet has an open hold or is parked.
 */
const JOBS = `
  select id, user_id from tollkeeper.jobs
  where organization_id = $1 and id >= $2::uuid and id <= $3::uuid and (finished_at is null or finished_at >= $4)
  union
  select id, user_id from tollkeeper.jobs
  where organization_id = $1 and finished_at >= $4 and finished_at - created_at > interval '24:00:00'
  union
  select j.id, j.user_id from tollkeeper.holds h join tollkeeper.jobs j on j.id = h.job_id
  where h.organization_id = $1 and h.state = 'open'
  union
  select id, user_id from tollkeeper.jobs where organization_id = $1 and state = 'rejected_for_balance'`

/** Every source of lines: what used them, whose it is, and when. Each source is a select of its own. */
const LINES = `
  select j.id as job_id, j.user_id, s.stage, s.finished_at as at, line
  from (${JOBS}) j join tollkeeper.job_stages s on s.job_id = j.id
  cross join lateral jsonb_array_elements(s.lines::jsonb) line
  where s.state = 'charged' and s.finished_at >= $4 and s.finished_at < $5`

const GROUP = ['part', ...DIMENSIONS].join()
const FIGURES = 'sum(quantity), sum(included), sum(billed), sum(amount)'

/**
 * The sums, and first of all their total. The figures of a line stand in the order of StoredLine. Summed by job first, so
 * that jobs are counted without sorting every line.
 */
const SUMS = `
with by_job as materialized (
  select job_id, width_bucket(at, $6::timestamptz[]) - 1 as part,
    case when $7 then line ->> 0 end as component, case when $8 then line ->> 1 end as kind,
    case when $9 and stage like 'agent.%' then substr(stage, 7) end as agent, case when $10 then line ->> 3 end as model,
    case when $11 then line ->> 4 end as token_class, case when $12 then user_id end as member,
    case when $13 then stage end as stage,
    sum((line ->> 5)::bigint) as quantity, sum((line ->> 7)::bigint) as included, sum((line ->> 8)::bigint) as billed,
    sum((line ->> 15)::bigint) as amount, min(unit) as first_unit, max(unit) as last_unit
  from (${LINES}) lines cross join lateral (select case line ->> 1
    when 'feature' then 'feature ' || (line ->> 0) when 'agent' then 'agent' else 'token' end as unit) units
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9
)
(select null::int as part, ${DIMENSIONS.map((name) => `null as ${name}`).join()}, ${FIGURES},
  (select count(*) from (select distinct job_id from by_job where job_id is not null) jobs), min(first_unit) = max(last_unit)
from by_job)
union all
(select ${GROUP}, ${FIGURES}, count(job_id), min(first_unit) = max(last_unit)
from by_job group by ${GROUP} order by ${GROUP} limit $14)`

type SumTuple = [
  part: number | null,
  ...dimensions: (string | null)[],
  quantity: string | null,
  included: string | null,
  billed: string | null,
  amount: string | null,
  jobs: string,
  isOneUnit: boolean | null,
]

/** Sums lines in the database. @returns the groups in the order of time and then of their names */
export async function readUsage(
  snapshot: Snapshot,
  { organizationId, from, to, starts, groupBy, idsTellTime, limit }: UsageQuestion,
): Promise<{ readonly total: UsageSum; readonly groups: readonly UsageGroup[] }> {
  const time = (ms: number): string => new Date(ms).toISOString()
  const [first, last] = idsTellTime ? [from - USUAL_MS - SKEW_MS, to + SKEW_MS] : [0, LAST_TIME]
  const [total, ...groups] = await snapshot.read<SumTuple>(SUMS, [
    organizationId,
    idAt(first, '0'),
    idAt(last, 'f'),
    time(from),
    time(to),
    starts.map(time),
    ...DIMENSIONS.map((name) => groupBy.includes(name)),
    limit + 1,
  ])
  invariant(total, 'a sum of nothing is a row, too')
  return {
    total: toSum(total),
    groups: groups.map((row) => ({
      part: Number(row[0]),
      of: Object.fromEntries(
        DIMENSIONS.flatMap((name, index) => (groupBy.includes(name) ? [[name, row[index + 1]]] : [])),
      ),
      ...toSum(row),
    })),
  }
}

function toSum(row: SumTuple): UsageSum {
  const [quantity, included, billed, amount, jobs, isOneUnit] = row.slice(1 + DIMENSIONS.length)
  const units = (sum: unknown): number | null => (isOneUnit === false ? null : Number(sum ?? 0))
  return {
    quantity: units(quantity),
    included: units(included),
    billed: units(billed),
    amount: BigInt(String(amount ?? 0)),
    jobs: Number(jobs),
  }
}

/** What 48 bits of milliseconds can say. */
const LAST_TIME = 2 ** 48 - 1

/** The first or last id of a millisecond (RFC 9562, version 7). @param rest the digit that fills it up */
function idAt(at: number, rest: '0' | 'f'): string {
  const time = Math.min(Math.max(at, 0), LAST_TIME)
  const digits = time.toString(16).padStart(12, '0').padEnd(32, rest)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
