-- name: add_measurements
-- What was measured of a kind; what was there before weighs $7 as much as it did.
INSERT INTO measurements AS m (operation, codec, effort, measure, build, bins) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (operation, codec, effort, measure, build) DO UPDATE SET
    update_time = clock_timestamp(),
    bins = (SELECT array_agg((coalesce(b.old, 0) * $7::float8 + coalesce(b.new, 0))::real ORDER BY b.i)
            FROM unnest(m.bins, excluded.bins) WITH ORDINALITY AS b (old, new, i));

-- name: read_measurements
-- The newest of all kinds, with how many days each is behind the newest of its kind.
SELECT operation, codec, effort, measure, bins,
       (extract(epoch FROM max(update_time) OVER (PARTITION BY operation, codec, effort, measure) - update_time)
           / 86400)::float8 AS days_behind
FROM measurements ORDER BY update_time DESC LIMIT $1;

-- name: delete_measurements
-- Of kinds and builds that nobody has measured for $1.
DELETE FROM measurements WHERE update_time < clock_timestamp() - $1::interval;
