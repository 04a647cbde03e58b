-- Who may call, and what was done.

CREATE TABLE api_keys (
    id text PRIMARY KEY, -- the part of the token that is no secret
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id uuid NOT NULL, -- of users; no foreign key, as in jobs
    name text NOT NULL,
    role text NOT NULL, -- reelmill.auth.roles.Role; who does not know one refuses its keys
    hash bytea NOT NULL CHECK (octet_length(hash) = 32), -- SHA-256 of the whole token
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    expire_time timestamptz, -- refused from then on
    revoke_time timestamptz, -- refused from then on, too; of a key that was rotated it may lie in the future
    use_time timestamptz, -- the last one, to ten minutes
    rotated_to text -- the key that takes its place
);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);

-- tenant_id has no foreign key, as in jobs. Written after what it tells of, and never changed.
CREATE TABLE audit_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    time timestamptz NOT NULL DEFAULT clock_timestamp(),
    key_id text NOT NULL, -- empty: nobody was asked for one
    user_name text NOT NULL,
    method text NOT NULL,
    target text NOT NULL,
    address text NOT NULL,
    outcome text NOT NULL -- OK, or gRPC's name of a status
);
CREATE INDEX audit_events_of_tenant ON audit_events (tenant_id, id DESC);
CREATE INDEX audit_events_by_age ON audit_events (time);

CREATE TRIGGER append_only BEFORE UPDATE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_young_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % go by their age alone', TG_TABLE_NAME USING ERRCODE = 'RM003';
END $$;
CREATE TRIGGER goes_by_age BEFORE DELETE ON audit_events FOR EACH ROW
    WHEN (OLD.time > clock_timestamp() - interval '1 day') EXECUTE FUNCTION refuse_young_deletion();

-- A submitter lists its own jobs among all of its tenant's.
CREATE INDEX jobs_of_user ON jobs (tenant_id, user_id, id DESC);
