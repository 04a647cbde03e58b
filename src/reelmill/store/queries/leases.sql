-- A write by lease says state::text = 'RUNNING'. Without the cast PostgreSQL may look for its row in the
-- index of RUNNING tasks, which statistics of a quiet hour call empty; then each heartbeat reads all of it.

-- name: claim_tasks
-- Take ready tasks by id, for as long as the lease. The fence grows: whatever an earlier holder
-- still writes is refused. The database's clock only.
WITH candidates AS (
    SELECT id FROM tasks WHERE id = ANY ($1::uuid[]) AND state = 'READY'
    ORDER BY priority DESC, id LIMIT $4 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE tasks t
    SET state = 'RUNNING', owner = $2, fence = t.fence + 1, attempt = t.attempt + 1,
        lease_until = clock_timestamp() + $3::interval
    FROM candidates c WHERE t.id = c.id
    RETURNING t.id, t.job_id, t.kind, t.fence, t.attempt, t.crashes, t.traceparent,
        coalesce(extract(epoch FROM clock_timestamp() - t.ready_time), 0)::float8 AS waited_seconds
), started AS (
    UPDATE jobs j
    SET state = 'PROCESSING', phase = 'PROBING', attempt = c.attempt, next_attempt_time = NULL,
        start_time = coalesce(j.start_time, clock_timestamp())
    FROM (SELECT job_id, max(attempt) AS attempt FROM claimed GROUP BY job_id) c WHERE j.id = c.job_id
    RETURNING j.*
)
SELECT c.id AS task_id, c.kind, c.fence, c.crashes, c.traceparent, c.waited_seconds, j.*
FROM claimed c JOIN started j ON j.id = c.job_id
ORDER BY j.priority DESC, c.id;

-- name: claim_swept
-- As claim_tasks, for tasks that have been ready for a while: their message was lost, or waits
-- behind others.
WITH candidates AS (
    SELECT id FROM tasks WHERE state = 'READY' AND ready_time < clock_timestamp() - $1::interval
    ORDER BY priority DESC, id LIMIT $4 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE tasks t
    SET state = 'RUNNING', owner = $2, fence = t.fence + 1, attempt = t.attempt + 1,
        lease_until = clock_timestamp() + $3::interval
    FROM candidates c WHERE t.id = c.id
    RETURNING t.id, t.job_id, t.kind, t.fence, t.attempt, t.crashes, t.traceparent,
        coalesce(extract(epoch FROM clock_timestamp() - t.ready_time), 0)::float8 AS waited_seconds
), started AS (
    UPDATE jobs j
    SET state = 'PROCESSING', phase = 'PROBING', attempt = c.attempt, next_attempt_time = NULL,
        start_time = coalesce(j.start_time, clock_timestamp())
    FROM (SELECT job_id, max(attempt) AS attempt FROM claimed GROUP BY job_id) c WHERE j.id = c.job_id
    RETURNING j.*
)
SELECT c.id AS task_id, c.kind, c.fence, c.crashes, c.traceparent, c.waited_seconds, j.*
FROM claimed c JOIN started j ON j.id = c.job_id
ORDER BY j.priority DESC, c.id;

-- name: heartbeat
-- Renew leases; answers those still held and whether they are to stop. A lease that is not in the
-- answer is lost. Here as below, tasks are locked in the order of their ids, so that statements which
-- wait for several of them can't deadlock.
WITH held AS (
    SELECT t.id FROM tasks t JOIN unnest($1::uuid[], $2::bigint[]) AS lease (id, fence) USING (id)
    WHERE t.fence = lease.fence AND t.state::text = 'RUNNING'
    ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE tasks t SET lease_until = clock_timestamp() + $3::interval
FROM held WHERE t.id = held.id
RETURNING t.id, t.fence, t.cancel_requested;

-- name: report
-- What the holder is doing ($3, or NULL for no news), and lines for the processing log. The task's row
-- is locked first, so that no rescue can come between.
WITH held AS (
    SELECT job_id, tenant_id, attempt FROM tasks WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' FOR UPDATE
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, attempt, time, level, output, message, command)
    SELECT held.job_id, held.tenant_id, held.attempt, l.time, l.level::log_level, l.output, l.message, l.command
    FROM held, unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[])
        WITH ORDINALITY AS l (time, level, output, message, command, position)
    ORDER BY l.position
)
UPDATE jobs j SET phase = coalesce($3::text::job_phase, j.phase)
FROM held WHERE j.id = held.job_id AND j.state = 'PROCESSING'
RETURNING j.*;

