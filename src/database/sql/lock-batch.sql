-- Locks the organisations of one batch, in id order, and returns every row that its calls name.
-- A function of several statements: under READ COMMITTED each sees a fresh snapshot, so what is read after the lock is
-- what the previous holder of the lock committed. The order of locking is the same everywhere, so batches never deadlock.
-- Facts travel as json, not jsonb: they are only built and sent, and building text is three times faster. Lines, the bulk
-- of a stage, are sent only where a call may answer (settled) or reverse (whole) them.
create or replace function tollkeeper.lock_batch(named jsonb) returns json
language plpgsql
set search_path = tollkeeper, pg_temp
-- A plan made while the tables were small would hash the whole of a large one later; every look-up here is by key. The
-- conditions below avoid the words of our partial indexes (state = 'open', 'queued'): those would be scanned whole.
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
    select j.user_id from jobs j where j.id = any (job_ids) and j.admitted_at is null and j.user_id is not null);

  -- Columns, not rows: an array is turned into json at one go, a row would look each of its types up again.
  select json_build_object(
    'now', tollkeeper.to_ms(clock_timestamp()),
    'organizations', (
      select json_build_object(
        'id', array_agg(o.id), 'currency', array_agg(o.currency), 'status', array_agg(o.status),
        'tariffVersionId', array_agg(o.tariff_version_id), 'periodAnchor', array_agg(tollkeeper.to_ms(o.period_anchor)),
        'periodStart', array_agg(tollkeeper.to_ms(o.period_start)), 'periodEnd', array_agg(tollkeeper.to_ms(o.period_end)),
        'available', array_agg(b.available::text), 'held', array_agg(b.held::text),
        'overdraftLimit', array_agg(b.overdraft_limit::text), 'seq', array_agg(b.seq),
        'seatsUsed', array_agg(b.seats_used), 'seatsPaid', array_agg(b.seats_paid),
        'waiting', array_agg(
          exists (select 1 from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')
          or exists (select 1 from team_members m where m.organization_id = o.id and m.state = 'pending_payment')),
        'parked', array_agg(case when o.id = any (waking) then (
          select count(*) from jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance') end))
      from organizations o join organization_balances b on b.organization_id = o.id
      where o.id = any (organization_ids)),
    'jobs', (
      select json_build_object(
        'id', array_agg(j.id), 'organizationId', array_agg(j.organization_id), 'userId', array_agg(j.user_id),
        'runner', array_agg(j.runner), 'steps', array_agg(j.steps), 'maxCost', array_agg(j.max_cost::text), 'state', array_agg(j.state),
        'stage', array_agg(j.stage), 'tariffVersionId', array_agg(j.tariff_version_id),
        'periodStart', array_agg(tollkeeper.to_ms(j.period_start)), 'generation', array_agg(j.generation),
        'charged', array_agg(j.charged::text), 'reversed', array_agg(j.reversed::text),
        'released', array_agg(j.released::text), 'writtenOff', array_agg(j.written_off::text),
        'rejection', array_agg(j.rejection), 'failure', array_agg(j.failure),
        'parkedAt', array_agg(tollkeeper.to_ms(j.parked_at)), 'expiresAt', array_agg(tollkeeper.to_ms(j.expires_at)),
        'admittedAt', array_agg(tollkeeper.to_ms(j.admitted_at)),
        'finishedAt', array_agg(tollkeeper.to_ms(j.finished_at)))
      from jobs j where j.id = any (job_ids) and j.organization_id = any (organization_ids)),
    'stages', (
      select json_build_object(
        'jobId', array_agg(s.job_id), 'stage', array_agg(s.stage), 'position', array_agg(s.position),
        'state', array_agg(s.state), 'bound', array_agg(s.bound), 'grants', array_agg(s.grants),
        'lines', array_agg(
          case when s.state = 'charged' then
            case when s.job_id = any (whole_ids) or settled ? (s.job_id || ' ' || s.stage) then s.lines end end),
        'tokens', array_agg(s.tokens), 'charged', array_agg(s.charged::text), 'absorbed', array_agg(s.absorbed),
        'starts', array_agg(s.starts), 'claimId', array_agg(s.claim_id),
        'claimedUntil', array_agg(tollkeeper.to_ms(s.claimed_until)), 'delivery', array_agg(s.delivery),
        'checkAt', array_agg(tollkeeper.to_ms(s.check_at)), 'finishedAt', array_agg(tollkeeper.to_ms(s.finished_at)))
      from job_stages s where s.job_id = any (job_ids)),
    'holds', (
      select json_build_object(
        'jobId', array_agg(h.job_id), 'organizationId', array_agg(h.organization_id),
        'generation', array_agg(h.generation), 'amount', array_agg(h.amount::text),
        'remaining', array_agg(h.remaining::text), 'state', array_agg(h.state),
        'openedAt', array_agg(tollkeeper.to_ms(h.opened_at)), 'closedAt', array_agg(tollkeeper.to_ms(h.closed_at)))
      from holds h where h.job_id = any (job_ids) and h.state <> 'closed'),
    'counters', (
      select json_build_object(
        'organizationId', array_agg(c.organization_id), 'planId', array_agg(c.plan_id),
        'component', array_agg(c.component), 'periodStart', array_agg(tollkeeper.to_ms(c.period_start)),
        'used', array_agg(c.used), 'includedUsed', array_agg(c.included_used), 'reserved', array_agg(c.reserved))
      from usage_counters c
      where c.organization_id = any (organization_ids) and c.period_start = any (period_starts)),
    'members', (
      select json_build_object(
        'organizationId', array_agg(m.organization_id), 'userId', array_agg(m.user_id), 'role', array_agg(m.role),
        'state', array_agg(m.state), 'operation', array_agg(m.operation), 'charged', array_agg(m.charged::text),
        'needed', array_agg(m.needed::text), 'missing', array_agg(m.missing::text),
        'addedAt', array_agg(tollkeeper.to_ms(m.added_at)))
      from team_members m
      where m.organization_id = any (organization_ids)
        and (m.user_id = any (user_ids)
          or (m.state = 'pending_payment'
            and (m.organization_id = any (waking) or jsonb_array_length(named -> 'members') > 0)))),
    'entries', (
      select json_build_object(
        'id', array_agg(e.id), 'organizationId', array_agg(e.organization_id), 'seq', array_agg(e.seq),
        'kind', array_agg(e.kind), 'debit', array_agg(e.debit_account), 'credit', array_agg(e.credit_account),
        'amount', array_agg(e.amount::text), 'currency', array_agg(e.currency),
        'availableAfter', array_agg(e.available_after::text), 'heldAfter', array_agg(e.held_after::text),
        'businessKey', array_agg(e.business_key), 'jobId', array_agg(e.job_id), 'stage', array_agg(e.stage),
        'component', array_agg(e.component), 'tokenClass', array_agg(e.token_class),
        'reference', array_agg(e.reference), 'reversesSeq', array_agg(e.reverses_seq),
        'details', array_agg(e.details), 'createdAt', array_agg(tollkeeper.to_ms(e.created_at)))
      from ledger_entries e where e.business_key = any (keys))
  ) into facts;
  return facts;
end
$$;
