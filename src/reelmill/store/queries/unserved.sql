-- name: find_unserved
-- Kinds and places with READY tasks that no worker heard of within $1 takes, those with the longest waiting task first,
-- at most $2 of the $4 with the longest of all; `served_otherwise`: whether one takes them but for the build of its
-- ffmpeg ($3 begins that label).
SELECT r.kind, r.place, r.tasks, sum(r.tasks) OVER ()::bigint AS all_tasks,
       r.place ~ (' ' || $3) AND EXISTS (
           SELECT FROM workers w WHERE w.seen_time > clock_timestamp() - $1::interval
               AND can_run(w, r.kind, regexp_replace(r.place, ' ' || $3 || '[^ ]*', ''))
       ) AS served_otherwise
FROM (
    SELECT kind, place, count(*) AS tasks, min(ready_time) AS oldest FROM tasks WHERE state = 'READY'
    GROUP BY kind, place ORDER BY oldest LIMIT $4
) r
WHERE NOT EXISTS (
    SELECT FROM workers w
    WHERE w.seen_time > clock_timestamp() - $1::interval AND can_run(w, r.kind, r.place)
)
ORDER BY r.oldest LIMIT $2;

-- name: warn_unserved
-- Tell it in the logs of jobs, once in each: of the first $5 tasks in each of the places $2 that wait for longer than $4.
-- (OFFSET 0: as a join this would read the lines of all jobs.)
INSERT INTO job_logs (job_id, tenant_id, level, attempt, message)
SELECT DISTINCT ON (t.job_id, u.message) t.job_id, t.tenant_id, 'WARNING'::log_level, t.attempt, u.message
FROM unnest($1::text[], $2::text[], $3::text[]) AS u (kind, place, message), LATERAL (
    SELECT job_id, tenant_id, attempt FROM tasks
    WHERE state = 'READY' AND kind = u.kind AND place = u.place AND ready_time < clock_timestamp() - $4::interval
    ORDER BY priority DESC, ready_time LIMIT $5
) t
WHERE NOT EXISTS (SELECT FROM job_logs l WHERE l.job_id = t.job_id AND l.message = u.message OFFSET 0);

-- name: unpin
-- Tasks of the places $2, READY for longer than $3, no longer need the build of ffmpeg that $4 begins the label of;
-- nor do their siblings that need the same and have not begun. At most $5 jobs a time.
WITH waiting AS (
    SELECT DISTINCT t.job_id, t.place FROM unnest($1::text[], $2::text[]) AS u (kind, place), LATERAL (
        SELECT job_id, place FROM tasks
        WHERE state = 'READY' AND kind = u.kind AND place = u.place AND ready_time < clock_timestamp() - $3::interval
        ORDER BY priority DESC, ready_time LIMIT $5
    ) t
), held AS (
    SELECT t.id FROM tasks t JOIN waiting w USING (job_id, place)
    WHERE t.state IN ('WAITING', 'DELAYED', 'READY') ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED
), freed AS (
    UPDATE tasks t SET place = regexp_replace(t.place, ' ' || $4 || '[^ ]*', '')
    FROM held WHERE t.id = held.id
    RETURNING t.job_id, t.tenant_id, t.attempt
)
INSERT INTO job_logs (job_id, tenant_id, level, attempt, message)
SELECT DISTINCT ON (job_id) job_id, tenant_id, 'WARNING'::log_level, attempt,
       'no worker has the ffmpeg any more that this job was planned with: what is left is made with another build'
FROM freed
RETURNING job_id;
