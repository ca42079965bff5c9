-- Jobs with their open holds. $2: whether a call may price them again, and so needs their steps. The condition on the hold
-- avoids the words of the partial index (state = 'open'): that would be scanned whole.
select j.id, j.organization_id, j.user_id, j.runner, case when $2 then j.steps end, j.max_cost, j.state, j.stage,
  j.tariff_version_id, tollkeeper.to_ms(j.period_start), j.generation, j.reversed, j.released, j.written_off, j.rejection,
  j.failure, tollkeeper.to_ms(j.parked_at), tollkeeper.to_ms(j.expires_at), tollkeeper.to_ms(j.admitted_at),
  tollkeeper.to_ms(j.finished_at), h.generation, h.amount, h.remaining, tollkeeper.to_ms(h.opened_at)
from tollkeeper.jobs j left join tollkeeper.holds h on h.job_id = j.id and h.state <> 'closed'
where j.id = any ($1::uuid[])
