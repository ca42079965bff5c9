import type { Snapshot } from '../database/snapshot.ts'
import { firstId, lastId } from '../foundation/ids.ts'
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
  /** So many jobs are summed by one statement. */
  readonly jobsAtOnce: number
  /** So many groups are wanted at most. */
  readonly limit: number
}

const HOUR_MS = 3_600_000
/** A job ends within this time of its submission, or stands in the index `jobs_slow`. */
const USUAL_MS = 24 * HOUR_MS
/** By so much an id may differ from the database's clock; a process that is 2 s off does not start. */
const SKEW_MS = HOUR_MS

/** Within the ids that a statement is about: from one until before another. */
const WITHIN = 'id >= $2::uuid and id < $3::uuid'

/** Most jobs that may have finished a stage in the time are found by the time in their ids. */
const BY_ID = `
  select id, user_id from tollkeeper.jobs
  where organization_id = $1 and ${WITHIN} and (finished_at is null or finished_at >= $4)`

/** Who took longer than a day stands in an index of his own; who has not ended yet has an open hold or is parked. */
const BEYOND = `
  select id, user_id from tollkeeper.jobs
  where organization_id = $1 and finished_at >= $4 and finished_at - created_at > interval '24:00:00' and not (${WITHIN})
  union
  select id, user_id from tollkeeper.holds h join tollkeeper.jobs j on j.id = h.job_id
  where h.organization_id = $1 and h.state = 'open' and not (${WITHIN})
  union
  select id, user_id from tollkeeper.jobs
  where organization_id = $1 and state = 'rejected_for_balance' and not (${WITHIN})`

/** Where the next statement begins: behind so many jobs. */
const NEXT = `${BY_ID} order by id offset $5 limit 1`

const GROUP = ['part', ...DIMENSIONS].join()
const FIGURES = 'sum(quantity), sum(included), sum(billed), sum(amount)'

/** What used it, whose it is, and when: of jobs, and of what else there is. */
const linesOf = (jobs: string, others: string): string => `
  select j.id as job_id, j.user_id, s.stage, s.finished_at as at, line
  from (${jobs}) j join tollkeeper.job_stages s on s.job_id = j.id
  cross join lateral jsonb_array_elements(s.lines::jsonb) line
  where s.state = 'charged' and s.finished_at >= $4 and s.finished_at < $5
  ${others}`

/** Features are charged outside of any job. Their ids were drawn at the call, a moment before. */
const FEATURES = `
  union all
  select null::uuid, user_id, null, created_at, line::jsonb from tollkeeper.feature_charges
  where organization_id = $1 and ${WITHIN} and created_at >= $4 and created_at < $5`

/**
 * The sums of some jobs, and first of all their total. The figures of a line stand in the order of StoredLine. Summed by
 * job first, so that jobs are counted without sorting every line.
 */
const sumsOf = (jobs: string, others = ''): string => `
with by_job as materialized (
  select job_id, width_bucket(at, $6::timestamptz[]) - 1 as part,
    case when $7 then line ->> 0 end as component, case when $8 then line ->> 1 end as kind,
    case when $9 and stage like 'agent.%' then substr(stage, 7) end as agent, case when $10 then line ->> 3 end as model,
    case when $11 then line ->> 4 end as token_class, case when $12 then user_id end as member,
    case when $13 then stage end as stage,
    sum((line ->> 5)::bigint) as quantity, sum((line ->> 7)::bigint) as included, sum((line ->> 8)::bigint) as billed,
    sum((line ->> 15)::bigint) as amount, min(unit) as first_unit, max(unit) as last_unit
  from (${linesOf(jobs, others)}) lines cross join lateral (select case line ->> 1
    when 'feature' then 'feature ' || (line ->> 0) when 'agent' then 'agent' else 'token' end as unit) units
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9
)
(select null::int as part, ${DIMENSIONS.map((name) => `null as ${name}`).join()}, ${FIGURES},
  (select count(*) from (select distinct job_id from by_job where job_id is not null) jobs), min(first_unit), max(last_unit)
from by_job)
union all
(select ${GROUP}, ${FIGURES}, count(job_id), min(first_unit), max(last_unit)
from by_job group by ${GROUP} limit $14)`

const SUMS_BY_ID = sumsOf(BY_ID)
const SUMS_BEYOND = sumsOf(BEYOND, FEATURES)

type SumTuple = [
  part: number | null,
  ...dimensions: (string | null)[],
  quantity: string | null,
  included: string | null,
  billed: string | null,
  amount: string | null,
  jobs: string,
  firstUnit: string | null,
  lastUnit: string | null,
]

