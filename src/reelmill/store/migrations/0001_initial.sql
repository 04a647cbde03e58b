-- Tenants, users, jobs, their tasks, what they made, what happened to them, and the outbox.

CREATE TYPE job_state AS ENUM ('QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED');
CREATE TYPE job_phase AS ENUM ('PROBING', 'TRANSCODING', 'PACKAGING', 'UPLOADING');
CREATE TYPE task_state AS ENUM ('WAITING', 'DELAYED', 'READY', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED');
CREATE TYPE log_level AS ENUM ('INFO', 'WARNING', 'ERROR');

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, name)
);

INSERT INTO tenants (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'default');
INSERT INTO users (id, tenant_id, name)
VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'default');

-- tenant_id and user_id have no foreign key here: the check would lock the same two rows in every
-- submission. The api takes both from those tables.
CREATE TABLE jobs (
    id uuid PRIMARY KEY, -- version 7: in the order of submission
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    state job_state NOT NULL DEFAULT 'QUEUED',
    phase job_phase, -- set while PROCESSING
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 100),
    spec bytea NOT NULL, -- reelmill.v1.Job as submitted, with defaults and presets filled in
    output_prefix text NOT NULL, -- URI; an attempt writes below output_prefix || fence || '/'
    labels jsonb NOT NULL DEFAULT '{}',
    attempt int NOT NULL DEFAULT 0,
    error bytea, -- reelmill.v1.JobError
    open_tasks int NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    start_time timestamptz,
    end_time timestamptz,
    next_attempt_time timestamptz,
    cancel_time timestamptz,
    deadline timestamptz,
    retry_of uuid,
    version bigint NOT NULL DEFAULT 1, -- grows by one with each change; the change's event has it as seq
    CHECK ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (end_time IS NOT NULL))
);
CREATE INDEX jobs_by_tenant ON jobs (tenant_id, id DESC);
CREATE INDEX jobs_by_label ON jobs USING gin (labels jsonb_path_ops) WHERE labels <> '{}';
CREATE INDEX jobs_ended ON jobs (end_time) WHERE end_time IS NOT NULL;
CREATE INDEX jobs_with_deadline ON jobs (deadline) WHERE deadline IS NOT NULL AND end_time IS NULL;
CREATE UNIQUE INDEX jobs_retries ON jobs (tenant_id, retry_of) WHERE retry_of IS NOT NULL;

-- A node of a job's graph of work: the unit of leases and fences.
CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    operation text NOT NULL DEFAULT 'other', -- reelmill.jobs.operations, for counting
    state task_state NOT NULL,
    priority smallint NOT NULL,
    open_dependencies int NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0, -- grows with each claim; only its newest holder may write
    attempt int NOT NULL DEFAULT 0, -- claims, less those that a draining worker gave back
    crashes int NOT NULL DEFAULT 0, -- claims whose worker fell silent
    owner text,
    lease_until timestamptz,
    run_at timestamptz, -- when a DELAYED task becomes READY
    ready_time timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    traceparent text NOT NULL DEFAULT '',
    CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CHECK ((state = 'DELAYED') = (run_at IS NOT NULL))
);
CREATE INDEX tasks_of_job ON tasks (job_id);
CREATE INDEX tasks_ready ON tasks (priority DESC, id) WHERE state = 'READY';
CREATE INDEX tasks_running ON tasks (lease_until) WHERE state = 'RUNNING';
CREATE INDEX tasks_delayed ON tasks (run_at) WHERE state = 'DELAYED';

CREATE TABLE task_dependencies (
    task_id uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    depends_on uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    PRIMARY KEY (task_id, depends_on)
);
CREATE INDEX task_dependents ON task_dependencies (depends_on);

-- Files that a job made. They are visible once the job is COMPLETED.
CREATE TABLE output_files (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    output text NOT NULL,
    position int NOT NULL,
    file bytea NOT NULL, -- reelmill.v1.OutputFile
    uri text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (job_id, output, position)
);

-- Every change of a job's row, written by the triggers below. Append only.
CREATE TABLE job_events (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    seq bigint NOT NULL,
    tenant_id uuid NOT NULL,
    state job_state NOT NULL,
    phase job_phase,
    attempt int NOT NULL,
    error bytea,
    next_attempt_time timestamptz,
    cancel_requested boolean NOT NULL,
    time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, seq)
);

