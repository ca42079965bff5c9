import type { Snapshot } from '../database/snapshot.ts'
import type { Violation } from '../ledger/audit-findings.ts'
import { quoteStages } from '../pricing/quote.ts'
import type { StageBound } from '../pricing/usage.ts'
import { readCounters, type VerifiedOrganization } from './verify-rows.ts'

/** Liveness: what should have happened by itself and did not. A warning, never a freeze. */
const LIVENESS = 8
const LISTED_MAX = 20
/** Parked jobs that are priced again; who has more of them than this is told by the first. */
const PARKED_MAX = 1_000

/** After how many milliseconds something is late; `now` is null where the database's time counts. */
interface LateBy {
  readonly lateMs: number
  readonly now: Date | null
}

const OVERDUE = `
select j.organization_id, s.job_id, s.stage, round(extract(epoch from coalesce($3::timestamptz, now()) - s.check_at))
from tollkeeper.job_stages s join tollkeeper.jobs j on j.id = s.job_id
where s.check_at < coalesce($3::timestamptz, now()) - $1 * interval '1 millisecond' and j.state in ('queued', 'processing')
  and j.runner = 'pipeline' and ($2::text is null or j.organization_id = $2)
order by s.check_at limit ${LISTED_MAX}`

/** Unfinished stages that the sweep should have looked at for longer than `lateMs`. @param organizationId null: all */
export async function overdueStages(
  snapshot: Snapshot,
  organizationId: string | null,
  { lateMs, now }: LateBy,
): Promise<readonly Violation[]> {
  const rows = await snapshot.read<[string, string, string, string]>(OVERDUE, [lateMs, organizationId, now])
  return rows.map(([id, jobId, stage, seconds]) => ({
    invariant: LIVENESS,
    organizationId: id,
    detail: `stage ${stage} of job ${jobId} is overdue for the sweep by ${seconds} seconds`,
  }))
}

const PARKED = `
select j.id, coalesce(j.tariff_version_id, $3::uuid), tollkeeper.to_ms(coalesce(j.period_start, o.period_start)),
  (select m.spending_limit - case when m.committed_period = o.period_start then m.committed else 0 end
    from tollkeeper.team_members m where m.organization_id = $1 and m.user_id = j.user_id
      and coalesce(j.period_start, o.period_start) = o.period_start),
  (select jsonb_agg(jsonb_build_object('stage', s.stage, 'bound', s.bound) order by s.position)
    from tollkeeper.job_stages s where s.job_id = j.id and s.state in ('waiting', 'running')), j.charged - j.reversed
from tollkeeper.jobs j join tollkeeper.organizations o on o.id = j.organization_id
where j.organization_id = $1 and j.state = 'rejected_for_balance'
  and j.parked_at < coalesce($5::timestamptz, now()) - $2 * interval '1 millisecond'
  and not exists (select 1 from tollkeeper.ledger_entries e where e.organization_id = $1 and e.seq = $4
    and e.created_at > coalesce($5::timestamptz, now()) - $2 * interval '1 millisecond')
order by j.parked_at, j.id limit ${PARKED_MAX}`

type Bounds = { stage: string; bound: StageBound | null }[]
type ParkedTuple = [string, string | null, string, string | null, Bounds | null, string]

/** Parked jobs that would fit, though no money has moved and nothing was parked for `lateMs`: their wake was lost. */
export async function fittingJobs(
  snapshot: Snapshot,
  organization: VerifiedOrganization,
  { lateMs, now }: LateBy,
): Promise<readonly Violation[]> {
  const { id, status, tariffVersionId, seq, available, overdraftLimit } = organization
  if (status !== 'active') return []
  const parked = await snapshot.read<ParkedTuple>(PARKED, [id, lateMs, tariffVersionId, seq, now])
  if (parked.length === 0) return []
  const tariffs = await snapshot.tariffs(parked.flatMap(([, versionId]) => versionId ?? []))
  const counters = await readCounters(snapshot, id)
  return parked.flatMap(([jobId, versionId, periodStart, limitLeft, stages, charged]) => {
    const tariff = tariffs.get(versionId ?? '')
    if (!tariff) return []
    const own = counters.filter((row) => row.planId === tariff.planId && row.periodStart === Number(periodStart))
    const bounds = (stages ?? []).flatMap(({ stage, bound }) => (bound ? [{ stage, bound }] : []))
    const { upper } = quoteStages(tariff, bounds, new Map(own.map((row) => [row.component, row])), BigInt(charged))
    if (bounds.length === 0 || upper > available + overdraftLimit) return []
    if (limitLeft !== null && upper > BigInt(limitLeft)) return []
    return [{ invariant: LIVENESS, organizationId: id, detail: `job ${jobId} is parked and would fit` }]
  })
}
