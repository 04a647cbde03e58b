-- name: insert_results
-- What tasks that were just completed made: parallel arrays of their leases, outputs and keys.
INSERT INTO results (job_id, output, tenant_id, key)
SELECT t.job_id, r.output, t.tenant_id, r.key
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[]) AS r (task_id, fence, output, key)
JOIN tasks t ON t.id = r.task_id AND t.fence = r.fence AND t.state = 'COMPLETED'
ON CONFLICT DO NOTHING;

-- name: find_results
-- For each key the newest COMPLETED job that has such an output, and ended within $3. That it was asked for is written in
-- the same statement, where it was not within $4; what another holds at the moment is being asked for, or deleted.
WITH found AS MATERIALIZED (
    SELECT k.key, newest.job_id, newest.output
    FROM unnest($2::bytea[]) AS k (key), LATERAL (
        SELECT r.job_id, r.output FROM results r JOIN jobs j ON j.id = r.job_id
        WHERE r.tenant_id = $1 AND r.key = k.key AND j.state = 'COMPLETED'
            AND j.end_time > clock_timestamp() - $3::interval
        ORDER BY r.job_id DESC LIMIT 1
    ) newest
), stale AS (
    SELECT r.job_id, r.output FROM results r JOIN found ON found.job_id = r.job_id AND found.output = r.output
    WHERE r.used_time IS NULL OR r.used_time < clock_timestamp() - $4::interval
    FOR UPDATE OF r SKIP LOCKED
), used AS (
    UPDATE results r SET used_time = clock_timestamp() FROM stale
    WHERE r.job_id = stale.job_id AND r.output = stale.output
)
SELECT key, job_id, output FROM found;

-- name: result_files
-- The first $4 files of an output of a COMPLETED job, in their order.
SELECT file FROM output_files
WHERE tenant_id = $1 AND job_id = $2 AND output = $3 AND EXISTS (SELECT FROM jobs WHERE id = $2 AND state = 'COMPLETED')
ORDER BY position LIMIT $4;

-- name: get_digests
-- What is known of inputs at places.
SELECT place, sha256 FROM input_digests WHERE tenant_id = $1 AND place = ANY ($2::bytea[]);

-- name: insert_digests
-- What inputs at places hold. Sorted, so that two can't deadlock.
INSERT INTO input_digests (tenant_id, place, sha256)
SELECT $1, place, sha256 FROM unnest($2::bytea[], $3::bytea[]) AS d (place, sha256) ORDER BY place
ON CONFLICT DO NOTHING;

-- name: delete_digests
-- Those that were kept long enough.
DELETE FROM input_digests WHERE create_time < statement_timestamp() - $1::interval;