CREATE TABLE job_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    time timestamptz NOT NULL DEFAULT clock_timestamp(),
    level log_level NOT NULL,
    attempt int NOT NULL,
    output text NOT NULL DEFAULT '',
    message text NOT NULL,
    command text NOT NULL DEFAULT ''
);
CREATE INDEX job_logs_of_job ON job_logs (job_id, id);

-- Messages to send, in the transaction of what they tell of. With the PostgreSQL queue, the queue.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    visible_at timestamptz NOT NULL DEFAULT '-infinity' -- hidden until then: a consumer has it
);
CREATE INDEX outbox_by_topic ON outbox (topic, id);

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL, -- SHA-256 of the job as it was submitted
    job_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (create_time);

-- Folders in storage to delete: of attempts that did not win, and of jobs past their retention.
CREATE TABLE storage_deletions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uri text NOT NULL,
    not_before timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0
);
CREATE INDEX storage_deletions_due ON storage_deletions (not_before);

-- The guards. They hold whatever the code forgets.

CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN
        RAISE EXCEPTION 'job % is %, which is final', OLD.id, OLD.state USING ERRCODE = 'RM001';
    END IF;
    IF OLD.state = 'QUEUED' AND NEW.state = 'COMPLETED' THEN
        RAISE EXCEPTION 'job % can''t go from QUEUED to COMPLETED', OLD.id USING ERRCODE = 'RM001';
    END IF;
    IF OLD.cancel_time IS NOT NULL AND NEW.state = 'COMPLETED' THEN
        RAISE EXCEPTION 'job % was cancelled and can''t be COMPLETED', OLD.id USING ERRCODE = 'RM001';
    END IF;
    IF NEW.spec <> OLD.spec THEN
        RAISE EXCEPTION 'job %: its spec never changes', OLD.id USING ERRCODE = 'RM001';
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
-- A bare decrement of open_tasks is no change that anyone should hear of.
CREATE TRIGGER guard_job BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.state IN ('COMPLETED', 'FAILED', 'CANCELLED')
          OR (OLD.state, OLD.phase, OLD.attempt, OLD.error, OLD.next_attempt_time, OLD.cancel_time, OLD.spec,
              OLD.version)
             IS DISTINCT FROM
             (NEW.state, NEW.phase, NEW.attempt, NEW.error, NEW.next_attempt_time, NEW.cancel_time, NEW.spec,
              NEW.version))
    EXECUTE FUNCTION guard_job();

CREATE FUNCTION guard_job_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job % is %, which is not final', OLD.id, OLD.state USING ERRCODE = 'RM001';
END $$;
CREATE TRIGGER guard_job_deletion BEFORE DELETE ON jobs FOR EACH ROW
    WHEN (OLD.state IN ('QUEUED', 'PROCESSING')) EXECUTE FUNCTION guard_job_deletion();

CREATE FUNCTION guard_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN
        RAISE EXCEPTION 'task % is %, which is final', OLD.id, OLD.state USING ERRCODE = 'RM002';
    END IF;
    IF NEW.fence < OLD.fence THEN
        RAISE EXCEPTION 'task %: a fence never goes back', OLD.id USING ERRCODE = 'RM002';
    END IF;
    IF NEW.state = 'RUNNING' AND OLD.state <> 'RUNNING'
       AND (OLD.state <> 'READY' OR NEW.fence <> OLD.fence + 1 OR OLD.cancel_requested) THEN
        RAISE EXCEPTION 'task % can''t be claimed from %', OLD.id, OLD.state USING ERRCODE = 'RM002';
    END IF;
    IF NEW.state = 'COMPLETED' AND (OLD.state <> 'RUNNING' OR OLD.cancel_requested) THEN
        RAISE EXCEPTION 'task % can''t be COMPLETED from %', OLD.id, OLD.state USING ERRCODE = 'RM002';
    END IF;
    IF NEW.state IN ('WAITING', 'DELAYED') AND NEW.state <> OLD.state
       AND NOT (OLD.state = 'RUNNING' AND NEW.state = 'DELAYED') THEN
        RAISE EXCEPTION 'task % can''t go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'RM002';
    END IF;
    RETURN NEW;
