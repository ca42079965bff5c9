import type { Snapshot } from '../database/snapshot.ts'
import type { Violation } from '../ledger/audit-findings.ts'

/** The ledger is written once: by triggers for everybody, by rights for the application's role. */
const APPEND_ONLY = 6

const TRIGGERS = `
select g.name from unnest(array['ledger_entries_append_only', 'ledger_entries_never_truncated']) as g(name)
where not exists (
  select 1 from pg_trigger t
  where t.tgrelid = 'tollkeeper.ledger_entries'::regclass and t.tgname = g.name and t.tgenabled in ('O', 'A'))`

const RIGHTS = `
select r.rolname, w.word,
  r.rolsuper or pg_has_role(r.oid, c.relowner, 'USAGE') as owns
from pg_roles r, unnest(array['UPDATE', 'DELETE', 'TRUNCATE']) as w(word), pg_class c
where c.oid = 'tollkeeper.ledger_entries'::regclass and r.rolname in (session_user, current_user, 'tollkeeper_app')
  and has_table_privilege(r.oid, c.oid, w.word)
order by 1, 2`

/**
 * What stands between the ledger and a change of it. A process that was given the owner's role has its rights; then
 * only the triggers guard, which is a warning.
 */
export async function ledgerGuards(
  snapshot: Snapshot,
): Promise<{ readonly violations: readonly Violation[]; readonly warnings: readonly Violation[] }> {
  const off = await snapshot.read<[string]>(TRIGGERS, [])
  const rights = await snapshot.read<[string, string, boolean]>(RIGHTS, [])
  const found = (detail: string): Violation => ({ invariant: APPEND_ONLY, organizationId: null, detail })
  const stray = rights
    .filter(([, , owns]) => !owns)
    .map(([role, word]) => found(`role ${role} may ${word} ledger_entries`))
  const owners = new Set(rights.filter(([, , owns]) => owns).map(([role]) => role))
  return {
    violations: [...off.map(([name]) => found(`trigger ${name} is missing or disabled`)), ...stray],
    warnings: [...owners].map((role) => found(`role ${role} owns ledger_entries: only its triggers guard it`)),
  }
}
