-- Webhooks: who hears of what happens to jobs, and what each is still to hear.

CREATE TYPE delivery_state AS ENUM ('PENDING', 'DELIVERED', 'FAILED');

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    job_id uuid REFERENCES jobs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, -- one job's own; NULL: of all
    url text NOT NULL,
    events text[] NOT NULL, -- none: all
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    disable_time timestamptz,
    disable_reason text NOT NULL DEFAULT '',
    failing_since timestamptz, -- since then nothing was taken
    failures int NOT NULL DEFAULT 0, -- in a row, of those that say that it is away
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    slow boolean NOT NULL DEFAULT false -- its last try took long, or failed: it waits among its like
);
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_id, id) WHERE job_id IS NULL;
CREATE INDEX webhooks_of_job ON webhooks (job_id) WHERE job_id IS NOT NULL;

-- Sealed (reelmill.sealing). Whoever has several signs with each, so that receivers may change over one by one.
CREATE TABLE webhook_secrets (
    signer_id uuid NOT NULL, -- an endpoint, or a tenant for those of its jobs
    tenant_id uuid NOT NULL,
    sealed bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    end_time timestamptz -- NULL: the present one
);
CREATE UNIQUE INDEX webhook_secrets_present ON webhook_secrets (signer_id) WHERE end_time IS NULL;
CREATE INDEX webhook_secrets_of_signer ON webhook_secrets (signer_id);

CREATE TABLE webhook_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id uuid NOT NULL, -- no foreign key: an endpoint that is deleted in this moment must not fail a job's change
    tenant_id uuid NOT NULL,
    message_id text NOT NULL, -- the same at each repetition
    type text NOT NULL,
    job_id uuid REFERENCES jobs (id) ON DELETE CASCADE,
    sequence bigint NOT NULL DEFAULT 0, -- the job's version
    data bytea, -- of what is not about a job: JSON
    state delivery_state NOT NULL DEFAULT 'PENDING',
    tries int NOT NULL DEFAULT 0, -- the number of the newest: who holds another one records nothing
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_since timestamptz NOT NULL DEFAULT clock_timestamp(), -- from when on it is tried: anew where it is redelivered
    next_time timestamptz DEFAULT clock_timestamp(), -- while it is being sent: when its lease ends
    try_time timestamptz,
    outcome text,
    status int,
    answer text,
    duration_seconds real,
    CHECK ((state = 'PENDING') = (next_time IS NOT NULL))
);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (webhook_id, next_time) WHERE state = 'PENDING';
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook_id, job_id, sequence) WHERE state = 'PENDING';
CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_of_job ON webhook_deliveries (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (create_time) WHERE job_id IS NULL;

-- Who is to hear of a job's state: the tenant's endpoints, and the job's own.
CREATE FUNCTION webhooks_for(tenant uuid, job uuid, event text) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM webhooks
    WHERE tenant_id = tenant AND job_id IS NULL AND disable_time IS NULL AND (events = '{}' OR event = ANY (events))
    UNION ALL
    SELECT id FROM webhooks
    WHERE job_id = job AND tenant_id = tenant AND disable_time IS NULL AND (events = '{}' OR event = ANY (events))
$$;

CREATE OR REPLACE FUNCTION write_job_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested)
        SELECT id, version, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_time IS NOT NULL
        FROM changed;
        INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, job_id, sequence)
        SELECT w, c.tenant_id, 'msg_' || c.id || '_' || c.version, 'job.queued', c.id, c.version
        FROM changed c, LATERAL webhooks_for(c.tenant_id, c.id, 'job.queued') w;
    ELSE
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested)
        SELECT c.id, c.version, c.tenant_id, c.state, c.phase, c.attempt, c.error, c.next_attempt_time,
               c.cancel_time IS NOT NULL
        FROM changed c JOIN before b ON b.id = c.id AND b.version <> c.version;
        INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, job_id, sequence)
        SELECT w, c.tenant_id, 'msg_' || c.id || '_' || c.version, 'job.' || lower(c.state::text), c.id, c.version
        FROM changed c JOIN before b ON b.id = c.id AND b.state <> c.state,
            LATERAL webhooks_for(c.tenant_id, c.id, 'job.' || lower(c.state::text)) w;
    END IF;
    IF current_setting('reelmill.publish_events', true) IS DISTINCT FROM 'off' THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO outbox (topic, key, value, headers)
            SELECT e.* FROM changed c,
                LATERAL cloud_event(c.id, c.tenant_id, c.state, c.attempt, c.version, c.labels) e;
        ELSE
            INSERT INTO outbox (topic, key, value, headers)
            SELECT e.* FROM changed c JOIN before b ON b.id = c.id AND b.state <> c.state,
                LATERAL cloud_event(c.id, c.tenant_id, c.state, c.attempt, c.version, c.labels) e;
        END IF;
    END IF;
    RETURN NULL;
END $$;
