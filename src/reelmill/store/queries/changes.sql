-- name: mark
-- A place in time for changed_jobs: each transaction that the next statement does not see has a number from `xid` on and
-- began after `time`. The second is for the moment between a transaction's beginning and its showing here.
SELECT pg_postmaster_start_time() AS start_time, pg_snapshot_xmin(pg_current_snapshot())::text AS xid,
    least(clock_timestamp(), (
        SELECT min(xact_start) FROM pg_stat_activity
        WHERE datname = current_database()
            AND (backend_xid IS NOT NULL OR xact_start > clock_timestamp() - interval '10 s')
    )) - interval '1 s' AS time;

-- name: changed_jobs
-- Jobs that changed since a mark ($1 its time, $2 its xid) and were QUEUED before: who leaves that state, or comes back to
-- it, has a task that runs, waits for its retry, or is ready again, or has ended. Indexes find them by time; the xid
-- then leaves only what is new. At most $3 rows, one at least. (OFFSET 0: jobs are looked up by id, never read through.)
SELECT now.read_time, changed.*
FROM (SELECT clock_timestamp() AS read_time) AS now LEFT JOIN (
    SELECT j.tenant_id, j.id, j.version
    FROM (
        SELECT job_id FROM tasks WHERE state = 'RUNNING'
        UNION
        SELECT job_id FROM tasks WHERE state = 'DELAYED' AND age(xmin) <= age($2::text::xid8::xid)
        UNION
        SELECT job_id FROM tasks
        WHERE state = 'READY' AND lease_until IS NULL AND ready_time >= $1 AND (fence > 0 OR spawned_by IS NOT NULL)
        UNION
        SELECT id FROM jobs WHERE end_time >= $1
    ) AS touched, LATERAL (SELECT *, xmin FROM jobs WHERE jobs.id = touched.job_id OFFSET 0) AS j
    WHERE age(j.xmin) <= age($2::text::xid8::xid)
    LIMIT $3
) AS changed ON true;
