-- Stores what the fold decided for one batch, and decides nothing itself. Runs in the transaction that holds the locks.
create or replace function tollkeeper.write_batch(changes jsonb) returns void
language plpgsql
set search_path = tollkeeper, pg_temp
as $$
begin
  update organizations o
  set period_start = tollkeeper.from_ms(x."periodStart"), period_end = tollkeeper.from_ms(x."periodEnd")
  from jsonb_to_recordset(changes -> 'organizations') as x(id text, "periodStart" bigint, "periodEnd" bigint)
  where o.id = x.id and o.period_start <> tollkeeper.from_ms(x."periodStart");

  update organization_balances b
  set available = x.available, held = x.held, seq = x.seq, seats_used = x."seatsUsed", seats_paid = x."seatsPaid"
  from jsonb_to_recordset(changes -> 'organizations')
    as x(id text, available bigint, held bigint, seq bigint, "seatsUsed" int, "seatsPaid" int)
  where b.organization_id = x.id;

  update jobs j
  set state = x.state, stage = x.stage, tariff_version_id = x."tariffVersionId",
    period_start = tollkeeper.from_ms(x."periodStart"), generation = x.generation, charged = x.charged,
    reversed = x.reversed, released = x.released, written_off = x."writtenOff",
    rejection = nullif(x.rejection, 'null'), failure = nullif(x.failure, 'null'),
    parked_at = tollkeeper.from_ms(x."parkedAt"), expires_at = tollkeeper.from_ms(x."expiresAt"),
    admitted_at = tollkeeper.from_ms(x."admittedAt"), finished_at = tollkeeper.from_ms(x."finishedAt")
  from jsonb_to_recordset(changes -> 'jobs') as x(
    id uuid, state text, stage text, "tariffVersionId" uuid, "periodStart" bigint, generation int, charged bigint,
    reversed bigint, released bigint, "writtenOff" bigint, rejection jsonb, failure jsonb, "parkedAt" bigint,
    "expiresAt" bigint, "admittedAt" bigint, "finishedAt" bigint)
  where j.id = x.id;

  update job_stages s
  set state = x.state, bound = nullif(x.bound, 'null'), grants = x.grants, usage = coalesce(x.usage, s.usage),
    lines = coalesce(x.lines, s.lines), result = coalesce(x.result, s.result), tokens = x.tokens, charged = x.charged,
    absorbed = x.absorbed, starts = x.starts, claim_id = x."claimId",
    claimed_until = tollkeeper.from_ms(x."claimedUntil"), delivery = x.delivery,
    check_at = tollkeeper.from_ms(x."checkAt"), finished_at = tollkeeper.from_ms(x."finishedAt")
  from jsonb_to_recordset(changes -> 'stages') as x(
    "jobId" uuid, stage text, state text, bound jsonb, grants jsonb, usage jsonb, lines jsonb, result text,
    tokens bigint, charged bigint, absorbed int, starts int, "claimId" uuid, "claimedUntil" bigint, delivery int,
    "checkAt" bigint, "finishedAt" bigint)
  where s.job_id = x."jobId" and s.stage = x.stage;

  insert into holds (job_id, generation, organization_id, amount, remaining, state, opened_at, closed_at)
  select x."jobId", x.generation, x."organizationId", x.amount, x.remaining, x.state,
    tollkeeper.from_ms(x."openedAt"), tollkeeper.from_ms(x."closedAt")
  from jsonb_to_recordset(changes -> 'holds') as x(
    "jobId" uuid, generation int, "organizationId" text, amount bigint, remaining bigint, state text,
    "openedAt" bigint, "closedAt" bigint)
  on conflict (job_id, generation) do update
  set remaining = excluded.remaining, state = excluded.state, closed_at = excluded.closed_at;

  insert into usage_counters (organization_id, plan_id, component, period_start, used, included_used, reserved)
  select x."organizationId", x."planId", x.component, tollkeeper.from_ms(x."periodStart"), x.used, x."includedUsed",
    x.reserved
  from jsonb_to_recordset(changes -> 'counters') as x(
    "organizationId" text, "planId" uuid, component text, "periodStart" bigint, used bigint, "includedUsed" bigint,
    reserved bigint)
  on conflict (organization_id, plan_id, component, period_start) do update
  set used = excluded.used, included_used = excluded.included_used, reserved = excluded.reserved;

  insert into team_members (organization_id, user_id, role, state, operation, charged, needed, missing, added_at)
  select x."organizationId", x."userId", x.role, x.state, x.operation, x.charged, x.needed, x.missing,
    tollkeeper.from_ms(x."addedAt")
  from jsonb_to_recordset(changes -> 'members') as x(
    "organizationId" text, "userId" text, role text, state text, operation uuid, charged bigint, needed bigint,
    missing bigint, "addedAt" bigint)
  on conflict (organization_id, user_id) do update
  set role = excluded.role, state = excluded.state, operation = excluded.operation, charged = excluded.charged,
    needed = excluded.needed, missing = excluded.missing, added_at = excluded.added_at;

  insert into ledger_entries (id, organization_id, seq, kind, debit_account, credit_account, amount, currency,
    available_after, held_after, business_key, job_id, stage, component, token_class, reference, reverses_seq, details,
    created_at)
  select x.id, x."organizationId", x.seq, x.kind, x.debit, x.credit, x.amount, x.currency, x."availableAfter",
    x."heldAfter", x."businessKey", x."jobId", x.stage, x.component, x."tokenClass", x.reference, x."reversesSeq",
    nullif(x.details, 'null'), tollkeeper.from_ms(x."createdAt")
  from jsonb_to_recordset(changes -> 'entries') as x(
    id uuid, "organizationId" text, seq bigint, kind text, debit text, credit text, amount bigint, currency text,
    "availableAfter" bigint, "heldAfter" bigint, "businessKey" text, "jobId" uuid, stage text, component text,
    "tokenClass" text, reference text, "reversesSeq" bigint, details jsonb, "createdAt" bigint);

  perform pg_notify('tollkeeper_wake', organization) from jsonb_array_elements_text(changes -> 'wake') organization;
  perform pg_notify('tollkeeper_jobs', job) from jsonb_array_elements_text(changes -> 'changed') job;
end
$$;
