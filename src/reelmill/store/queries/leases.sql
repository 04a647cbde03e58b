-- A write by lease says state::text = 'RUNNING'. Without the cast PostgreSQL may look for its row in the
-- index of RUNNING tasks, which statistics of a quiet hour call empty; then each heartbeat reads all of it.

-- name: begin
-- What a claim does with `candidates`. The fence grows: whatever an earlier holder still writes is refused. The
-- database's clock only.
claimed AS (
    UPDATE tasks t
    SET state = 'RUNNING', owner = $2, fence = t.fence + 1, attempt = t.attempt + 1, phase = 'PROBING',
        lease_until = clock_timestamp() + $3::interval
    FROM candidates c WHERE t.id = c.id
    RETURNING t.id, t.job_id, t.kind, t.fence, t.attempt, t.crashes, t.traceparent, t.spawned_by, t.spec, t.weight, t.place, t.ready_time,
        coalesce(extract(epoch FROM clock_timestamp() - t.ready_time), 0)::float8 AS waited_seconds
), ordered AS (
    -- Of a task that nobody spawned the job has no other yet.
    SELECT id FROM jobs WHERE id IN (SELECT job_id FROM claimed WHERE spawned_by IS NOT NULL)
    ORDER BY id FOR NO KEY UPDATE
), started AS (
    UPDATE jobs j
    SET state = 'PROCESSING', phase = coalesce(j.phase, 'PROBING'), next_attempt_time = NULL,
        attempt = CASE WHEN j.tasks = 1 THEN c.attempt ELSE greatest(j.attempt, c.attempt) END,
        start_time = coalesce(j.start_time, clock_timestamp())
    FROM (SELECT job_id, max(attempt) AS attempt FROM claimed GROUP BY job_id) c
    WHERE j.id = c.job_id AND (SELECT count(*) FROM ordered) >= 0 -- locked before this reads
    RETURNING j.*
)
SELECT c.id AS task_id, c.kind, c.fence, c.attempt AS task_attempt, c.crashes, c.traceparent, c.waited_seconds,
    c.weight AS task_weight, c.spec AS task_spec, c.place, attempt_prefix(j.output_prefix, c.id, c.spawned_by, c.fence) AS attempt_prefix, j.*
FROM claimed c JOIN started j ON j.id = c.job_id
ORDER BY j.priority DESC, c.ready_time;

-- name: claim_tasks
-- Take the first tasks of kinds $1 and places $5, of none that became ready before $6. For each of them the index
-- says where they are, in this order.
WITH candidates AS (
    SELECT best.id
    FROM unnest($1::text[]) AS k (kind), unnest($5::text[]) AS p (place), LATERAL (
        SELECT id, priority, ready_time FROM tasks
        WHERE state = 'READY' AND kind = k.kind AND place = p.place AND ready_time >= $6
        ORDER BY priority DESC, ready_time LIMIT $4 FOR UPDATE SKIP LOCKED
    ) best
    ORDER BY best.priority DESC, best.ready_time LIMIT $4
),
-- include: begin

-- name: oldest_ready
-- When the oldest READY task became so, of those since $1; less $2, in which a transaction may show what it wrote.
SELECT greatest($1, coalesce(min(ready_time), clock_timestamp()) - $2::interval)
FROM tasks WHERE state = 'READY' AND lease_until IS NULL AND ready_time >= $1;

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
-- is written first, so that no rescue can come between. Of several tasks the job shows the furthest phase.
WITH held AS (
    UPDATE tasks SET phase = coalesce($3::text::job_phase, phase)
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING'
    RETURNING job_id, tenant_id, attempt
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, attempt, time, level, output, message, command)
    SELECT held.job_id, held.tenant_id, held.attempt, l.time, l.level::log_level, l.output, l.message, l.command
    FROM held, unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[])
        WITH ORDINALITY AS l (time, level, output, message, command, position)
    ORDER BY l.position
)
UPDATE jobs j
SET phase = CASE WHEN j.tasks = 1 THEN coalesce($3::text::job_phase, j.phase) ELSE greatest(j.phase, $3::text::job_phase) END
FROM held WHERE j.id = held.job_id AND j.state = 'PROCESSING'
RETURNING j.*;

