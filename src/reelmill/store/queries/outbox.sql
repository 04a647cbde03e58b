-- name: lock_outbox
-- The oldest messages that nobody else is sending. Never "id greater than the last seen": ids become
-- visible out of order.
SELECT id, topic, key, value, headers::text AS headers FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED;

-- name: delete_outbox
-- Messages that were delivered. Its commit waits for no disk: were it lost, they would be delivered again.
DELETE FROM outbox WHERE id = ANY ($1::bigint[]) RETURNING (SELECT set_config('synchronous_commit', 'off', true));

-- name: insert_outbox
-- Messages to send.
INSERT INTO outbox (topic, key, value, headers)
SELECT topic, key, value, headers::jsonb
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS m (topic, key, value, headers);