/**
 * Sums lines in the database, so many jobs with one statement that each is answered soon, and each job with only one.
 * @param goOn is asked before each statement, and throws where it took long enough
 * @returns the groups in the order of time and then of their names; more than the limit where there are more
 */
export async function readUsage(
  snapshot: Snapshot,
  { organizationId, from, to, starts, groupBy, idsTellTime, jobsAtOnce, limit }: UsageQuestion,
  goOn: () => void,
): Promise<{ readonly total: UsageSum; readonly groups: readonly UsageGroup[] }> {
  const time = (ms: number): string => new Date(ms).toISOString()
  const [first, last] = idsTellTime ? [from - USUAL_MS - SKEW_MS, to + SKEW_MS] : [0, Number.MAX_SAFE_INTEGER]
  const end = lastId(last)
  const sums = new UsageSums(groupBy)
  const sum = async (text: string, begin: string, before: string): Promise<void> => {
    goOn()
    const flags = DIMENSIONS.map((name) => groupBy.includes(name))
    const values = [organizationId, begin, before, time(from), time(to), starts.map(time), ...flags, limit + 1]
    sums.add(await snapshot.read<SumTuple>(text, values))
  }
  await sum(SUMS_BEYOND, firstId(first), end)
  for (let begin: string | undefined = firstId(first); begin !== undefined && sums.size <= limit; ) {
    const [next]: readonly [string][] = await snapshot.read<[string]>(NEXT, [
      organizationId,
      begin,
      end,
      time(from),
      jobsAtOnce,
    ])
    await sum(SUMS_BY_ID, begin, next?.[0] ?? end)
    begin = next?.[0]
  }
  return { total: sums.total, groups: sums.groups() }
}

interface Tally {
  quantity: number
  included: number
  billed: number
  amount: Nano
  jobs: number
  readonly units: Set<string>
}

/** The sums of several statements, no job of which is in two. */
class UsageSums {
  readonly #groupBy: readonly Dimension[]
  readonly #groups = new Map<string, { readonly row: SumTuple; readonly tally: Tally }>()
  readonly #total = newTally()

  constructor(groupBy: readonly Dimension[]) {
    this.#groupBy = groupBy
  }

  get size(): number {
    return this.#groups.size
  }

  get total(): UsageSum {
    return toSum(this.#total)
  }

  add([total, ...rows]: readonly SumTuple[]): void {
    invariant(total, 'a sum of nothing is a row, too')
    count(this.#total, total)
    for (const row of rows) {
      const key = JSON.stringify(row.slice(0, 1 + DIMENSIONS.length))
      const group = this.#groups.get(key) ?? { row, tally: newTally() }
      this.#groups.set(key, group)
      count(group.tally, row)
    }
  }

  groups(): readonly UsageGroup[] {
    const groups = [...this.#groups.values()].sort((a, b) => inOrder(a.row, b.row))
    return groups.map(({ row, tally }) => ({
      part: Number(row[0]),
      of: Object.fromEntries(
        DIMENSIONS.flatMap((name, index) => (this.#groupBy.includes(name) ? [[name, row[index + 1]]] : [])),
      ),
      ...toSum(tally),
    }))
  }
}

const newTally = (): Tally => ({ quantity: 0, included: 0, billed: 0, amount: 0n, jobs: 0, units: new Set() })

function count(tally: Tally, row: SumTuple): void {
  const [quantity, included, billed, amount, jobs, ...units] = row.slice(1 + DIMENSIONS.length)
  tally.quantity += Number(quantity ?? 0)
  tally.included += Number(included ?? 0)
  tally.billed += Number(billed ?? 0)
  tally.amount += BigInt(amount ?? 0)
  tally.jobs += Number(jobs)
  for (const unit of units) if (typeof unit === 'string') tally.units.add(unit)
}

function toSum({ units, amount, jobs, ...tally }: Tally): UsageSum {
  const { quantity, included, billed } = units.size > 1 ? NO_SUM : tally
  return { quantity, included, billed, amount, jobs }
}

const NO_SUM = { quantity: null, included: null, billed: null }

/** By time, then by the names; what has none stands last. */
function inOrder(one: SumTuple, other: SumTuple): number {
  if (one[0] !== other[0]) return Number(one[0]) - Number(other[0])
  for (let index = 1; index <= DIMENSIONS.length; index += 1) {
    const [a = null, b = null] = [one[index], other[index]]
    if (a === b) continue
    if (a === null) return 1
    return b === null || a < b ? -1 : 1
  }
  return 0
}
