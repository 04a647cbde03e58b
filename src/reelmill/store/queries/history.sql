-- name: list_events
-- What happened to a job after a sequence number.
SELECT * FROM job_events WHERE tenant_id = $1 AND job_id = $2 AND seq > $3 ORDER BY seq LIMIT $4;

-- name: list_logs
-- A job's processing log after a sequence number.
SELECT * FROM job_logs WHERE tenant_id = $1 AND job_id = $2 AND id > $3 ORDER BY id LIMIT $4;
