-- name: insert_jobs
-- Jobs with one task each; triggers write their first events and announce the tasks. Parallel arrays.
WITH new AS (
    SELECT * FROM unnest(
        $3::uuid[], $4::uuid[], $5::smallint[], $6::bytea[], $7::text[], $8::text[], $9::timestamptz[],
        $10::uuid[], $11::text[], $12::text[], $13::text[], $14::boolean[]
    ) AS n (id, task_id, priority, spec, output_prefix, labels, deadline, retry_of, traceparent, operation, place, each)
), task AS (
    INSERT INTO tasks (id, job_id, tenant_id, kind, operation, state, priority, ready_time, traceparent, place)
    SELECT task_id, id, $1, 'run_job', operation, 'READY', priority, clock_timestamp(), traceparent, place FROM new
)
INSERT INTO jobs (id, tenant_id, user_id, priority, spec, output_prefix, labels, deadline, retry_of, open_tasks, published)
SELECT id, $1, $2, priority, spec, output_prefix, labels::jsonb, deadline, retry_of, 1, CASE WHEN each THEN '{}'::text[] END
FROM new
RETURNING id, create_time;

-- name: insert_idempotency_keys
-- Those of the keys that nobody used before. Sorted, so that two batches can't deadlock.
INSERT INTO idempotency_keys (tenant_id, key, fingerprint, job_id)
SELECT $1, key, fingerprint, job_id
FROM unnest($2::text[], $3::bytea[], $4::uuid[]) AS n (key, fingerprint, job_id)
ORDER BY key
ON CONFLICT DO NOTHING
RETURNING key;

-- name: get_idempotency_keys
-- What the keys were used for.
SELECT key, fingerprint, job_id FROM idempotency_keys WHERE tenant_id = $1 AND key = ANY ($2::text[]);

-- name: get_job
-- A job, and a time at or before which it was so. (An array of one id would cost a client a third more.)
SELECT *, now() AS read_time FROM jobs WHERE tenant_id = $1 AND id = $2;

-- name: get_owner
-- Who submitted a job.
SELECT user_id FROM jobs WHERE tenant_id = $1 AND id = $2;

-- name: get_jobs
-- Jobs by id.
SELECT * FROM jobs WHERE tenant_id = $1 AND id = ANY ($2::uuid[]);

-- name: get_versions
-- How far jobs are.
SELECT id, version FROM jobs WHERE tenant_id = $1 AND id = ANY ($2::uuid[]);

-- name: get_retry
-- The job that tries a job again, if there is one.
SELECT * FROM jobs WHERE tenant_id = $1 AND retry_of = $2;

-- name: get_files
-- What jobs made, in order: of each output the files before position $3.
SELECT *, path_in_output(uri, job_id) AS path FROM output_files
WHERE tenant_id = $1 AND job_id = ANY ($2::uuid[]) AND position < $3 ORDER BY job_id, output, position;

-- name: get_file_sums
-- How much outputs of jobs became. Parallel arrays.
SELECT job_id, output, count(*) AS count, sum(size_bytes)::bigint AS bytes
FROM output_files JOIN unnest($2::uuid[], $3::text[]) AS wanted (job_id, output) USING (job_id, output)
WHERE tenant_id = $1 GROUP BY job_id, output;

-- name: get_results
-- What tasks of kinds $3 told with their completions, of jobs.
SELECT job_id, result FROM tasks
WHERE tenant_id = $1 AND job_id = ANY ($2::uuid[]) AND kind = ANY ($3::text[]) AND result IS NOT NULL;

-- name: list_files
-- Files of an output, after a position, that are visible: of a COMPLETED job, and of one that publishes each. It ends with the file that brings it to $6 bytes.
WITH page AS (
    SELECT *, octet_length(file) AS bytes FROM output_files
    WHERE tenant_id = $1 AND job_id = $2 AND output = $3 AND position > $4
        AND EXISTS (SELECT FROM jobs WHERE id = $2 AND (state = 'COMPLETED' OR $3 = ANY (published)))
    ORDER BY position LIMIT $5
), counted AS (
    SELECT *, count(*) OVER () AS candidates, sum(bytes) OVER (ORDER BY position) - bytes AS bytes_before FROM page
)
SELECT *, path_in_output(uri, job_id) AS path
FROM counted WHERE bytes_before < $6 ORDER BY position;

