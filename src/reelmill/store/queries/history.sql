-- name: list_events
-- What happened to a job after a sequence number. It ends with the event that brings it to $5 bytes.
WITH page AS (
    SELECT *, coalesce(octet_length(error), 0) + 100 AS bytes FROM job_events
    WHERE tenant_id = $1 AND job_id = $2 AND seq > $3 ORDER BY seq LIMIT $4
), counted AS (
    SELECT *, count(*) OVER () AS candidates, sum(bytes) OVER (ORDER BY seq) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < $5 ORDER BY seq;

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
-- A job's processing log after a sequence number. It ends with the line that brings it to $5 bytes.
WITH page AS (
    SELECT *, octet_length(message) + coalesce(octet_length(command), 0) + 100 AS bytes FROM job_logs
    WHERE tenant_id = $1 AND job_id = $2 AND id > $3 ORDER BY id LIMIT $4
), counted AS (
    SELECT *, count(*) OVER () AS candidates, sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < $5 ORDER BY id;
