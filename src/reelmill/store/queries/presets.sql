-- name: lock_presets
-- One save or deletion of a tenant's at once, until the transaction's end.
SELECT pg_advisory_xact_lock(hashtextextended('presets of ' || $1::uuid, 0));

-- name: newest_preset
-- The newest version of a tenant's preset, which may be a deleted one.
SELECT * FROM presets WHERE tenant_id = $1 AND name = $2 ORDER BY version DESC LIMIT 1;

-- name: count_presets
-- How many presets a tenant has.
SELECT count(DISTINCT name) FROM presets WHERE tenant_id = $1 AND spec IS NOT NULL;

-- name: insert_preset
-- A version.
INSERT INTO presets (tenant_id, name, version, spec) VALUES ($1, $2, $3, $4) RETURNING *;

-- name: forget_versions
-- Of a preset the versions before the newest $3.
DELETE FROM presets WHERE tenant_id = $1 AND name = $2
    AND version <= (SELECT max(version) FROM presets WHERE tenant_id = $1 AND name = $2) - $3;

-- name: get_presets
-- Versions of a tenant's presets that were asked for, in parallel arrays; version 0: the newest.
SELECT a.asked, p.* FROM unnest($2::text[], $3::int[], $4::text[]) AS a (name, version, asked),
    LATERAL (
        SELECT * FROM presets
        WHERE tenant_id = $1 AND name = a.name AND (a.version = 0 OR version = a.version)
        ORDER BY version DESC LIMIT 1
    ) p
WHERE p.spec IS NOT NULL;

-- name: list_presets
-- A tenant's presets in the order of their names, each in its newest version.
SELECT DISTINCT ON (name) * FROM presets WHERE tenant_id = $1 AND spec IS NOT NULL ORDER BY name, version DESC;

-- name: delete_preset
-- A preset with its versions; the newest's number stays.
WITH newest AS (
    SELECT * FROM presets WHERE tenant_id = $1 AND name = $2 AND spec IS NOT NULL ORDER BY version DESC LIMIT 1
), before AS (
    DELETE FROM presets p USING newest n WHERE p.tenant_id = $1 AND p.name = n.name AND p.version < n.version
), kept AS (
    UPDATE presets p SET spec = NULL FROM newest n WHERE p.tenant_id = $1 AND p.name = n.name AND p.version = n.version
)
SELECT * FROM newest;

-- name: forget_deleted
-- Of a tenant's deleted presets' numbers the newest $2 are kept.
DELETE FROM presets WHERE tenant_id = $1 AND (name, version) IN (
    SELECT name, version FROM presets WHERE tenant_id = $1 AND spec IS NULL ORDER BY create_time DESC OFFSET $2
);
