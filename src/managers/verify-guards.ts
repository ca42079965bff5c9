import type { Snapshot } from '../database/snapshot.ts'
import { CHAINED } from '../ledger/audit-chain.ts'
import type { Violation } from '../ledger/audit-findings.ts'

/** The ledger and the audit log are written once: by triggers for everybody, by rights for the application's role. */
const INVARIANTS: Readonly<Record<string, number>> = { ledger_entries: 6, audit_log: CHAINED, audit_head: CHAINED }

const TRIGGERS = `
select g.owner, g.name from (values
  ('ledger_entries', 'ledger_entries_append_only'), ('ledger_entries', 'ledger_entries_never_truncated'),
  ('audit_log', 'audit_log_append_only'), ('audit_log', 'audit_log_never_truncated'),
  ('audit_head', 'audit_head_only_moves_on'), ('audit_head', 'audit_head_never_removed'),
  ('audit_head', 'audit_head_never_truncated')) as g(owner, name)
where not exists (
  select 1 from pg_trigger t
  where t.tgrelid = ('tollkeeper.' || g.owner)::regclass and t.tgname = g.name and t.tgenabled in ('O', 'A'))`

/** What is appended to the audit log is appended by the owner's rights, so that nobody else needs to write there. */
const RIGHTS = `
select r.rolname, w.word, c.relname, r.rolsuper or pg_has_role(r.oid, c.relowner, 'USAGE') as owns
from pg_roles r, pg_class c, unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) as w(word)
where c.oid = any (array['tollkeeper.ledger_entries', 'tollkeeper.audit_log', 'tollkeeper.audit_head']::regclass[])
  and r.rolname in (session_user, current_user, 'tollkeeper_app') and has_table_privilege(r.oid, c.oid, w.word)
  and (w.word <> 'INSERT' or c.relname <> 'ledger_entries')
order by 3 desc, 1, 2`

/**
 * What stands between these and a change of them. A process that was given the owner's role has its rights; then only the
 * triggers guard, which is a warning.
 */
export async function guardsOfRecords(
  snapshot: Snapshot,
): Promise<{ readonly violations: readonly Violation[]; readonly warnings: readonly Violation[] }> {
  const off = await snapshot.read<[string, string]>(TRIGGERS, [])
  const rights = await snapshot.read<[string, string, string, boolean]>(RIGHTS, [])
  const found = (table: string, detail: string): Violation => {
    return { invariant: INVARIANTS[table] ?? 0, organizationId: null, detail }
  }
  const stray = rights
    .filter(([, , , owns]) => !owns)
    .map(([role, word, table]) => found(table, `role ${role} may ${word} ${table}`))
  const owners = rights
    .filter(([, , , owns]) => owns)
    .map(([role, , table]) => [`role ${role} owns ${table}: only its triggers guard it`, table] as const)
  return {
    violations: [...off.map(([table, name]) => found(table, `trigger ${name} is missing or disabled`)), ...stray],
    warnings: [...new Map(owners)].map(([detail, table]) => found(table, detail)),
  }
}
