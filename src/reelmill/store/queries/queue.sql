-- name: take_messages
-- Messages of topics $1, in that order of preference, hidden from others for $3 seconds. The inner
-- query runs topic by topic and only until $2 rows are locked. Those of another pool than $4 only once they are old:
-- nobody lives there, and its workers would have found their tasks by now, so whoever comes by takes them away.
-- Its commit waits for no disk: were it lost, the messages would come again, which they may at any time.
UPDATE outbox SET visible_at = clock_timestamp() + make_interval(secs => $3::float8)
WHERE id = ANY (ARRAY(
    SELECT waiting.id
    FROM unnest($1::text[]) AS wanted (topic),
        LATERAL (
            SELECT id FROM outbox
            WHERE topic = wanted.topic AND visible_at <= clock_timestamp()
                AND (coalesce(headers ->> 'pool', 'default') = $4 OR create_time < clock_timestamp() - interval '10 s')
            ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS waiting
    LIMIT $2
))
RETURNING id, topic, key, value, headers::text AS headers, visible_at,
    (SELECT set_config('synchronous_commit', 'off', true)) AS commits;

-- name: release_messages
-- Messages that their consumer gives back; those that others have by now stay hidden.
UPDATE outbox SET visible_at = '-infinity'
FROM unnest($1::bigint[], $2::timestamptz[]) AS held (id, visible_at)
WHERE outbox.id = held.id AND outbox.visible_at = held.visible_at;

-- name: notify_consumers
-- Never inside a transaction that writes: NOTIFY makes commits wait for each other.
-- $1: who has woken its own by itself.
SELECT pg_notify('reelmill_queue', $1);

-- name: count_messages
-- How many messages of topics $1 there are.
SELECT topic, count(*) AS messages FROM outbox WHERE topic = ANY ($1::text[]) GROUP BY topic;