-- name: finish
-- What completions do with the tasks of leases: parallel arrays of tasks, fences and results, of the files made, and of
-- the last lines of their logs.
held AS (
    SELECT t.id, lease.result
    FROM tasks t JOIN unnest($1::uuid[], $2::bigint[], $11::bytea[]) AS lease (id, fence, result) USING (id)
    WHERE t.fence = lease.fence AND t.state::text = 'RUNNING' AND NOT t.cancel_requested
    ORDER BY t.id FOR NO KEY UPDATE OF t
), done AS (
    UPDATE tasks t SET state = 'COMPLETED', lease_until = NULL, phase = NULL, result = held.result
    FROM held WHERE t.id = held.id
    RETURNING t.id, t.job_id, t.tenant_id, t.fence, t.attempt, t.operation, t.priority, t.traceparent, t.weight, t.spawned_by,
        t.place
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, attempt, time, level, output, message, command)
    SELECT done.job_id, done.tenant_id, done.attempt, l.time, l.level::log_level, l.output, l.message, l.command
    FROM unnest($12::uuid[], $13::bigint[], $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::text[])
        WITH ORDINALITY AS l (task_id, fence, time, level, output, message, command, position)
    JOIN done ON done.id = l.task_id AND done.fence = l.fence
    ORDER BY l.position
), files AS (
    INSERT INTO output_files (job_id, tenant_id, output, position, file, uri, size_bytes, sha256)
    SELECT done.job_id, done.tenant_id, f.output, f.position, f.file, f.uri, f.size_bytes, f.sha256
    FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::int[], $7::bytea[], $8::text[], $9::bigint[], $10::text[])
        AS f (task_id, fence, output, position, file, uri, size_bytes, sha256)
    JOIN done ON done.id = f.task_id AND done.fence = f.fence
    RETURNING job_id, output
)