-- name: complete_tasks
-- Finish tasks by their fences, with the files they made; the last task of a job finishes the job,
-- and with that all its files become visible. Nothing happens for a lease that was lost or a job
-- that is to stop. Two tasks of a job that finish at once meet at the job's row, so one sees 0.
WITH held AS (
    SELECT t.id FROM tasks t JOIN unnest($1::uuid[], $2::bigint[]) AS lease (id, fence) USING (id)
    WHERE t.fence = lease.fence AND t.state::text = 'RUNNING' AND NOT t.cancel_requested
    ORDER BY t.id FOR NO KEY UPDATE OF t
), done AS (
    UPDATE tasks t SET state = 'COMPLETED', lease_until = NULL
    FROM held WHERE t.id = held.id
    RETURNING t.id, t.job_id, t.tenant_id, t.fence
), files AS (
    INSERT INTO output_files (job_id, tenant_id, output, position, file, uri, size_bytes, sha256)
    SELECT done.job_id, done.tenant_id, f.output, f.position, f.file, f.uri, f.size_bytes, f.sha256
    FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::int[], $7::bytea[], $8::text[], $9::bigint[], $10::text[])
        AS f (task_id, fence, output, position, file, uri, size_bytes, sha256)
    JOIN done ON done.id = f.task_id AND done.fence = f.fence
), opened AS (
    UPDATE tasks t
    SET open_dependencies = t.open_dependencies - d.n,
        state = CASE WHEN t.open_dependencies = d.n THEN 'READY' ELSE t.state END,
        ready_time = CASE WHEN t.open_dependencies = d.n THEN clock_timestamp() END
    FROM (
        SELECT task_id, count(*)::int AS n FROM task_dependencies JOIN done ON done.id = depends_on GROUP BY task_id
    ) d
    WHERE t.id = d.task_id AND t.state = 'WAITING'
)
UPDATE jobs j
SET open_tasks = j.open_tasks - d.n,
    state = CASE WHEN j.open_tasks = d.n THEN 'COMPLETED' ELSE j.state END,
    phase = CASE WHEN j.open_tasks = d.n THEN NULL ELSE j.phase END,
    error = CASE WHEN j.open_tasks = d.n THEN NULL ELSE j.error END,
    end_time = CASE WHEN j.open_tasks = d.n THEN clock_timestamp() END
FROM (
    SELECT job_id, count(*)::int AS n, array_agg(id) AS task_ids, array_agg(fence) AS fences FROM done GROUP BY job_id
) d
WHERE j.id = d.job_id
RETURNING d.task_ids, d.fences, j.*;

-- name: completed_job
-- The job of a task that this very lease completed: a repeated write is told apart from a late one.
SELECT j.* FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE t.id = $1 AND t.fence = $2 AND t.state = 'COMPLETED';

-- name: retry_task
-- The attempt failed and another follows after a wait; the job goes back to QUEUED.
WITH failed AS (
    UPDATE tasks SET state = 'DELAYED', run_at = clock_timestamp() + $3::interval, lease_until = NULL
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
    RETURNING job_id, run_at, fence
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT j.output_prefix || f.fence || '/', clock_timestamp() FROM failed f JOIN jobs j ON j.id = f.job_id
)
UPDATE jobs j SET state = 'QUEUED', phase = NULL, error = $4, next_attempt_time = failed.run_at
FROM failed WHERE j.id = failed.job_id
RETURNING j.*;

-- name: release_task
-- A draining worker gives a task back: ready again at once, no attempt charged.
WITH released AS (
    UPDATE tasks SET state = 'READY', ready_time = clock_timestamp(), lease_until = NULL, attempt = attempt - 1
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
    RETURNING job_id, fence, attempt
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT j.output_prefix || r.fence || '/', clock_timestamp() FROM released r JOIN jobs j ON j.id = r.job_id
)
UPDATE jobs j SET state = 'QUEUED', phase = NULL, attempt = r.attempt
FROM released r WHERE j.id = r.job_id
RETURNING j.*;

-- name: fail_task
-- The attempt failed for good, and with it the job and its other tasks.
WITH failed AS (
    UPDATE tasks SET state = 'FAILED', lease_until = NULL
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
    RETURNING id, job_id, fence
), others AS (
    UPDATE tasks t
    SET cancel_requested = true, run_at = NULL,
        state = CASE WHEN t.state = 'RUNNING' THEN t.state ELSE 'CANCELLED' END
    FROM failed f
    WHERE t.job_id = f.job_id AND t.id <> f.id AND t.state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT j.output_prefix || f.fence || '/', clock_timestamp() FROM failed f JOIN jobs j ON j.id = f.job_id
)
UPDATE jobs j SET state = 'FAILED', phase = NULL, error = $3, end_time = clock_timestamp()
FROM failed f WHERE j.id = f.job_id
RETURNING j.*;

