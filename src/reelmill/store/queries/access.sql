-- name: find_keys
-- Keys by their ids, of whichever tenant: before a key is found nobody knows whose it is. `left_seconds`: until it is
-- refused, by the database's clock; NULL: for ever. `unnoted`: it was not used, as far as is written, since $2 ago.
SELECT k.id, k.tenant_id, k.user_id, u.name AS user_name, k.role, k.hash,
       extract(epoch FROM least(k.expire_time, k.revoke_time) - clock_timestamp())::float8 AS left_seconds,
       k.use_time IS NULL OR k.use_time < clock_timestamp() - $2::interval AS unnoted
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.id = ANY ($1::text[]);

-- name: note_use
-- A key was used; by another process too, perhaps, since $3 ago.
UPDATE api_keys SET use_time = clock_timestamp()
WHERE tenant_id = $1 AND id = $2 AND (use_time IS NULL OR use_time < clock_timestamp() - $3::interval);

-- name: keys_and_jobs
-- Whether there is any key, and any job, of whichever tenant: what authentication that nobody chose goes by.
SELECT EXISTS (SELECT FROM api_keys) AS keys, EXISTS (SELECT FROM jobs) AS jobs;

-- name: make_user
-- A tenant's user of a name, who may be there.
INSERT INTO users (id, tenant_id, name) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name
RETURNING id;

-- name: insert_key
-- A key; none where its id is taken.
INSERT INTO api_keys (id, tenant_id, user_id, name, role, hash, expire_time)
SELECT $1, $2, u.id, $4, $5, $6, $7 FROM users u WHERE u.tenant_id = $2 AND u.id = $3
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: list_keys
-- A tenant's keys in the order of their ids, after $2; of id $4 alone, where that is given.
SELECT k.*, u.name AS user_name, t.name AS tenant_name
FROM api_keys k JOIN users u ON u.id = k.user_id JOIN tenants t ON t.id = k.tenant_id
WHERE k.tenant_id = $1 AND k.id > $2 AND ($4::text IS NULL OR k.id = $4)
ORDER BY k.id LIMIT $3;

-- name: revoke_key
-- A key is refused from now on, or already.
UPDATE api_keys SET revoke_time = least(revoke_time, clock_timestamp()) WHERE tenant_id = $1 AND id = $2 RETURNING id;

-- name: rotate_key
-- A key that nobody rotated or revoked, and that has not expired, gives way to key $3 after $4.
UPDATE api_keys SET rotated_to = $3, revoke_time = clock_timestamp() + $4::interval
WHERE tenant_id = $1 AND id = $2 AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > clock_timestamp())
RETURNING user_id, name, role, clock_timestamp() + (expire_time - create_time) AS next_expire_time;

-- name: revoke_others
-- Keys of a tenant with a name, but for one, are refused from now on.
UPDATE api_keys SET revoke_time = clock_timestamp()
WHERE tenant_id = $1 AND name = $2 AND id <> $3 AND revoke_time IS NULL;

-- name: insert_tenant
-- A tenant; none where the name is taken.
INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING *;

-- name: find_tenant
-- The tenant of a name, if it is $1's own or $1 may see all ($3).
SELECT id FROM tenants WHERE name = $2 AND (id = $1 OR $3);

-- name: list_tenants
-- Tenants in the order of their names, after $2: $1's own or, where it may see them ($3), all.
SELECT * FROM tenants WHERE (id = $1 OR $3) AND name > $2 ORDER BY name LIMIT $4;

-- name: insert_audit_events
-- What was done. Parallel arrays.
INSERT INTO audit_events (tenant_id, time, key_id, user_name, method, target, address, outcome)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]);

-- name: list_audit_events
-- What was done in a tenant before a number, newest first.
SELECT * FROM audit_events WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: delete_audit_events
-- What was done $1 ago, or earlier, at most $2 rows.
DELETE FROM audit_events WHERE id = ANY (ARRAY(
    SELECT id FROM audit_events WHERE time < statement_timestamp() - $1::interval ORDER BY time LIMIT $2
));