-- name: settle
-- What completions do with the tasks that waited for these, and with their jobs.
waiting AS (
    SELECT t.id, d.n
    FROM (
        SELECT task_id, count(*)::int AS n FROM task_dependencies JOIN done ON done.id = depends_on GROUP BY task_id
    ) d JOIN tasks t ON t.id = d.task_id
    WHERE t.state = 'WAITING'
    ORDER BY t.id FOR NO KEY UPDATE OF t
), opened AS (
    UPDATE tasks t
    SET open_dependencies = t.open_dependencies - w.n,
        state = CASE WHEN t.open_dependencies = w.n THEN 'READY' ELSE t.state END,
        ready_time = CASE WHEN t.open_dependencies = w.n THEN clock_timestamp() END
    FROM waiting w
    WHERE t.id = w.id AND t.state = 'WAITING'
    RETURNING t.id
), ordered AS (
    SELECT id FROM jobs WHERE id IN (SELECT job_id FROM done WHERE spawned_by IS NOT NULL)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE jobs j
SET open_tasks = j.open_tasks - d.n + d.more, tasks = j.tasks + d.more,
    weight = j.weight + d.more_weight, done_weight = j.done_weight + d.weight,
    -- What a job publishes one by one is told by an event, which a new version makes.
    published = CASE WHEN j.published IS NOT NULL THEN j.published || d.outputs END,
    version = CASE WHEN j.published IS NOT NULL AND cardinality(d.outputs) > 0 THEN j.version + 1 ELSE j.version END,
    state = CASE WHEN j.open_tasks + d.more = d.n THEN 'COMPLETED' ELSE j.state END,
    phase = CASE WHEN j.open_tasks + d.more = d.n THEN NULL ELSE j.phase END,
    error = CASE WHEN j.open_tasks + d.more = d.n THEN NULL ELSE j.error END,
    end_time = CASE WHEN j.open_tasks + d.more = d.n THEN clock_timestamp() END
FROM (
    SELECT job_id, n, weight, task_ids, fences, coalesce(more, 0) AS more, coalesce(more_weight, 0) AS more_weight,
        coalesce(outputs, '{}') AS outputs
    FROM (
        SELECT job_id, count(*)::int AS n, sum(weight) AS weight, array_agg(id) AS task_ids, array_agg(fence) AS fences
        FROM done GROUP BY job_id
    ) ended LEFT JOIN (
        SELECT job_id, count(*)::int AS more, sum(weight) AS more_weight FROM spawned GROUP BY job_id
    ) grown USING (job_id) LEFT JOIN (
        SELECT job_id, array_agg(DISTINCT output) AS outputs FROM files GROUP BY job_id
    ) made USING (job_id)
) d
-- Before this reads, what waited is opened and the jobs are locked.
WHERE j.id = d.job_id AND (SELECT count(*) FROM opened) + (SELECT count(*) FROM ordered) >= 0
RETURNING d.task_ids, d.fences, j.*;

-- name: complete_tasks
-- Finish tasks by their fences, with the files they made; the last task of a job finishes the job, and with that all
-- its files become visible. Nothing happens for a lease that was lost or a job that is to stop. Two tasks of a job that
-- finish at once meet at the job's row, so one sees 0.
WITH
-- include: finish
, spawned AS (SELECT NULL::uuid AS job_id, NULL::real AS weight WHERE false),
-- include: settle

-- name: complete_and_spawn
-- As complete_tasks, where some spawn tasks: others pay nothing for that.
WITH
-- include: finish
, edges AS (
    SELECT * FROM unnest($25::uuid[], $26::uuid[]) AS e (task_id, depends_on)
), spawned AS (
    INSERT INTO tasks (id, job_id, tenant_id, kind, operation, state, priority, open_dependencies, ready_time,
                       traceparent, spawned_by, spec, weight, place)
    SELECT s.id, done.job_id, done.tenant_id, s.kind, done.operation,
           CASE WHEN e.n > 0 THEN 'WAITING' ELSE 'READY' END::task_state, done.priority + s.ahead, e.n,
           CASE WHEN e.n = 0 THEN clock_timestamp() END, done.traceparent, done.id, s.spec, s.weight, coalesce(s.place, done.place)
    FROM unnest($19::uuid[], $20::bigint[], $21::uuid[], $22::text[], $23::bytea[], $24::real[], $27::text[], $28::smallint[])
        AS s (parent, fence, id, kind, spec, weight, place, ahead)
    JOIN done ON done.id = s.parent AND done.fence = s.fence
    CROSS JOIN LATERAL (SELECT count(*)::int AS n FROM edges WHERE edges.task_id = s.id) e
    RETURNING id, job_id, weight
), joined AS (
    INSERT INTO task_dependencies (task_id, depends_on) SELECT e.* FROM edges e JOIN spawned ON spawned.id = e.task_id
),
-- include: settle

-- name: results_before
-- What the tasks told that a task waited for, in the order of their ids.
SELECT t.result FROM task_dependencies d JOIN tasks t ON t.id = d.depends_on WHERE d.task_id = $1 ORDER BY t.id;

-- name: first_files
-- The first file of each of some outputs that other tasks of a task's job have made.
SELECT f.output, f.file FROM tasks t JOIN output_files f ON f.job_id = t.job_id
WHERE t.id = $1 AND f.output = ANY ($2::text[]) AND f.position = 0;

-- name: lock_task
-- A task by its lease, before its job is locked: its job.
SELECT job_id FROM tasks WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' FOR NO KEY UPDATE;

-- name: lock_job
-- A job whose task is locked.
SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE;

-- name: is_empty
-- Whether a job's only open task is about to end, and none has made anything. The job is locked, so that this sees
-- what its siblings' completions wrote.
SELECT j.open_tasks = 1 AND NOT EXISTS (SELECT FROM output_files WHERE job_id = j.id) FROM jobs j WHERE j.id = $1;

-- name: completed_job
-- The job of a task that this very lease completed: a repeated write is told apart from a late one.
SELECT j.* FROM tasks t JOIN jobs j ON j.id = t.job_id WHERE t.id = $1 AND t.fence = $2 AND t.state = 'COMPLETED';

-- name: retry_task
-- The attempt failed and another follows after a wait; the job goes back to QUEUED, unless others go on.
WITH failed AS (
    UPDATE tasks
    SET state = 'DELAYED', run_at = clock_timestamp() + $3::interval, lease_until = NULL, phase = NULL, error = $4
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
    RETURNING id, job_id, run_at, fence, spawned_by
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(j.output_prefix, f.id, f.spawned_by, f.fence), clock_timestamp()
    FROM failed f JOIN jobs j ON j.id = f.job_id
)
UPDATE jobs j
SET state = CASE WHEN is_under_way(j.id) THEN j.state ELSE 'QUEUED' END,
    phase = CASE WHEN is_under_way(j.id) THEN j.phase END,
    error = CASE WHEN is_under_way(j.id) THEN j.error ELSE $4 END,
    next_attempt_time = CASE WHEN NOT is_under_way(j.id) THEN failed.run_at END
FROM failed WHERE j.id = failed.job_id
RETURNING j.*;

-- name: release_task
-- A draining worker gives a task back: ready again at once, no attempt charged.
WITH released AS (
    UPDATE tasks
    SET state = 'READY', ready_time = clock_timestamp(), lease_until = NULL, phase = NULL, attempt = attempt - 1
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
    RETURNING id, job_id, fence, spawned_by
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(j.output_prefix, r.id, r.spawned_by, r.fence), clock_timestamp()
    FROM released r JOIN jobs j ON j.id = r.job_id
)
UPDATE jobs j
SET state = CASE WHEN is_under_way(j.id) THEN j.state ELSE 'QUEUED' END,
    phase = CASE WHEN is_under_way(j.id) THEN j.phase END,
    attempt = job_attempt(j.id)
FROM released r WHERE j.id = r.job_id
RETURNING j.*;

-- name: stop
-- What cancellations, failures and deadlines do with the tasks `stopping`, which are locked: what waits ends, and who
-- runs is told at the next heartbeat.
stopped AS (
    UPDATE tasks t
    SET cancel_requested = true, run_at = NULL,
        state = CASE WHEN t.state = 'RUNNING' THEN t.state ELSE 'CANCELLED' END
    FROM stopping s WHERE t.id = s.id
    RETURNING t.job_id, t.state
)

-- name: fail_task
-- The attempt failed for good, and with it the job and its other tasks.
WITH held AS (
    SELECT id, job_id, fence, state, cancel_requested FROM tasks
    WHERE job_id = (SELECT job_id FROM tasks WHERE id = $1) AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
    ORDER BY id FOR NO KEY UPDATE
), mine AS (
    SELECT id FROM held WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND NOT cancel_requested
), stopping AS (
    SELECT held.id FROM held, mine WHERE held.id <> mine.id
),
-- include: stop
, failed AS (
    UPDATE tasks t SET state = 'FAILED', lease_until = NULL, phase = NULL, error = $3
    FROM mine WHERE t.id = mine.id
    RETURNING t.id, t.job_id, t.fence, t.spawned_by
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(j.output_prefix, f.id, f.spawned_by, f.fence), clock_timestamp()
    FROM failed f JOIN jobs j ON j.id = f.job_id
)
UPDATE jobs j SET state = 'FAILED', phase = NULL, error = $3, next_attempt_time = NULL, end_time = clock_timestamp()
FROM failed f, (SELECT count(*) FROM stopped) s WHERE j.id = f.job_id
RETURNING j.*;

-- name: cancel_task
-- The holder of a task that was to stop has stopped it. The last one cancels the job.
WITH ended AS (
    UPDATE tasks SET state = 'CANCELLED', lease_until = NULL, phase = NULL
    WHERE id = $1 AND fence = $2 AND state::text = 'RUNNING' AND cancel_requested
    RETURNING id, job_id, fence, spawned_by
), swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(j.output_prefix, e.id, e.spawned_by, e.fence), clock_timestamp()
    FROM ended e JOIN jobs j ON j.id = e.job_id
)
UPDATE jobs j
SET open_tasks = j.open_tasks - 1,
    state = CASE WHEN j.open_tasks = 1 THEN 'CANCELLED' ELSE j.state END,
    phase = CASE WHEN j.open_tasks = 1 THEN NULL ELSE j.phase END,
    end_time = CASE WHEN j.open_tasks = 1 THEN clock_timestamp() END
