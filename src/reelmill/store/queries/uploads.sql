-- name: insert_upload
-- An upload that begins.
INSERT INTO uploads (id, tenant_id, uri, max_bytes) VALUES ($1, $2, $3, $4);

-- name: complete_upload
-- All of it is in the storage. Said twice it is as said once.
UPDATE uploads
SET state = 'COMPLETE', size_bytes = $3, sha256 = $4, complete_time = coalesce(complete_time, clock_timestamp())
WHERE id = $1 AND tenant_id = $2 AND max_bytes IS NULL AND (state = 'WRITING' OR (size_bytes, sha256) IS NOT DISTINCT FROM ($3, $4))
RETURNING id;

-- name: delete_upload
-- An upload that came to nothing. What there is of its file is left to storage_deletions.
WITH gone AS (
    DELETE FROM uploads WHERE id = $1 AND tenant_id = $2 AND state = 'WRITING' RETURNING uri
)
INSERT INTO storage_deletions (uri, not_before) SELECT uri, clock_timestamp() FROM gone RETURNING uri;

-- name: delete_old_uploads
-- Uploads that began $1 ago, whole or half, and their files as above.
WITH old AS (
    SELECT id FROM uploads WHERE create_time < statement_timestamp() - $1::interval
    ORDER BY create_time LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM uploads USING old WHERE uploads.id = old.id RETURNING uploads.uri
)
INSERT INTO storage_deletions (uri, not_before) SELECT uri, clock_timestamp() FROM gone RETURNING uri;

-- name: find_upload
-- Whether tenant $1 has a whole upload $2 with that URI, and whether the folder that the URI names is any tenant's.
SELECT EXISTS (SELECT FROM uploads WHERE id = $2 AND tenant_id = $1 AND uri = $3 AND state = 'COMPLETE') AS complete,
       EXISTS (SELECT FROM tenants WHERE id = $4) AS of_tenant;

-- name: signed_upload
-- Most bytes of an upload whose address was signed.
SELECT max_bytes FROM uploads WHERE id = $2 AND tenant_id = $1 AND uri = $3;
