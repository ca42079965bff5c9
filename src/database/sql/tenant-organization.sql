-- The organisation whose rows this transaction sees; null, and so none, where nobody said.
create or replace function tollkeeper.tenant_organization() returns text
language sql stable parallel safe
return nullif(current_setting('tollkeeper.organization_id', true), '');