FROM ended e WHERE j.id = e.job_id AND j.state IN ('QUEUED', 'PROCESSING')
RETURNING j.*;

-- name: rescue_tasks
-- Take expired leases from silent workers. The rows are locked and looked at again, so that a
-- heartbeat that came first wins. Too many crashes: FAILED, and the job's other tasks stop; where somebody holds one
-- of those, it is left to the next round. A zombie may write its files for some time yet, so they are swept later.
-- (An index finds what is due by statement_timestamp(), which stands still; clock_timestamp(), which moves, would
-- read all that is not.)
WITH silent AS (
    SELECT id, job_id, crashes + 1 >= $2 AS fatal FROM tasks
    WHERE state = 'RUNNING' AND lease_until < statement_timestamp()
    ORDER BY lease_until LIMIT $1
), held AS (
    SELECT t.id, t.job_id, t.state, t.cancel_requested, t.crashes, t.lease_until FROM tasks t
    WHERE t.state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
        AND t.id = ANY (ARRAY(
            SELECT id FROM silent UNION
            SELECT other.id FROM silent JOIN tasks other ON other.job_id = silent.job_id WHERE silent.fatal
        ))
    ORDER BY t.id FOR NO KEY UPDATE SKIP LOCKED
), expired AS (
    SELECT id, job_id, NOT cancel_requested AND crashes + 1 >= $2 AS fatal FROM held
    WHERE state = 'RUNNING' AND lease_until < clock_timestamp()
), failing AS (
    SELECT j.id, j.open_tasks = (SELECT count(*) FROM held WHERE held.job_id = j.id) AS whole
    FROM jobs j WHERE j.id = ANY (ARRAY(SELECT job_id FROM expired WHERE fatal))
), rescued AS (
    UPDATE tasks t
    SET crashes = t.crashes + 1, lease_until = NULL, phase = NULL, ready_time = clock_timestamp(),
        error = CASE WHEN t.cancel_requested THEN t.error ELSE $3 END,
        cancel_requested = t.cancel_requested OR (f.id IS NOT NULL AND NOT e.fatal),
        state = CASE WHEN e.fatal THEN 'FAILED'
                     WHEN t.cancel_requested OR f.id IS NOT NULL THEN 'CANCELLED'
                     ELSE 'READY' END::task_state
    FROM expired e LEFT JOIN failing f ON f.id = e.job_id
    WHERE t.id = e.id AND f.whole IS NOT FALSE
    RETURNING t.id, t.job_id, t.fence, t.spawned_by, t.state, t.owner, t.attempt, t.tenant_id
), stopping AS (
    SELECT held.id FROM held JOIN failing f ON f.id = held.job_id
    WHERE f.whole AND held.id NOT IN (SELECT id FROM expired)
),
-- include: stop
, swept AS (
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(j.output_prefix, r.id, r.spawned_by, r.fence), clock_timestamp() + $4::interval
    FROM rescued r JOIN jobs j ON j.id = r.job_id
), logged AS (
    INSERT INTO job_logs (job_id, tenant_id, level, attempt, message)
    SELECT job_id, tenant_id, 'WARNING', attempt, 'worker ' || owner || ' fell silent; its lease ended' FROM rescued
), per_job AS (
    SELECT job_id, bool_or(state = 'FAILED') AS failed, bool_or(state = 'READY') AS ready,
           (count(*) FILTER (WHERE state = 'CANCELLED'))::int AS stopped
    FROM rescued GROUP BY job_id
), ordered AS (
    SELECT id FROM jobs WHERE id IN (SELECT job_id FROM per_job) AND tasks > 1 ORDER BY id FOR NO KEY UPDATE
)
UPDATE jobs j
SET open_tasks = j.open_tasks - p.stopped,
    state = CASE WHEN p.failed THEN 'FAILED' WHEN p.stopped > 0 AND j.open_tasks = p.stopped THEN 'CANCELLED'
                 WHEN p.ready AND NOT is_under_way(j.id) THEN 'QUEUED' ELSE j.state END::job_state,
    phase = CASE WHEN NOT p.failed AND j.open_tasks <> p.stopped AND is_under_way(j.id) THEN j.phase END,
    error = CASE WHEN p.failed OR (p.ready AND NOT is_under_way(j.id)) THEN $3 ELSE j.error END,
    end_time = CASE WHEN p.failed OR (p.stopped > 0 AND j.open_tasks = p.stopped) THEN clock_timestamp() END
FROM per_job p, (SELECT count(*) FROM stopped) s, (SELECT count(*) FROM ordered) o
WHERE j.id = p.job_id AND j.state IN ('QUEUED', 'PROCESSING')
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
WITH stopping AS (
    SELECT id FROM tasks
    WHERE job_id IN (
        SELECT id FROM jobs WHERE deadline <= statement_timestamp() AND end_time IS NULL ORDER BY deadline LIMIT $1
    ) AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')
    ORDER BY id FOR NO KEY UPDATE
),
-- include: stop
UPDATE jobs j SET state = 'FAILED', phase = NULL, error = $2, next_attempt_time = NULL, end_time = clock_timestamp()
FROM (SELECT DISTINCT job_id FROM stopped) s
WHERE j.id = s.job_id AND j.state IN ('QUEUED', 'PROCESSING')
RETURNING j.*;