-- name: cancel_task
-- The holder of a task that was to stop has stopped it. The last one cancels the job.
WITH stopped AS (
    UPDATE tasks SET state = 'CANCELLED', lease_until = NULL
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND cancel_requested
    RETURNING job_id, fence
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT j.output_prefix || s.fence || '/', clock_timestamp() FROM stopped s JOIN jobs j ON j.id = s.job_id
)
UPDATE jobs j
SET open_tasks = j.open_tasks - 1,
    state = CASE WHEN j.open_tasks = 1 THEN 'CANCELLED' ELSE j.state END,
    phase = CASE WHEN j.open_tasks = 1 THEN NULL ELSE j.phase END,
    end_time = CASE WHEN j.open_tasks = 1 THEN clock_timestamp() END
FROM stopped s WHERE j.id = s.job_id AND j.state IN ('QUEUED', 'PROCESSING')
RETURNING j.*;

-- name: rescue_tasks
-- Take expired leases from silent workers. The rows are locked and looked at again, so that a
-- heartbeat that came first wins. Too many crashes: FAILED. A zombie may write its files for some
-- time yet, so they are swept later. (An index finds what is due by statement_timestamp(), which stands
-- still; clock_timestamp(), which moves, would read all that is not.)
WITH expired AS (
    SELECT id FROM tasks WHERE state = 'RUNNING' AND lease_until < statement_timestamp()
    ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
), rescued AS (
    UPDATE tasks t
    SET crashes = t.crashes + 1, lease_until = NULL, ready_time = clock_timestamp(),
        state = CASE WHEN t.cancel_requested THEN 'CANCELLED'
                     WHEN t.crashes + 1 >= $2 THEN 'FAILED'
                     ELSE 'READY' END::task_state
    FROM expired e WHERE t.id = e.id AND t.state = 'RUNNING' AND t.lease_until < clock_timestamp()
    RETURNING t.id, t.job_id, t.fence, t.state, t.owner, t.attempt, t.tenant_id
), others AS (
    UPDATE tasks t
    SET cancel_requested = true, run_at = NULL,
        state = CASE WHEN t.state = 'RUNNING' THEN t.state ELSE 'CANCELLED' END
    FROM rescued r
    WHERE r.state = 'FAILED' AND t.job_id = r.job_id AND t.id NOT IN (SELECT id FROM expired)
        AND t.state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT j.output_prefix || r.fence || '/', clock_timestamp() + $4::interval
    FROM rescued r JOIN jobs j ON j.id = r.job_id
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, level, attempt, message)
    SELECT job_id, tenant_id, 'WARNING', attempt, 'worker ' || owner || ' fell silent; its lease ended' FROM rescued
), per_job AS (
    SELECT job_id, bool_or(state = 'FAILED') AS failed, bool_or(state = 'READY') AS ready,
           (count(*) FILTER (WHERE state = 'CANCELLED'))::int AS stopped
    FROM rescued GROUP BY job_id
)
UPDATE jobs j
SET open_tasks = j.open_tasks - p.stopped,
    state = CASE WHEN p.failed THEN 'FAILED' WHEN p.stopped > 0 AND j.open_tasks = p.stopped THEN 'CANCELLED'
                 WHEN p.ready THEN 'QUEUED' ELSE j.state END::job_state,
    phase = CASE WHEN p.stopped > 0 AND j.open_tasks <> p.stopped THEN j.phase END,
    error = CASE WHEN p.failed OR p.ready THEN $3 ELSE j.error END,
    end_time = CASE WHEN p.failed OR (p.stopped > 0 AND j.open_tasks = p.stopped) THEN clock_timestamp() END
FROM per_job p WHERE j.id = p.job_id AND j.state IN ('QUEUED', 'PROCESSING')
RETURNING j.*;

-- name: wake_delayed
-- Tasks whose wait is over become ready.
WITH due AS (
    SELECT id FROM tasks WHERE state = 'DELAYED' AND run_at <= statement_timestamp()
    ORDER BY run_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE tasks t SET state = 'READY', run_at = NULL, ready_time = clock_timestamp()
FROM due WHERE t.id = due.id AND t.state = 'DELAYED'
RETURNING t.job_id;

-- name: expire_jobs
-- Jobs past their deadline are FAILED; what still runs is told to stop.
WITH held AS (
    SELECT id FROM tasks
    WHERE job_id IN (
        SELECT id FROM jobs WHERE deadline <= statement_timestamp() AND end_time IS NULL ORDER BY deadline LIMIT $1
    ) AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
    ORDER BY id FOR NO KEY UPDATE
), stopped AS (
    UPDATE tasks t
    SET cancel_requested = true, run_at = NULL,
        state = CASE WHEN t.state = 'RUNNING' THEN t.state ELSE 'CANCELLED' END
    FROM held WHERE t.id = held.id
    RETURNING t.job_id
)
UPDATE jobs j SET state = 'FAILED', phase = NULL, error = $2, next_attempt_time = NULL, end_time = clock_timestamp()
FROM (SELECT DISTINCT job_id FROM stopped) s
WHERE j.id = s.job_id AND j.state IN ('QUEUED', 'PROCESSING')
RETURNING j.*;
