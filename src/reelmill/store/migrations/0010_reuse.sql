-- What was done to which bytes, so that it is not done again. Rows are only made, and go with their job or by their age.

-- Outputs in our own storage that other jobs of the tenant may take copies of, once their job is COMPLETED.
CREATE TABLE results (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    output text NOT NULL,
    tenant_id uuid NOT NULL,
    key bytea NOT NULL, -- SHA-256 of what was done to which bytes: see reelmill.media.reuse
    PRIMARY KEY (job_id, output)
);
CREATE INDEX results_by_key ON results (tenant_id, key, job_id DESC);

-- What inputs hold, so that they need not be hashed again.
CREATE TABLE input_digests (
    tenant_id uuid NOT NULL,
    place bytea NOT NULL, -- SHA-256 of a URI, and of what its place tells of the file
    sha256 bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, place)
);
CREATE INDEX input_digests_by_age ON input_digests (create_time);
