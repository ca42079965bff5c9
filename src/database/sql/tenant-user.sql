-- The member whose rows alone this transaction sees; null: the whole organisation's.
create or replace function tollkeeper.tenant_user() returns text
language sql stable parallel safe
return nullif(current_setting('tollkeeper.user_id', true), '');
