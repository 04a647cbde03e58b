-- name: waiting_webhooks
-- Endpoints that somebody has something for, after $1, at most $2: the index is asked for the next one each time, so
-- what waits for one endpoint costs the others nothing.
WITH RECURSIVE waiting AS (
    (SELECT webhook_id, 1 AS number FROM webhook_deliveries
     WHERE state = 'PENDING' AND webhook_id > $1 ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.webhook_id FROM webhook_deliveries d
            WHERE d.state = 'PENDING' AND d.webhook_id > w.webhook_id ORDER BY d.webhook_id LIMIT 1), number + 1
    FROM waiting w WHERE w.webhook_id IS NOT NULL AND number < $2
)
SELECT webhook_id FROM waiting WHERE webhook_id IS NOT NULL;

-- name: claim_deliveries
-- Of each of the endpoints $1 that are up to it, $3 at most in all, the next of each job, and $4 at most: of one that is
-- away a single one, to try it. They are ours for $5, and $6 at most in all; slow endpoints ($2) are asked for apart.
WITH ready AS MATERIALIZED (
    SELECT * FROM webhooks
    WHERE id = ANY ($1::uuid[]) AND slow = $2 AND disable_time IS NULL AND not_before <= statement_timestamp()
        AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'PENDING'
                    AND d.next_time <= statement_timestamp())
    ORDER BY random() LIMIT $3 -- of those with nothing but what waits behind something none keeps others out for long
), due AS MATERIALIZED (
    SELECT d.id FROM ready w, LATERAL (
        SELECT id FROM webhook_deliveries d
        WHERE d.webhook_id = w.id AND d.state = 'PENDING' AND d.next_time <= statement_timestamp()
            AND NOT EXISTS (SELECT FROM webhook_deliveries e
                            WHERE e.webhook_id = w.id AND e.job_id = d.job_id AND e.state = 'PENDING'
                                AND e.sequence < d.sequence)
        ORDER BY d.next_time, d.id LIMIT CASE WHEN w.failures > 0 THEN 1 ELSE $4 END
    ) d
    LIMIT $6
), held AS (
    SELECT d.id FROM webhook_deliveries d JOIN due USING (id)
    WHERE d.state = 'PENDING' AND d.next_time <= statement_timestamp() FOR UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d
SET tries = d.tries + 1, try_time = clock_timestamp(), next_time = clock_timestamp() + $5::interval
FROM held, ready w
WHERE d.id = held.id AND w.id = d.webhook_id
RETURNING d.*, w.url, w.job_id AS own_job_id;

-- name: jobs_as_of
-- Jobs as their rows are, each with the event of a sequence number. Parallel arrays.
SELECT j.*, e.seq, e.state AS event_state, e.phase AS event_phase, e.attempt AS event_attempt, e.error AS event_error,
       e.next_attempt_time AS event_next_attempt_time, e.cancel_requested, e.published AS event_published,
       e.time AS event_time
FROM unnest($2::uuid[], $3::bigint[]) AS wanted (job_id, seq)
JOIN job_events e ON e.job_id = wanted.job_id AND e.seq = wanted.seq
JOIN jobs j ON j.id = e.job_id
WHERE j.tenant_id = $1;

-- name: record_tries
-- How tries went, by those who still hold them. One that was not taken is tried again, unless it was for $9. Parallel
-- arrays.
UPDATE webhook_deliveries d
SET outcome = t.outcome, status = t.status, answer = t.answer, duration_seconds = t.seconds,
    state = CASE WHEN t.delivered THEN 'DELIVERED' WHEN given_up THEN 'FAILED' ELSE 'PENDING' END::delivery_state,
    next_time = CASE WHEN t.delivered OR given_up THEN NULL ELSE clock_timestamp() + make_interval(secs => t.wait) END
FROM unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::text[], $6::float8[], $7::boolean[], $8::float8[])
        AS t (id, tries, outcome, status, answer, seconds, delivered, wait),
    LATERAL (SELECT due_since < clock_timestamp() - $9::interval AS given_up
             FROM webhook_deliveries WHERE id = t.id) AS age
WHERE d.id = t.id AND d.tries = t.tries AND d.state = 'PENDING'
RETURNING d.id, d.state;

