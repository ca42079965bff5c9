-- Locks the organisations of one batch, in id order, and returns every row that its calls name.
-- A function of several statements: under READ COMMITTED each sees a fresh snapshot, so what is read after the lock is
-- what the previous holder of the lock committed. The order of locking is the same everywhere, so batches never deadlock.
-- Rows travel as json, not jsonb: it is only built and sent, and building text is three times faster. Lines, the bulk of
-- a stage, are sent only where a call may answer (settled) or reverse (whole) them.
create or replace function tollkeeper.lock_batch(named jsonb) returns json
language plpgsql
set search_path = tollkeeper, pg_temp
-- A plan made while the tables were small would hash the whole of a large one later; every look-up here is by key.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set jit = off
as $$
declare
  organization_ids text[] := array(select jsonb_array_elements_text(named -> 'organizations') order by 1);
  job_ids uuid[] := array(select jsonb_array_elements_text(named -> 'jobs')::uuid);
  whole_ids uuid[] := array(select jsonb_array_elements_text(named -> 'whole')::uuid);
  settled jsonb := named -> 'settled';
  user_ids text[] := array(select jsonb_array_elements_text(named -> 'members'));
  keys text[] := array(select jsonb_array_elements_text(named -> 'keys'));
  waking text[] := array(select w ->> 'organization' from jsonb_array_elements(named -> 'wakes') w);
  period_starts timestamptz[];
  facts json;
begin
  perform 1 from organization_balances where organization_id = any (organization_ids)
    order by organization_id for update;

  if cardinality(waking) > 0 then
    job_ids := job_ids || array(
      select parked.id
      from jsonb_to_recordset(named -> 'wakes') as w(organization text, job uuid, parked_at bigint, id uuid, take int)
      cross join lateral (
        select j.id from jobs j
        where j.organization_id = w.organization and j.state = 'rejected_for_balance'
          and (w.job is null or j.id = w.job)
          and (w.parked_at is null or (j.parked_at, j.id) > (tollkeeper.from_ms(w.parked_at), w.id))
        order by j.parked_at, j.id
        limit w.take
      ) parked);
  end if;

  period_starts := array(
    select o.period_start from organizations o where o.id = any (organization_ids)
    union
    select j.period_start from jobs j where j.id = any (job_ids) and j.period_start is not null);
  user_ids := user_ids || array(
    select j.user_id from jobs j where j.id = any (job_ids) and j.state = 'queued' and j.user_id is not null);

  select json_build_object(
    'now', tollkeeper.to_ms(clock_timestamp()),
    'organizations', (
      select coalesce(json_agg(x), '[]') from (
        select o.id, o.currency, o.status, o.tariff_version_id as "tariffVersionId",
          tollkeeper.to_ms(o.period_anchor) as "periodAnchor", tollkeeper.to_ms(o.period_start) as "periodStart",
          tollkeeper.to_ms(o.period_end) as "periodEnd", b.available::text, b.held::text,
          b.overdraft_limit::text as "overdraftLimit", b.seq, b.seats_used as "seatsUsed", b.seats_paid as "seatsPaid",
          exists (select 1 from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')
            or exists (select 1 from team_members m where m.organization_id = o.id and m.state = 'pending_payment')
            as waiting,
          case when o.id = any (waking) then (
            select count(*) from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance') end as parked
        from organizations o join organization_balances b on b.organization_id = o.id
        where o.id = any (organization_ids)) x),
    'jobs', (
      select coalesce(json_agg(x), '[]') from (
        select j.id, j.organization_id as "organizationId", j.user_id as "userId", j.runner, j.steps,
          j.max_cost::text as "maxCost", j.state, j.stage, j.tariff_version_id as "tariffVersionId",
          tollkeeper.to_ms(j.period_start) as "periodStart", j.generation, j.charged::text, j.reversed::text,
          j.released::text, j.written_off::text as "writtenOff", j.rejection, j.failure,
          tollkeeper.to_ms(j.parked_at) as "parkedAt", tollkeeper.to_ms(j.expires_at) as "expiresAt",
          tollkeeper.to_ms(j.admitted_at) as "admittedAt", tollkeeper.to_ms(j.finished_at) as "finishedAt"
        from jobs j where j.id = any (job_ids) and j.organization_id = any (organization_ids)) x),
    'stages', (
      select coalesce(json_agg(x), '[]') from (
        select s.job_id as "jobId", s.stage, s.position, s.state, s.bound, s.grants,
          case when s.state = 'charged' then
            case when s.job_id = any (whole_ids) or settled ? (s.job_id || ' ' || s.stage) then s.lines end end as lines,
          s.tokens, s.charged::text, s.absorbed, s.starts,
          s.claim_id as "claimId", tollkeeper.to_ms(s.claimed_until) as "claimedUntil", s.delivery,
          tollkeeper.to_ms(s.check_at) as "checkAt", tollkeeper.to_ms(s.finished_at) as "finishedAt"
        from job_stages s where s.job_id = any (job_ids)) x),
    'holds', (
      select coalesce(json_agg(x), '[]') from (
        select h.job_id as "jobId", h.organization_id as "organizationId", h.generation, h.amount::text,
          h.remaining::text, h.state, tollkeeper.to_ms(h.opened_at) as "openedAt",
          tollkeeper.to_ms(h.closed_at) as "closedAt"
        from holds h where h.job_id = any (job_ids) and h.state = 'open') x),
    'counters', (
      select coalesce(json_agg(x), '[]') from (
        select c.organization_id as "organizationId", c.plan_id as "planId", c.component,
          tollkeeper.to_ms(c.period_start) as "periodStart", c.used, c.included_used as "includedUsed", c.reserved
        from usage_counters c
        where c.organization_id = any (organization_ids) and c.period_start = any (period_starts)) x),
    'members', (
      select coalesce(json_agg(x), '[]') from (
        select m.organization_id as "organizationId", m.user_id as "userId", m.role, m.state, m.operation,
          m.charged::text, m.needed::text, m.missing::text, tollkeeper.to_ms(m.added_at) as "addedAt"
        from team_members m
        where m.organization_id = any (organization_ids)
          and (m.user_id = any (user_ids)
            or (m.state = 'pending_payment' and m.organization_id = any (waking)))) x),
    'entries', (
      select coalesce(json_agg(x), '[]') from (
        select e.id, e.organization_id as "organizationId", e.seq, e.kind, e.debit_account as debit,
          e.credit_account as credit, e.amount::text, e.currency, e.available_after::text as "availableAfter",
          e.held_after::text as "heldAfter", e.business_key as "businessKey", e.job_id as "jobId", e.stage, e.component,
          e.token_class as "tokenClass", e.reference, e.reverses_seq as "reversesSeq", e.details,
          tollkeeper.to_ms(e.created_at) as "createdAt"
        from ledger_entries e where e.business_key = any (keys)) x)
  ) into facts;
  return facts;
end
$$;
