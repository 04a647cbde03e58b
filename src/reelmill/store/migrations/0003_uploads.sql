-- Files that clients send: a row is there before the first byte, and as long as the file.

CREATE TYPE upload_state AS ENUM ('WRITING', 'COMPLETE');

CREATE TABLE uploads (
    id uuid PRIMARY KEY, -- version 7: in the order of their beginnings
    tenant_id uuid NOT NULL, -- without a foreign key, as in jobs
    uri text NOT NULL, -- upload: URI that the client is given; where it lies follows from it and the storage's setting
    state upload_state NOT NULL DEFAULT 'WRITING',
    size_bytes bigint CHECK (size_bytes > 0), -- once COMPLETE
    sha256 text, -- in hexadecimal; NULL: not known
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    complete_time timestamptz,
    CHECK ((state = 'COMPLETE') = (complete_time IS NOT NULL)),
    CHECK (state = 'WRITING' OR size_bytes IS NOT NULL)
);
CREATE INDEX uploads_by_age ON uploads (create_time);
