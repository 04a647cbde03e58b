-- name: count_open_tasks
-- What has not ended, by state, operation and class of priority, and how long the oldest READY one has
-- waited. State by state, each by its partial index: never all that has ended. (WAITING tasks have no
-- index; they belong to jobs whose other tasks are counted.)
SELECT 'READY' AS state, operation, task_topic(priority) AS topic, count(*) AS tasks,
       extract(epoch FROM clock_timestamp() - min(ready_time))::float8 AS oldest_seconds
FROM tasks WHERE state = 'READY' GROUP BY 2, 3
UNION ALL
SELECT 'RUNNING', operation, task_topic(priority), count(*), 0 FROM tasks WHERE state = 'RUNNING' GROUP BY 2, 3
UNION ALL
SELECT 'DELAYED', operation, task_topic(priority), count(*), 0 FROM tasks WHERE state = 'DELAYED' GROUP BY 2, 3;

-- name: count_by_pool
-- READY and RUNNING tasks of each pool of $2 and of workers heard of within $1, at most 32 of these: clients name pools
-- too, so those of all others are told as one. Pools of $2 are told also where they have no task.
WITH known AS (
    SELECT unnest($2::text[]) AS pool
    UNION (SELECT DISTINCT pool FROM workers WHERE seen_time > clock_timestamp() - $1::interval ORDER BY 1 LIMIT 32)
), places AS (
    SELECT 'READY' AS state, place, count(*) AS tasks, min(ready_time) AS oldest
    FROM tasks WHERE state = 'READY' GROUP BY place
    UNION ALL
    SELECT 'RUNNING', place, count(*), NULL FROM tasks WHERE state = 'RUNNING' GROUP BY place
), named AS (
    SELECT coalesce(k.pool, 'other') AS pool, p.state, p.tasks, p.oldest
    FROM places p LEFT JOIN known k ON k.pool = split_part(p.place, ' ', 1)
    UNION ALL SELECT pool, 'READY', 0, NULL FROM known
)
SELECT pool, coalesce(sum(tasks) FILTER (WHERE state = 'READY'), 0)::bigint AS ready,
       coalesce(sum(tasks) FILTER (WHERE state = 'RUNNING'), 0)::bigint AS running,
       coalesce(extract(epoch FROM clock_timestamp() - min(oldest)), 0)::float8 AS oldest_seconds
FROM named GROUP BY pool;

-- name: count_expired_leases
-- Leases that have ended and that nobody has rescued.
SELECT count(*) FROM tasks WHERE state = 'RUNNING' AND lease_until < statement_timestamp();

-- name: measure_outbox
-- How many messages wait, and for how long the oldest has (0 where there is none).
SELECT count(*) AS messages,
       coalesce(extract(epoch FROM clock_timestamp() - min(create_time)), 0)::float8 AS oldest_seconds
FROM outbox;
