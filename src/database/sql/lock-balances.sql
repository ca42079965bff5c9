-- The money path's lock, taken in the order of the ids: two batches never wait for each other in a circle. What comes back
-- of a row that had to be waited for is what its previous holder committed.
select organization_id, available, held, overdraft_limit, seq, seats_used, seats_paid, stamp
from tollkeeper.organization_balances where organization_id = any ($1::text[])
order by organization_id for update
