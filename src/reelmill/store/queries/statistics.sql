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

-- name: count_expired_leases
-- Leases that have ended and that nobody has rescued.
SELECT count(*) FROM tasks WHERE state = 'RUNNING' AND lease_until < statement_timestamp();

-- name: measure_outbox
-- How many messages wait, and for how long the oldest has (0 where there is none).
SELECT count(*) AS messages,
       coalesce(extract(epoch FROM clock_timestamp() - min(create_time)), 0)::float8 AS oldest_seconds
FROM outbox;