END $$;
-- Heartbeats change neither state nor fence and pay nothing.
CREATE TRIGGER guard_task BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.fence IS DISTINCT FROM NEW.fence
          OR OLD.state IN ('COMPLETED', 'FAILED', 'CANCELLED'))
    EXECUTE FUNCTION guard_task();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'RM003';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE ON job_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE ON output_files FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM jobs WHERE id = OLD.job_id) THEN
        RAISE EXCEPTION 'rows of % go with their job alone', TG_TABLE_NAME USING ERRCODE = 'RM003';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER goes_with_job BEFORE DELETE ON job_events FOR EACH ROW EXECUTE FUNCTION refuse_deletion();
CREATE TRIGGER goes_with_job BEFORE DELETE ON output_files FOR EACH ROW EXECUTE FUNCTION refuse_deletion();

-- Events, and a CloudEvent (Kafka binding, binary mode) for each change of state. A process without
-- an events topic says so with the setting reelmill.publish_events = off; saying nothing publishes.
CREATE FUNCTION write_job_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested)
        SELECT id, version, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_time IS NOT NULL
        FROM changed;
    ELSE
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested)
        SELECT c.id, c.version, c.tenant_id, c.state, c.phase, c.attempt, c.error, c.next_attempt_time,
               c.cancel_time IS NOT NULL
        FROM changed c JOIN before b ON b.id = c.id AND b.version <> c.version;
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

CREATE FUNCTION cloud_event(
    job_id uuid, tenant_id uuid, state job_state, attempt int, version bigint, labels jsonb
) RETURNS TABLE (topic text, key text, value bytea, headers jsonb) LANGUAGE sql STABLE AS $$
    SELECT 'events', job_id::text,
           convert_to(json_build_object(
               'job_id', job_id, 'tenant_id', tenant_id, 'state', state, 'attempt', attempt,
               'sequence', version, 'labels', labels)::text, 'UTF8'),
           jsonb_build_object(
               'ce_specversion', '1.0', 'ce_id', job_id || ':' || version,
               'ce_type', 'reelmill.job.' || lower(state::text), 'ce_source', '/reelmill/jobs',
               'ce_subject', job_id::text, 'content-type', 'application/json',
               'ce_time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
$$;

CREATE TRIGGER write_events_inserted AFTER INSERT ON jobs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION write_job_events();
CREATE TRIGGER write_events_updated AFTER UPDATE ON jobs REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION write_job_events();

-- A task that becomes READY says so to the workers; no statement that makes one READY can forget it.
-- The bytes are a reelmill.v1.TaskReady: version 1, task_id, job_id (a test compares).
CREATE FUNCTION task_ready_message(task_id uuid, job_id uuid) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT '\x08011210'::bytea || uuid_send(task_id) || '\x1a10'::bytea || uuid_send(job_id)
$$;

-- The topics of priority classes, as reelmill.queue.port.task_topic has them.
CREATE FUNCTION task_topic(priority smallint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN priority >= 67 THEN 'tasks.high' WHEN priority >= 34 THEN 'tasks.normal' ELSE 'tasks.low' END
$$;

CREATE FUNCTION announce_new_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (topic, key, value, headers)
    SELECT task_topic(priority), job_id::text, task_ready_message(id, job_id),
           CASE WHEN traceparent = '' THEN '{}' ELSE jsonb_build_object('traceparent', traceparent) END
    FROM added WHERE state = 'READY' ORDER BY priority DESC, id;
    RETURN NULL;
END $$;
CREATE TRIGGER announce_new_tasks AFTER INSERT ON tasks REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION announce_new_tasks();

CREATE FUNCTION announce_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (topic, key, value, headers)
    VALUES (task_topic(NEW.priority), NEW.job_id::text, task_ready_message(NEW.id, NEW.job_id),
            CASE WHEN NEW.traceparent = '' THEN '{}' ELSE jsonb_build_object('traceparent', NEW.traceparent) END);
    RETURN NULL;
END $$;
CREATE TRIGGER announce_task AFTER UPDATE ON tasks FOR EACH ROW
    WHEN (NEW.state = 'READY' AND OLD.state <> 'READY') EXECUTE FUNCTION announce_task();
