-- name: insert_webhook
-- An endpoint of a tenant's, unless it has $5 already.
INSERT INTO webhooks (id, tenant_id, url, events)
SELECT $1, $2, $3, $4::text[]
WHERE (SELECT count(*) FROM (SELECT FROM webhooks WHERE tenant_id = $2 AND job_id IS NULL LIMIT $5) AS those) < $5
RETURNING *;

-- name: insert_job_webhooks
-- Jobs' own endpoints, before the jobs: the trigger that writes their first events looks for them. Parallel arrays; of
-- each event a line.
INSERT INTO webhooks (id, tenant_id, job_id, url, events)
SELECT n.id, $1, n.job_id, n.url, string_to_array(n.events, ',')
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS n (id, job_id, url, events);

-- name: insert_secret
-- The secret that a signer has from now on.
INSERT INTO webhook_secrets (signer_id, tenant_id, sealed) VALUES ($1, $2, $3)
ON CONFLICT (signer_id) WHERE end_time IS NULL DO NOTHING;

-- name: end_secrets
-- The present secret signs for $3 longer, and none before it does for more.
UPDATE webhook_secrets SET end_time = least(end_time, clock_timestamp() + $3::interval)
WHERE signer_id = $1 AND tenant_id = $2;

-- name: forget_secrets
-- Of those that ended or will end $3 are kept, the newest.
DELETE FROM webhook_secrets WHERE ctid IN (
    SELECT ctid FROM webhook_secrets WHERE signer_id = $1 AND tenant_id = $2 AND end_time IS NOT NULL
    ORDER BY create_time DESC OFFSET $3 FOR UPDATE
);

-- name: get_secrets
-- What signers sign with now, the newest first.
SELECT signer_id, tenant_id, sealed FROM webhook_secrets
WHERE signer_id = ANY ($1::uuid[]) AND (end_time IS NULL OR end_time > statement_timestamp())
ORDER BY signer_id, end_time DESC NULLS FIRST;

-- name: get_webhook
-- An endpoint of a tenant's, which is no job's own.
SELECT * FROM webhooks WHERE tenant_id = $1 AND id = $2 AND job_id IS NULL;

-- name: list_webhooks
-- A tenant's endpoints after $2, but for jobs' own.
SELECT * FROM webhooks WHERE tenant_id = $1 AND job_id IS NULL AND id > $2 ORDER BY id LIMIT $3;

-- name: delete_webhook
-- An endpoint with its secrets and deliveries. One that a job writes in this moment is left, and never sent.
WITH gone AS (
    DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2 AND job_id IS NULL RETURNING *
), secret AS (
    DELETE FROM webhook_secrets USING gone WHERE signer_id = gone.id
), delivery AS (
    DELETE FROM webhook_deliveries d USING gone WHERE d.webhook_id = gone.id
)
SELECT * FROM gone;

-- name: enable_webhook
-- An endpoint is tried again from now on.
UPDATE webhooks
SET disable_time = NULL, disable_reason = '', failing_since = NULL, failures = 0, not_before = '-infinity', slow = false
WHERE tenant_id = $1 AND id = $2 AND job_id IS NULL
RETURNING *;

-- name: insert_test
-- A message that is about no job.
INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, data)
SELECT id, tenant_id, 'msg_' || gen_random_uuid(), 'webhook.test', convert_to(jsonb_build_object('webhook_id', id)::text, 'UTF8')
FROM webhooks WHERE tenant_id = $1 AND id = $2 AND job_id IS NULL
RETURNING *;

-- name: list_deliveries
-- What a tenant's endpoint, or a job's own, was told and is to be told, newest first, before $3; of one state, or all.
SELECT * FROM webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND id < $3 AND ($4::text IS NULL OR state::text = $4)
ORDER BY id DESC LIMIT $5;

-- name: list_deliveries_of_job
-- What anybody was told of a tenant's job, newest first, before $3; of one state, or all.
SELECT * FROM webhook_deliveries
WHERE tenant_id = $1 AND job_id = $2 AND id < $3 AND ($4::text IS NULL OR state::text = $4)
ORDER BY id DESC LIMIT $5;

-- name: is_known
-- Whether a tenant has an endpoint or a job of an id.
SELECT EXISTS (SELECT FROM webhooks WHERE tenant_id = $1 AND id = $2 AND job_id IS NULL)
    OR EXISTS (SELECT FROM jobs WHERE tenant_id = $1 AND id = $2);

-- name: redeliver
-- What has ended of an endpoint's deliveries, or of those about a job, is sent once more, in order: one ($3), or of those
-- that were written since $4 the first $5.
WITH again AS (
    SELECT id FROM webhook_deliveries
    WHERE tenant_id = $1 AND (webhook_id = $2 OR job_id = $2) AND state <> 'PENDING'
        AND ($3::bigint IS NULL OR id = $3) AND ($4::timestamptz IS NULL OR create_time >= $4)
    ORDER BY id LIMIT $5 FOR UPDATE
)
UPDATE webhook_deliveries d
SET state = 'PENDING', next_time = clock_timestamp(), due_since = clock_timestamp()
FROM again WHERE d.id = again.id
RETURNING d.id;