-- name: postpone_followers
-- What follows deliveries of the same job that are tried again later: looked at for nothing until then.
UPDATE webhook_deliveries f SET next_time = d.next_time
FROM webhook_deliveries d
WHERE d.id = ANY ($1::bigint[]) AND d.state = 'PENDING' AND f.webhook_id = d.webhook_id AND f.job_id = d.job_id
    AND f.state = 'PENDING' AND f.sequence > d.sequence AND f.next_time < d.next_time;

-- name: record_endpoints
-- What tries say of their endpoints. One that is away is left alone for $6 at first, twice as long each time, $7 at most,
-- and as long as it asked for itself. Answers those that took nothing for $8. Parallel arrays.
UPDATE webhooks w
SET failing_since = CASE WHEN n.delivered THEN NULL ELSE coalesce(w.failing_since, clock_timestamp()) END,
    failures = CASE WHEN n.away THEN least(w.failures + 1, 30) ELSE 0 END,
    not_before = CASE WHEN n.away THEN clock_timestamp() + make_interval(secs => greatest(
        n.asked, least($7::float8, $6::float8 * 2 ^ w.failures) * (0.8 + 0.4 * random()))) ELSE '-infinity' END,
    slow = n.slow
FROM unnest($1::uuid[], $2::boolean[], $3::boolean[], $4::float8[], $5::boolean[]) AS n (id, delivered, away, asked, slow)
WHERE w.id = n.id AND (NOT n.delivered OR w.failing_since IS NOT NULL OR w.slow <> n.slow)
RETURNING w.id, NOT n.delivered AND w.failing_since < clock_timestamp() - $8::interval AS lost;

-- name: disable_webhook
-- An endpoint is told nothing any more; the tenant's others hear of that, and so does the events topic.
WITH gone AS (
    UPDATE webhooks SET disable_time = clock_timestamp(), disable_reason = $2
    WHERE id = $1 AND disable_time IS NULL RETURNING *
), told AS (
    INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, data)
    SELECT w.id, w.tenant_id, 'msg_' || gen_random_uuid(), 'webhook.disabled',
           convert_to(jsonb_build_object('webhook_id', gone.id, 'job_id', gone.job_id, 'reason', $2::text)::text, 'UTF8')
    FROM gone JOIN webhooks w ON w.tenant_id = gone.tenant_id
    WHERE w.job_id IS NULL AND w.id <> gone.id AND w.disable_time IS NULL
        AND (w.events = '{}' OR 'webhook.disabled' = ANY (w.events))
), sent AS (
    INSERT INTO outbox (topic, key, value, headers)
    SELECT 'events', id::text,
           convert_to(jsonb_build_object('webhook_id', id, 'tenant_id', tenant_id, 'job_id', job_id,
                                         'reason', $2::text)::text, 'UTF8'),
           jsonb_build_object(
               'ce_specversion', '1.0', 'ce_id', id || ':' || extract(epoch FROM disable_time)::text,
               'ce_type', 'reelmill.webhook.disabled', 'ce_source', '/reelmill/webhooks', 'ce_subject', id::text,
               'content-type', 'application/json',
               'ce_time', to_char(disable_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    FROM gone WHERE current_setting('reelmill.publish_events', true) IS DISTINCT FROM 'off'
)
SELECT id FROM gone;

-- name: measure_deliveries
-- For how long the longest has been due at an endpoint that is well, of those of $1, and how many of these are not well.
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - oldest.next_time))
                FILTER (WHERE w.failing_since IS NULL), 0)::float8 AS oldest_seconds,
       count(*) FILTER (WHERE w.failing_since IS NOT NULL) AS failing
FROM webhooks w LEFT JOIN LATERAL (
    SELECT next_time FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'PENDING'
        AND d.next_time <= clock_timestamp() ORDER BY next_time LIMIT 1
) AS oldest ON true
WHERE w.id = ANY ($1::uuid[]) AND w.disable_time IS NULL;

-- name: delete_deliveries
-- Messages about no job that were written $1 ago, and what nobody can be told any more. Those about jobs go with these.
DELETE FROM webhook_deliveries WHERE job_id IS NULL AND create_time < statement_timestamp() - $1::interval;

-- name: delete_secrets
-- Secrets that sign nothing any more.
DELETE FROM webhook_secrets WHERE end_time < statement_timestamp();