-- name: find_file
-- The file at a path, as its URI has it, of an output that is visible. The path is what follows the attempt's
-- folder and the output's; the index has it.
SELECT *, path_in_output(uri, job_id) AS path FROM output_files
WHERE tenant_id = $1 AND job_id = $2 AND output = $3
    AND path_in_output(uri, job_id) = $4
    AND EXISTS (SELECT FROM jobs WHERE id = $2 AND (state = 'COMPLETED' OR $3 = ANY (published)))
LIMIT 1;

-- name: list_jobs
-- A page, newest first: ids are version 7, so they order by time. NULL conditions hold for all. It ends with the job
-- that brings it to $8 bytes; `candidates` are the jobs that it would have without that.
WITH page AS (
-- include: jobs_wanted
    ORDER BY id DESC
    LIMIT $7
),
-- include: cut_page

-- name: list_own_jobs
-- The same of those that $10 submitted: a query of its own, for an index that finds them among all others.
WITH page AS (
-- include: jobs_wanted
        AND user_id = $10
    ORDER BY id DESC
    LIMIT $7
),
-- include: cut_page

-- name: jobs_wanted
-- Jobs of a list, and their bytes.
    SELECT id, octet_length(spec) + coalesce(octet_length(error), 0) + CASE WHEN state = 'COMPLETED' OR published IS NOT NULL THEN coalesce(
        (SELECT sum(octet_length(file)) FROM output_files WHERE job_id = jobs.id AND position < $9), 0) + coalesce(
        (SELECT sum(octet_length(result)) FROM tasks WHERE job_id = jobs.id), 0)
        ELSE 0 END AS bytes
    FROM jobs
    WHERE tenant_id = $1
        AND ($2::uuid IS NULL OR id < $2)
        AND ($3::text[] IS NULL OR state::text = ANY ($3))
        AND ($4::text IS NULL OR labels @> $4::jsonb)
        AND ($5::timestamptz IS NULL OR create_time > $5)
        AND ($6::timestamptz IS NULL OR create_time < $6)

-- name: cut_page
-- What a list shows of a page.
counted AS (
    SELECT id, count(*) OVER () AS candidates, sum(bytes) OVER (ORDER BY id DESC) - bytes AS bytes_before FROM page
)
SELECT j.*, counted.candidates
FROM counted, LATERAL (SELECT * FROM jobs WHERE jobs.id = counted.id AND tenant_id = $1 OFFSET 0) j
WHERE counted.bytes_before < $8
ORDER BY j.id DESC;

-- name: cancel_job
-- Waiting tasks end at once; running ones are told at their worker's next heartbeat. The tasks are
-- locked before the job, as everywhere, so that this can't deadlock with a completion.
WITH stopping AS (
    SELECT id FROM tasks
    WHERE job_id = $2 AND tenant_id = $1 AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
    ORDER BY id FOR NO KEY UPDATE
),
-- include: leases.stop
, counted AS (
    SELECT count(*)::int AS flagged, (count(*) FILTER (WHERE state = 'CANCELLED'))::int AS stopped FROM stopped
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, level, attempt, message)
    SELECT id, tenant_id, 'INFO', attempt, 'cancellation accepted' || coalesce(': ' || nullif($3, ''), '')
    FROM jobs, counted WHERE id = $2 AND cancel_time IS NULL AND counted.flagged > 0
)
UPDATE jobs
SET cancel_time = coalesce(cancel_time, clock_timestamp()),
    open_tasks = open_tasks - stopped,
    state = CASE WHEN open_tasks = stopped THEN 'CANCELLED' ELSE state END,
    phase = CASE WHEN open_tasks = stopped THEN NULL ELSE phase END,
    next_attempt_time = CASE WHEN open_tasks = stopped THEN NULL ELSE next_attempt_time END,
    end_time = CASE WHEN open_tasks = stopped THEN clock_timestamp() END
FROM counted
WHERE id = $2 AND tenant_id = $1 AND state IN ('QUEUED', 'PROCESSING') AND counted.flagged > 0
RETURNING jobs.*;
