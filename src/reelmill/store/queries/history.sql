-- name: list_events
-- What happened to a job after a sequence number.
SELECT * FROM job_events WHERE tenant_id = $1 AND job_id = $2 AND seq > $3 ORDER BY seq LIMIT $4;

-- name: events_after
-- What happened to jobs, each after a sequence number of its own: at most $4 events of each, oldest first.
SELECT e.*
FROM unnest($2::uuid[], $3::bigint[]) AS wanted (job_id, after)
CROSS JOIN LATERAL (
    SELECT * FROM job_events
    WHERE tenant_id = $1 AND job_id = wanted.job_id AND seq > wanted.after
    ORDER BY seq LIMIT $4
) AS e;

-- name: list_logs
-- A job's processing log after a sequence number.
SELECT * FROM job_logs WHERE tenant_id = $1 AND job_id = $2 AND id > $3 ORDER BY id LIMIT $4;
