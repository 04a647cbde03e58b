-- name: announce_worker
-- A worker lives; what it told before is replaced.
INSERT INTO workers (owner, version, kinds, pool, labels, slots, running) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (owner) DO UPDATE SET slots = excluded.slots, running = excluded.running, seen_time = clock_timestamp();

-- name: forget_worker
-- A worker has ended by itself.
DELETE FROM workers WHERE owner = $1;

-- name: list_workers
-- In the order of their names, after $1.
SELECT *, extract(epoch FROM clock_timestamp() - seen_time)::float8 AS silent_seconds
FROM workers WHERE owner > $1 ORDER BY owner LIMIT $2;

-- name: count_slots
-- Slots of workers heard of within $3 that run tasks of all kinds of $1 in a place, $2.
SELECT coalesce(sum(slots), 0) FROM workers
WHERE kinds @> $1::text[] AND seen_time > clock_timestamp() - $3::interval
    AND pool = split_part($2, ' ', 1) AND labels @> (string_to_array($2, ' '))[2:];

-- name: list_builds
-- Releases and builds of ffmpeg (labels like $3) of workers heard of within $2 that take tasks of a place, $1.
SELECT DISTINCT version, label FROM workers, unnest(labels) AS told (label)
WHERE slots > 0 AND label LIKE $3 AND seen_time > clock_timestamp() - $2::interval
    AND pool = split_part($1, ' ', 1) AND labels @> (string_to_array($1, ' '))[2:]
ORDER BY version, label LIMIT $4;

-- name: delete_workers
-- Those that were silent for $1.
DELETE FROM workers WHERE seen_time < clock_timestamp() - $1::interval;
