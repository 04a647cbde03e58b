-- name: job_of_tasks
-- What is to be known of a job to tell its tasks.
SELECT tasks, spec FROM jobs WHERE tenant_id = $1 AND id = $2;

-- name: list_tasks
-- A job's tasks after an id, in the order of their ids. It ends with the task that brings it to $5 bytes.
WITH page AS (
    SELECT t.*, coalesce(d.depends_on, '{}') AS depends_on,
           300 + coalesce(octet_length(t.error), 0) + coalesce(octet_length(t.spec), 0)
               + 40 * coalesce(cardinality(d.depends_on), 0) AS bytes
    FROM tasks t, LATERAL (
        SELECT array_agg(depends_on ORDER BY depends_on) AS depends_on FROM task_dependencies WHERE task_id = t.id
    ) d
    WHERE t.tenant_id = $1 AND t.job_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4
), counted AS (
    SELECT *, count(*) OVER () AS candidates, sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before FROM page
)
SELECT * FROM counted WHERE bytes_before < $5 ORDER BY id;

-- name: tasks_before
-- How many READY tasks of kinds $2 a claim takes before each of $4, in its place of $1; those alone that are among the
-- first $3 there.
SELECT q.id, q.before
FROM unnest($1::text[]) AS p (place), LATERAL (
    SELECT best.id, row_number() OVER (ORDER BY best.priority DESC, best.ready_time, best.id) - 1 AS before
    FROM unnest($2::text[]) AS k (kind), LATERAL (
        SELECT id, priority, ready_time FROM tasks
        WHERE state = 'READY' AND kind = k.kind AND place = p.place
        ORDER BY priority DESC, ready_time LIMIT $3
    ) best
) q
WHERE q.id = ANY ($4::uuid[]) AND q.before < $3;

-- name: able_workers
-- For each kind of $1 with its place of $2: workers heard of within $3 that can run it, and their slots, all and free.
SELECT x.kind, x.place, count(w.owner) AS workers, coalesce(sum(w.slots), 0) AS slots,
       coalesce(sum(greatest(w.slots - w.running, 0)), 0) AS free_slots
FROM unnest($1::text[], $2::text[]) AS x (kind, place)
LEFT JOIN workers w ON w.seen_time > clock_timestamp() - $3::interval
    AND can_run(w, x.kind, x.place)
GROUP BY x.kind, x.place;

-- name: ready_tasks
-- The first $1 READY tasks of each kind in each of $2 places, in the order in which a claim takes them there. An index
-- has kinds and places first: each next one is looked up, and what waits behind it is not walked.
WITH RECURSIVE places (kind, place, n) AS (
    (SELECT kind, place, 1 FROM tasks WHERE state = 'READY' ORDER BY kind, place LIMIT 1)
    UNION ALL
    SELECT next.kind, next.place, p.n + 1 FROM places p, LATERAL (
        SELECT kind, place FROM tasks WHERE state = 'READY' AND (kind, place) > (p.kind, p.place)
        ORDER BY kind, place LIMIT 1
    ) next WHERE p.n < $2
)
SELECT p.place, t.id, t.job_id, t.priority FROM places p, LATERAL (
    SELECT id, job_id, priority, ready_time FROM tasks WHERE state = 'READY' AND kind = p.kind AND place = p.place
    ORDER BY priority DESC, ready_time LIMIT $1
) t
ORDER BY p.place, t.priority DESC, t.ready_time, t.id;
