-- name: delete_old
-- What deletions do with the jobs `old`, which are final and locked: all that belongs to them goes. Their own folders in
-- storage are left to storage_deletions: those below $3, our own storage, and nowhere else.
swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(old.output_prefix, t.id, t.spawned_by, f.fence), clock_timestamp()
    FROM old JOIN tasks t ON t.job_id = old.id, LATERAL generate_series(1, t.fence) AS f (fence)
    WHERE starts_with(old.output_prefix, $3)
)
DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id, jobs.tenant_id;

-- name: delete_jobs
-- Finished jobs past their retention.
WITH old AS (
    SELECT id, output_prefix FROM jobs WHERE end_time < statement_timestamp() - $1::interval
    ORDER BY end_time LIMIT $2 FOR UPDATE SKIP LOCKED
),
-- include: delete_old

-- name: delete_unused
-- COMPLETED jobs whose results are more than the $4 bytes that those of a tenant may hold, of which others were made or
-- asked for later; none that were within $1.
WITH held AS (
    SELECT r.tenant_id, r.job_id, max(coalesce(r.used_time, j.end_time)) AS used_time, sum(f.size_bytes) AS bytes
    FROM results r
    JOIN jobs j ON j.id = r.job_id AND j.state = 'COMPLETED'
    JOIN output_files f ON f.job_id = r.job_id AND f.output = r.output
    GROUP BY r.tenant_id, r.job_id
), kept AS (
    SELECT job_id, used_time, sum(bytes) OVER (PARTITION BY tenant_id ORDER BY used_time DESC, job_id DESC) AS bytes
    FROM held
), old AS (
    SELECT jobs.id, jobs.output_prefix FROM jobs JOIN kept ON kept.job_id = jobs.id
    WHERE kept.bytes > $4 AND kept.used_time < statement_timestamp() - $1::interval
    ORDER BY kept.used_time LIMIT $2 FOR UPDATE OF jobs SKIP LOCKED
),
-- include: delete_old

-- name: delete_job
-- A finished job, unless somebody still runs a task of it: who stops may write for a moment yet.
WITH old AS (
    SELECT id, output_prefix FROM jobs
    WHERE tenant_id = $1 AND id = $2 AND state IN ('COMPLETED', 'FAILED', 'CANCELLED')
        AND NOT EXISTS (SELECT FROM tasks t WHERE t.job_id = jobs.id AND t.state = 'RUNNING')
    FOR UPDATE
),
-- include: delete_old

-- name: delete_some
-- The first $2 finished jobs of a tenant of which all this holds, but those of which somebody still runs a task. NULL
-- conditions hold for all.
WITH old AS (
    SELECT id, output_prefix FROM jobs
    WHERE tenant_id = $1 AND state IN ('COMPLETED', 'FAILED', 'CANCELLED')
        AND ($4::text[] IS NULL OR state::text = ANY ($4))
        AND ($5::text IS NULL OR labels @> $5::jsonb)
        AND ($6::timestamptz IS NULL OR create_time > $6)
        AND ($7::timestamptz IS NULL OR create_time < $7)
        AND NOT EXISTS (SELECT FROM tasks t WHERE t.job_id = jobs.id AND t.state = 'RUNNING')
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
),
-- include: delete_old

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
