-- The last statement of its transaction: it locks the head of the chain until COMMIT. Entries in the order of their calls.
select tollkeeper.append_audit(x.entry) from unnest($1::text[]) as x(entry)
