-- $7: the stamp of this batch, by which its process knows that nobody has changed anything of these organisations since.
update tollkeeper.organization_balances b
set available = x.available, held = x.held, seq = x.seq, seats_used = x.seats_used, seats_paid = x.seats_paid, stamp = $7
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::int[])
  as x(id, available, held, seq, seats_used, seats_paid)
where b.organization_id = x.id
