-- Stores what the fold decided for one batch, and decides nothing itself: one prepared statement in the transaction that
-- holds the locks. Rows come as one array per column, which PostgreSQL takes apart without looking a type up per row.
with
  period_written as (
    update tollkeeper.organizations o
    set period_start = tollkeeper.from_ms(x.period_start), period_end = tollkeeper.from_ms(x.period_end)
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as x(id, period_start, period_end)
    where o.id = x.id and o.period_start <> tollkeeper.from_ms(x.period_start)
  ),
  balances_written as (
    update tollkeeper.organization_balances b
    set available = x.available, held = x.held, seq = x.seq, seats_used = x.seats_used, seats_paid = x.seats_paid
    from unnest(
      $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::int[]
    ) as x(
      id, period_start, period_end, available, held, seq, seats_used, seats_paid)
    where b.organization_id = x.id
  ),
  jobs_written as (
    update tollkeeper.jobs j
    set state = x.state, stage = x.stage, tariff_version_id = x.tariff_version_id,
      period_start = tollkeeper.from_ms(x.period_start), generation = x.generation, charged = x.charged,
      reversed = x.reversed, released = x.released, written_off = x.written_off, rejection = x.rejection,
      failure = x.failure, parked_at = tollkeeper.from_ms(x.parked_at), expires_at = tollkeeper.from_ms(x.expires_at),
      admitted_at = tollkeeper.from_ms(x.admitted_at), finished_at = tollkeeper.from_ms(x.finished_at)
    from unnest(
      $9::uuid[], $10::text[], $11::text[], $12::uuid[], $13::bigint[], $14::int[], $15::bigint[],
      $16::bigint[], $17::bigint[], $18::bigint[], $19::jsonb[], $20::jsonb[], $21::bigint[], $22::bigint[],
      $23::bigint[], $24::bigint[]
    ) as x(
      id, state, stage, tariff_version_id, period_start, generation, charged, reversed, released,
      written_off, rejection, failure, parked_at, expires_at, admitted_at, finished_at)
    where j.id = x.id
  ),
  stages_written as (
    update tollkeeper.job_stages s
    set state = x.state, bound = x.bound, grants = x.grants, usage = coalesce(x.usage, s.usage),
      lines = coalesce(x.lines, s.lines), result = coalesce(x.result, s.result), tokens = x.tokens,
      charged = x.charged, absorbed = x.absorbed, starts = x.starts, claim_id = x.claim_id,
      claimed_until = tollkeeper.from_ms(x.claimed_until), delivery = x.delivery, check_at = tollkeeper.from_ms(x.check_at),
      finished_at = tollkeeper.from_ms(x.finished_at)
    from unnest(
      $25::uuid[], $26::text[], $27::text[], $28::jsonb[], $29::jsonb[], $30::jsonb[], $31::jsonb[],
      $32::text[], $33::bigint[], $34::bigint[], $35::int[], $36::int[], $37::uuid[], $38::bigint[],
      $39::int[], $40::bigint[], $41::bigint[]
    ) as x(
      job_id, stage, state, bound, grants, usage, lines, result, tokens, charged, absorbed, starts, claim_id,
      claimed_until, delivery, check_at, finished_at)
    where s.job_id = x.job_id and s.stage = x.stage
  ),
  holds_written as (
    insert into tollkeeper.holds (
      job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
    select x.job_id, x.generation, x.organization_id, x.amount, x.remaining, x.state, tollkeeper.from_ms(x.opened_at),
      tollkeeper.from_ms(x.closed_at)
    from unnest(
      $42::uuid[], $43::int[], $44::text[], $45::bigint[], $46::bigint[], $47::text[], $48::bigint[],
      $49::bigint[]
    ) as x(
      job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
    on conflict (job_id, generation) do update
    set amount = excluded.amount, remaining = excluded.remaining, state = excluded.state, closed_at = excluded.closed_at
  ),
  counters_written as (
    insert into tollkeeper.usage_counters (
      organization_id, plan_id, component, period_start, used, included_used, reserved)
    select x.organization_id, x.plan_id, x.component, tollkeeper.from_ms(x.period_start), x.used, x.included_used, x.reserved
    from unnest(
      $50::text[], $51::uuid[], $52::text[], $53::bigint[], $54::bigint[], $55::bigint[], $56::bigint[]
    ) as x(
      organization_id, plan_id, component, period_start, used, included_used, reserved)
    on conflict (organization_id, plan_id, component, period_start) do update
    set used = excluded.used, included_used = excluded.included_used, reserved = excluded.reserved
  ),
  members_written as (
    insert into tollkeeper.team_members (
      organization_id, user_id, role, state, operation, charged, needed, missing, added_at)
    select x.organization_id, x.user_id, x.role, x.state, x.operation, x.charged, x.needed, x.missing,
      tollkeeper.from_ms(x.added_at)
    from unnest(
      $57::text[], $58::text[], $59::text[], $60::text[], $61::uuid[], $62::bigint[], $63::bigint[],
      $64::bigint[], $65::bigint[]
    ) as x(
      organization_id, user_id, role, state, operation, charged, needed, missing, added_at)
    on conflict (organization_id, user_id) do update
    set role = excluded.role, state = excluded.state, operation = excluded.operation, charged = excluded.charged,
      needed = excluded.needed, missing = excluded.missing, added_at = excluded.added_at
  ),
  entries_written as (
    insert into tollkeeper.ledger_entries (
      id, organization_id, seq, kind, debit_account, credit_account, amount, currency, available_after, held_after,
      business_key, job_id, stage, component, token_class, reference, reverses_seq, details, created_at)
    select x.id, x.organization_id, x.seq, x.kind, x.debit, x.credit, x.amount, x.currency, x.available_after,
      x.held_after, x.business_key, x.job_id, x.stage, x.component, x.token_class, x.reference, x.reverses_seq,
      x.details, tollkeeper.from_ms(x.created_at)
    from unnest(
      $66::uuid[], $67::text[], $68::bigint[], $69::text[], $70::text[], $71::text[], $72::bigint[],
      $73::text[], $74::bigint[], $75::bigint[], $76::text[], $77::uuid[], $78::text[], $79::text[],
      $80::text[], $81::text[], $82::bigint[], $83::jsonb[], $84::bigint[]
    ) as x(
      id, organization_id, seq, kind, debit, credit, amount, currency, available_after, held_after,
      business_key, job_id, stage, component, token_class, reference, reverses_seq, details, created_at)
  )
select
  (select count(pg_notify('tollkeeper_wake', organization)) from unnest($85::text[]) organization),
  (select count(pg_notify('tollkeeper_jobs', job)) from unnest($86::text[]) job)
