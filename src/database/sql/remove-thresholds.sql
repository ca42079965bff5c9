delete from tollkeeper.balance_thresholds where id = any ($1::uuid[])
