update tollkeeper.balance_alerts set cleared_at = tollkeeper.from_ms($2::bigint) where id = any ($1::uuid[])
