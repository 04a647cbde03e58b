-- Presets of one's own.

-- tenant_id has no foreign key, as in jobs.
CREATE TABLE presets (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    spec bytea, -- reelmill.v1.Preset; NULL: deleted, and kept so that no later version has this number
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, name, version)
);
