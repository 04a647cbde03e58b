-- name: delete_jobs
-- Finished jobs past their retention, with all that belongs to them. Their own folders in storage are
-- left to storage_deletions: those below $3, our own storage, and nowhere else.
WITH old AS (
    SELECT id, output_prefix FROM jobs WHERE end_time < statement_timestamp() - $1::interval
    ORDER BY end_time LIMIT $2 FOR UPDATE SKIP LOCKED
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(old.output_prefix, t.id, t.spawned_by, f.fence), clock_timestamp()
    FROM old JOIN tasks t ON t.job_id = old.id, LATERAL generate_series(1, t.fence) AS f (fence)
    WHERE starts_with(old.output_prefix, $3)
)
DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id;

-- name: delete_idempotency_keys
-- Keys that were kept long enough.
DELETE FROM idempotency_keys WHERE create_time < statement_timestamp() - $1::interval;

-- name: delete_stale_outbox
-- With the PostgreSQL queue, events and dead letters that nobody took.
DELETE FROM outbox WHERE topic IN ('events', 'dead-letter') AND create_time < clock_timestamp() - $1::interval;

-- name: lock_storage_deletions
-- Folders whose time has come.
SELECT id, uri FROM storage_deletions WHERE not_before <= statement_timestamp()
ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: finish_storage_deletions
-- Folders that are gone.
DELETE FROM storage_deletions WHERE id = ANY ($1::bigint[]);

-- name: postpone_storage_deletions
-- Folders that are being tried: hidden for $2, and twice as long after each try, up to 17 hours.
UPDATE storage_deletions
SET not_before = clock_timestamp() + $2::interval * 2 ^ least(tries, 10), tries = tries + 1
WHERE id = ANY ($1::bigint[]);

-- name: give_up_storage_deletions
-- Folders that could not be deleted in so many tries.
DELETE FROM storage_deletions WHERE tries >= $1 AND not_before <= clock_timestamp() RETURNING uri;
