import { type Mutant, mutantsOf } from './mutant.ts'

/** What the tables refuse, and what a verification must find. */
export const DATABASE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'migrations/Migration20261123180000_keys_of_jobs.ts',
    ['database/rights'],
    [
      {
        name: 'table-without-unique-key',
        why: 'whatever else goes wrong, the same stage can be charged twice',
        find: '("job_id", "business_key") nulls',
        replace: '("job_id", "business_key", "id") nulls',
      },
      {
        name: 'table-of-keys-without-job',
        why: 'whatever else goes wrong, the same payment can be booked twice',
        find: 'nulls not distinct',
        replace: 'nulls distinct',
      },
    ],
  ),
  ...mutantsOf(
    'migrations/Migration20261123000000_initial.ts',
    ['database/rights'],
    [
      {
        name: 'table-without-limit',
        why: 'the table itself lets a balance go below its limit',
        find: 'check (available >= - overdraft_limit)',
        replace: 'check (available >= - overdraft_limit - 1000000)',
      },
      {
        name: 'table-of-negative-entries',
        why: 'an entry moves money against its direction',
        find: '"ledger_entries_amount_positive" check (amount > 0)',
        replace: '"ledger_entries_amount_positive" check (amount > -1)',
      },
      {
        name: 'ledger-can-be-updated',
        why: 'whoever owns the tables can change what was paid',
        find: 'before update or delete on "tollkeeper"."ledger_entries"',
        replace: 'before delete on "tollkeeper"."ledger_entries"',
      },
      {
        name: 'ledger-can-be-truncated',
        why: 'whoever owns the tables can empty the ledger',
        find: 'before truncate on "tollkeeper"."ledger_entries"',
        replace: 'before update on "tollkeeper"."ledger_entries"',
      },
    ],
  ),
  ...mutantsOf(
    'migrations/Migration20261123120000_lean_money_path.ts',
    ['database/rights'],
    [
      {
        name: 'table-without-unique-seq',
        why: 'two processes write the same place of a ledger',
        find: '"ledger_entries_pkey" primary key ("organization_id", "seq")',
        replace: '"ledger_entries_pkey" primary key ("organization_id", "seq", "id")',
      },
    ],
  ),
  ...mutantsOf(
    'migrations/Migration20261124190000_row_level_security.ts',
    ['database/row-security', 'database/tenant-transaction'],
    [
      {
        name: 'tenants-see-every-stage',
        why: "a tenant's query that names no job reads what others' agents wrote",
        find: "['job_stages', ofJob('job_stages')]",
        replace: "['job_stages', 'true']",
      },
      {
        name: 'members-see-all-jobs',
        why: 'a key for one member reads what the others submitted',
        find: "or user_id = tollkeeper.tenant_user())`],\n  ['team_members'",
        replace: "or true)`],\n  ['team_members'",
      },
      {
        name: 'a-table-is-not-protected',
        why: 'a table of a later migration is open to whoever has a right to it',
        find: "where c.relnamespace = 'tollkeeper'::regnamespace and c.relkind in ('r', 'p')",
        replace:
          "where c.relname <> 'job_texts' and c.relnamespace = 'tollkeeper'::regnamespace and c.relkind in ('r', 'p')",
      },
    ],
  ),
  ...mutantsOf(
    'src/database/tenant.ts',
    ['database/tenant-transaction'],
    [
      {
        name: 'a-member-is-forgotten',
        why: 'a key for one member sees what the whole organisation sees',
        find: "userId ?? ''",
        replace: "''",
      },
      {
        name: 'the-role-stays-with-the-connection',
        why: "the next user of the connection works as a tenant, or with the last tenant's name",
        find: 'pg.escapeLiteral(value)}, true)`',
        replace: 'pg.escapeLiteral(value)}, false)`',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/migrate.ts',
    ['database/rights'],
    [
      {
        name: 'application-may-change-the-ledger',
        why: 'only the trigger keeps the application from changing what was paid',
        find: 'revoke insert, update, delete, truncate on tollkeeper.ledger_entries from tollkeeper_app;',
        replace: '',
      },
      {
        name: 'money-path-may-change-the-ledger',
        why: 'only the trigger keeps the money path from changing what was paid',
        find: 'grant delete on tollkeeper.balance_thresholds to tollkeeper_money;',
        replace:
          'grant update, delete on tollkeeper.balance_thresholds, tollkeeper.ledger_entries to tollkeeper_money;',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit.ts',
    ['ledger/audit'],
    [
      {
        name: 'verify-misses-a-gap',
        why: 'a deleted entry is not found',
        find: 'if (seq !== this.#seq + 1) findings.add(4',
        replace: 'if (seq < this.#seq + 1) findings.add(4',
      },
      {
        name: 'verify-misses-an-altered-entry',
        why: 'an amount that was changed afterwards is not found',
        find: 'if (entry.availableAfter !== this.#available) {',
        replace: 'if (entry.availableAfter < this.#available) {',
      },
      {
        name: 'verify-misses-held',
        why: 'held money that was changed afterwards is not found',
        find: 'if (entry.heldAfter !== this.#held) {',
        replace: 'if (entry.heldAfter < this.#held) {',
      },
      {
        name: 'verify-misses-the-balance',
        why: 'a balance that the ledger does not explain is not found',
        find: 'if (available !== this.#available) this.#differs',
        replace: 'if (available < this.#available) this.#differs',
      },
      {
        name: 'verify-misses-the-limit',
        why: 'an overdrawn balance is not found',
        find: 'if (this.#available < -this.#organization.overdraftLimitPeak) {',
        replace: 'if (this.#available < -this.#organization.overdraftLimitPeak - 1_000n) {',
      },
      {
        name: 'verify-misses-the-last-entries',
        why: 'a ledger that was cut at its end is not found',
        find: 'if (seq !== this.#seq) this.#findings.add(4',
        replace: 'if (seq < this.#seq) this.#findings.add(4',
      },
      {
        name: 'verify-misses-open-holds',
        why: 'held money that no hold explains is not found',
        find: 'if (held !== openHolds) {',
        replace: 'if (held < openHolds) {',
      },
      {
        name: 'verify-misses-a-seat',
        why: 'a seat without a member is not found',
        find: 'if (seatsUsed !== activeMembers) {',
        replace: 'if (seatsUsed < activeMembers) {',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-line.ts',
    ['ledger/audit-line'],
    [
      {
        name: 'verify-misses-a-price',
        why: 'a line that costs otherwise than its tariff says is not found',
        find: 'if (amount + writtenOff === price) return null',
        replace: 'if (amount + writtenOff >= price) return null',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-job.ts',
    ['managers/verify-damage'],
    [
      {
        name: 'verify-misses-a-double-charge',
        why: 'an entry that no line explains is not found',
        find: 'else if (left.has(key)) findings.add',
        replace: 'else if (!left.has(key) && kind === kind.toUpperCase()) findings.add',
      },
      {
        name: 'verify-misses-a-lost-charge',
        why: 'a line without its entry is not found',
        find: 'if (!entry) findings.add(invariant,',
        replace: 'if (!entry) Object.is(invariant,',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-counters.ts',
    ['managers/verify-damage'],
    [
      {
        name: 'verify-misses-a-counter',
        why: 'units that nobody used are not found',
        find: 'if (stored[name] === sum[name]) continue',
        replace: 'if (stored[name] >= sum[name]) continue',
      },
    ],
  ),
]
