-- What migrations/ make; written by `make generate`. For reading: nothing runs it.

CREATE TYPE public.delivery_state AS ENUM (
    'PENDING',
    'DELIVERED',
    'FAILED'
);

CREATE TYPE public.job_phase AS ENUM (
    'PROBING',
    'TRANSCODING',
    'PACKAGING',
    'UPLOADING'
);

CREATE TYPE public.job_state AS ENUM (
    'QUEUED',
    'PROCESSING',
    'COMPLETED',
    'FAILED',
    'CANCELLED'
);

CREATE TYPE public.log_level AS ENUM (
    'INFO',
    'WARNING',
    'ERROR'
);

CREATE TYPE public.task_state AS ENUM (
    'WAITING',
    'DELAYED',
    'READY',
    'RUNNING',
    'COMPLETED',
    'FAILED',
    'CANCELLED'
);

CREATE TYPE public.upload_state AS ENUM (
    'WRITING',
    'COMPLETE'
);

CREATE FUNCTION public.announce_new_tasks() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE spawned_by IS NOT NULL)
       AND NOT (SELECT is_on FROM switches WHERE name = 'graphs') THEN
        RAISE EXCEPTION 'a worker of an older release may still run: `reelmill migrate --graphs on` says that none does'
            USING ERRCODE = 'RM005';
    END IF;
    INSERT INTO outbox (topic, key, value, headers)
    SELECT task_topic(priority), job_id::text, task_ready_message(id, job_id), task_ready_headers(traceparent, place)
    FROM added WHERE state = 'READY' ORDER BY priority DESC, id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.announce_task() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO outbox (topic, key, value, headers)
    VALUES (task_topic(NEW.priority), NEW.job_id::text, task_ready_message(NEW.id, NEW.job_id),
            task_ready_headers(NEW.traceparent, NEW.place));
    RETURN NULL;
END $$;

CREATE FUNCTION public.attempt_prefix(output_prefix text, task_id uuid, spawned_by uuid, fence bigint) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT output_prefix || CASE WHEN spawned_by IS NULL THEN '' ELSE task_id || '-' END || fence || '/'
$$;

CREATE TABLE public.workers (
    owner text NOT NULL,
    version text NOT NULL,
    kinds text[] NOT NULL,
    pool text NOT NULL,
    labels text[] NOT NULL,
    slots integer NOT NULL,
    running integer NOT NULL,
    start_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE FUNCTION public.can_run(worker public.workers, kind text, place text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT worker.slots > 0 AND kind = ANY (worker.kinds) AND worker.pool = split_part(place, ' ', 1)
        AND worker.labels @> (string_to_array(place, ' '))[2:]
$$;

CREATE FUNCTION public.cloud_event(job_id uuid, tenant_id uuid, state public.job_state, attempt integer, version bigint, labels jsonb) RETURNS TABLE(topic text, key text, value bytea, headers jsonb)
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.guard_dependency() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added a JOIN tasks t ON t.id = a.task_id JOIN tasks d ON d.id = a.depends_on
        WHERE a.depends_on >= a.task_id OR t.spawned_by IS NULL OR t.spawned_by IS DISTINCT FROM d.spawned_by
    ) THEN
        RAISE EXCEPTION 'a task depends on what was spawned with it, and before' USING ERRCODE = 'RM004';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.guard_job() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
    -- A job that ends, or is to end, leaves no task that nobody told. One that a sibling spawned since this statement
    -- began is not seen by it, but here: the statement is to be repeated, which is what 40001 says.
    IF NEW.tasks > 1
       AND (NEW.state IN ('COMPLETED', 'FAILED', 'CANCELLED') OR (OLD.cancel_time IS NULL AND NEW.cancel_time IS NOT NULL))
    THEN -- of its own: an IF that reads a table costs a query each time
        IF EXISTS (SELECT FROM tasks WHERE job_id = NEW.id AND NOT cancel_requested
                   AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')) THEN
            RAISE EXCEPTION 'job %: a task was spawned meanwhile', OLD.id USING ERRCODE = '40001';
        END IF;
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;

CREATE FUNCTION public.guard_job_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'job % is %, which is not final', OLD.id, OLD.state USING ERRCODE = 'RM001';
END $$;

CREATE FUNCTION public.guard_task() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.is_under_way(job uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN EXISTS (SELECT FROM tasks WHERE job_id = job AND state IN ('RUNNING', 'COMPLETED'));
END $$;

CREATE FUNCTION public.job_attempt(job uuid) RETURNS integer
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT max(attempt) FROM tasks WHERE job_id = job);
END $$;

CREATE FUNCTION public.path_in_output(uri text, job_id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE strpos(uri, job_id::text) WHEN 0 THEN uri
           ELSE regexp_replace(substr(uri, strpos(uri, job_id::text) + 37), '^[^/]*/[^/]*/', '') END
$$;

CREATE FUNCTION public.publish_audit_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF current_setting('reelmill.publish_events', true) IS DISTINCT FROM 'off' THEN
        INSERT INTO outbox (topic, key, value, headers)
        SELECT 'events', a.tenant_id::text,
               convert_to(json_build_object(
                   'sequence', a.id, 'tenant_id', a.tenant_id, 'key_id', a.key_id, 'user', a.user_name,
                   'method', a.method, 'target', a.target, 'address', a.address, 'outcome', a.outcome)::text, 'UTF8'),
               jsonb_build_object(
                   'ce_specversion', '1.0', 'ce_id', 'audit:' || a.id,
                   'ce_type', 'reelmill.audit', 'ce_source', '/reelmill/audit', 'ce_subject', a.tenant_id::text,
                   'content-type', 'application/json',
                   'ce_time', to_char(a.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        FROM added a ORDER BY a.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'RM003';
END $$;

CREATE FUNCTION public.refuse_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM jobs WHERE id = OLD.job_id) THEN
        RAISE EXCEPTION 'rows of % go with their job alone', TG_TABLE_NAME USING ERRCODE = 'RM003';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION public.refuse_young_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % go by their age alone', TG_TABLE_NAME USING ERRCODE = 'RM003';
END $$;

CREATE FUNCTION public.sweep_completed_tasks() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.published IS NULL THEN -- of its own: an IF that reads a table costs a query each time
        INSERT INTO storage_deletions (uri, not_before)
        SELECT attempt_prefix(NEW.output_prefix, id, spawned_by, fence), clock_timestamp()
        FROM tasks WHERE job_id = NEW.id AND state = 'COMPLETED' ORDER BY id;
    ELSE
        INSERT INTO storage_deletions (uri, not_before)
        SELECT folder.uri, clock_timestamp()
        FROM tasks t, LATERAL (SELECT attempt_prefix(NEW.output_prefix, t.id, t.spawned_by, t.fence) AS uri) folder
        WHERE t.job_id = NEW.id AND t.state = 'COMPLETED'
            AND NOT EXISTS (SELECT FROM output_files f WHERE f.job_id = NEW.id AND starts_with(f.uri, folder.uri))
        ORDER BY t.id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.sweep_pieces() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(NEW.output_prefix, id, spawned_by, fence) || CASE WHEN spawned_by IS NULL THEN '_inputs/' ELSE '' END,
        clock_timestamp()
    FROM tasks
    WHERE job_id = NEW.id AND state = 'COMPLETED' AND (kind = 'make_piece' OR spawned_by IS NULL AND EXISTS (
        SELECT FROM tasks t WHERE t.job_id = NEW.id AND t.spawned_by IS NOT NULL AND position('"copies": "'::bytea IN t.spec) > 0))
    ORDER BY id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.task_ready_headers(traceparent text, place text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN traceparent = '' THEN '{}' ELSE jsonb_build_object('traceparent', traceparent) END
        || CASE split_part(place, ' ', 1) WHEN 'default' THEN '{}' ELSE jsonb_build_object('pool', split_part(place, ' ', 1)) END
$$;

CREATE FUNCTION public.task_ready_message(task_id uuid, job_id uuid) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT '\x08011210'::bytea || uuid_send(task_id) || '\x1a10'::bytea || uuid_send(job_id)
$$;

CREATE FUNCTION public.task_topic(priority smallint) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN priority >= 67 THEN 'tasks.high' WHEN priority >= 34 THEN 'tasks.normal' ELSE 'tasks.low' END
$$;

CREATE FUNCTION public.webhooks_for(tenant uuid, job uuid, event text) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    AS $$
    SELECT id FROM webhooks
    WHERE tenant_id = tenant AND job_id IS NULL AND disable_time IS NULL AND (events = '{}' OR event = ANY (events))
    UNION ALL
    SELECT id FROM webhooks
    WHERE job_id = job AND tenant_id = tenant AND disable_time IS NULL AND (events = '{}' OR event = ANY (events))
$$;

CREATE FUNCTION public.write_job_events() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested,
                                published)
        SELECT id, version, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_time IS NOT NULL, published
        FROM changed;
        INSERT INTO webhook_deliveries (webhook_id, tenant_id, message_id, type, job_id, sequence)
        SELECT w, c.tenant_id, 'msg_' || c.id || '_' || c.version, 'job.queued', c.id, c.version
        FROM changed c, LATERAL webhooks_for(c.tenant_id, c.id, 'job.queued') w;
    ELSE
        INSERT INTO job_events (job_id, seq, tenant_id, state, phase, attempt, error, next_attempt_time, cancel_requested,
                                published)
        SELECT c.id, c.version, c.tenant_id, c.state, c.phase, c.attempt, c.error, c.next_attempt_time,
               c.cancel_time IS NOT NULL, c.published
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

CREATE TABLE public.api_keys (
    id text NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    hash bytea NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expire_time timestamp with time zone,
    revoke_time timestamp with time zone,
    use_time timestamp with time zone,
    rotated_to text,
    CONSTRAINT api_keys_hash_check CHECK ((octet_length(hash) = 32))
);

CREATE TABLE public.audit_events (
    id bigint NOT NULL,
    tenant_id uuid NOT NULL,
    "time" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    key_id text NOT NULL,
    user_name text NOT NULL,
    method text NOT NULL,
    target text NOT NULL,
    address text NOT NULL,
    outcome text NOT NULL
);

ALTER TABLE public.audit_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    job_id uuid NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.input_digests (
    tenant_id uuid NOT NULL,
    place bytea NOT NULL,
    sha256 bytea NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.job_events (
    job_id uuid NOT NULL,
    seq bigint NOT NULL,
    tenant_id uuid NOT NULL,
    state public.job_state NOT NULL,
    phase public.job_phase,
    attempt integer NOT NULL,
    error bytea,
    next_attempt_time timestamp with time zone,
    cancel_requested boolean NOT NULL,
    "time" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published text[]
);

CREATE TABLE public.job_logs (
    id bigint NOT NULL,
    job_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    "time" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    level public.log_level NOT NULL,
    attempt integer NOT NULL,
    output text DEFAULT ''::text NOT NULL,
    message text NOT NULL,
    command text DEFAULT ''::text NOT NULL
);

ALTER TABLE public.job_logs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.job_logs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.jobs (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    state public.job_state DEFAULT 'QUEUED'::public.job_state NOT NULL,
    phase public.job_phase,
    priority smallint NOT NULL,
    spec bytea NOT NULL,
    output_prefix text NOT NULL,
    labels jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    error bytea,
    open_tasks integer NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    start_time timestamp with time zone,
    end_time timestamp with time zone,
    next_attempt_time timestamp with time zone,
    cancel_time timestamp with time zone,
    deadline timestamp with time zone,
    retry_of uuid,
    version bigint DEFAULT 1 NOT NULL,
    tasks integer DEFAULT 1 NOT NULL,
    weight real DEFAULT 1 NOT NULL,
    done_weight real DEFAULT 0 NOT NULL,
    published text[],
    CONSTRAINT jobs_check CHECK (((state = ANY (ARRAY['COMPLETED'::public.job_state, 'FAILED'::public.job_state, 'CANCELLED'::public.job_state])) = (end_time IS NOT NULL))),
    CONSTRAINT jobs_priority_check CHECK (((priority >= 0) AND (priority <= 100)))
);

CREATE TABLE public.measurements (
    operation text NOT NULL,
    codec text NOT NULL,
    effort text NOT NULL,
    measure text NOT NULL,
    build text NOT NULL,
    bins real[] NOT NULL,
    update_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    visible_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.output_files (
    job_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    output text NOT NULL,
    "position" integer NOT NULL,
    file bytea NOT NULL,
    uri text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL
);

CREATE TABLE public.presets (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    spec bytea,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT presets_version_check CHECK ((version > 0))
);

CREATE TABLE public.results (
    job_id uuid NOT NULL,
    output text NOT NULL,
    tenant_id uuid NOT NULL,
    key bytea NOT NULL,
    used_time timestamp with time zone
);

CREATE TABLE public.schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    "time" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    contracts boolean DEFAULT false NOT NULL,
    checksum text
);

CREATE TABLE public.storage_deletions (
    id bigint NOT NULL,
    uri text NOT NULL,
    not_before timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL
);

ALTER TABLE public.storage_deletions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.storage_deletions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.switches (
    name text NOT NULL,
    is_on boolean NOT NULL,
    about text NOT NULL
);

CREATE TABLE public.task_dependencies (
    task_id uuid NOT NULL,
    depends_on uuid NOT NULL
);

CREATE TABLE public.tasks (
    id uuid NOT NULL,
    job_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    kind text NOT NULL,
    operation text DEFAULT 'other'::text NOT NULL,
    state public.task_state NOT NULL,
    priority smallint NOT NULL,
    open_dependencies integer DEFAULT 0 NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    crashes integer DEFAULT 0 NOT NULL,
    owner text,
    lease_until timestamp with time zone,
    run_at timestamp with time zone,
    ready_time timestamp with time zone,
    cancel_requested boolean DEFAULT false NOT NULL,
    traceparent text DEFAULT ''::text NOT NULL,
    spawned_by uuid,
    spec bytea,
    result bytea,
    phase public.job_phase,
    error bytea,
    weight real DEFAULT 1 NOT NULL,
    place text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT tasks_check CHECK (((state = 'RUNNING'::public.task_state) = (lease_until IS NOT NULL))),
    CONSTRAINT tasks_check1 CHECK (((state = 'DELAYED'::public.task_state) = (run_at IS NOT NULL)))
);

CREATE TABLE public.tenants (
    id uuid NOT NULL,
    name text NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.uploads (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    uri text NOT NULL,
    state public.upload_state DEFAULT 'WRITING'::public.upload_state NOT NULL,
    size_bytes bigint,
    sha256 text,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    complete_time timestamp with time zone,
    max_bytes bigint,
    CONSTRAINT uploads_check CHECK (((state = 'COMPLETE'::public.upload_state) = (complete_time IS NOT NULL))),
    CONSTRAINT uploads_check1 CHECK (((state = 'WRITING'::public.upload_state) OR (size_bytes IS NOT NULL))),
    CONSTRAINT uploads_size_bytes_check CHECK ((size_bytes > 0))
);

CREATE TABLE public.users (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.webhook_deliveries (
    id bigint NOT NULL,
    webhook_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    message_id text NOT NULL,
    type text NOT NULL,
    job_id uuid,
    sequence bigint DEFAULT 0 NOT NULL,
    data bytea,
    state public.delivery_state DEFAULT 'PENDING'::public.delivery_state NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    due_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    next_time timestamp with time zone DEFAULT clock_timestamp(),
    try_time timestamp with time zone,
    outcome text,
    status integer,
    answer text,
    duration_seconds real,
    CONSTRAINT webhook_deliveries_check CHECK (((state = 'PENDING'::public.delivery_state) = (next_time IS NOT NULL)))
);

ALTER TABLE public.webhook_deliveries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_secrets (
    signer_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    sealed bytea NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    end_time timestamp with time zone
);

CREATE TABLE public.webhooks (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    job_id uuid,
    url text NOT NULL,
    events text[] NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    disable_time timestamp with time zone,
    disable_reason text DEFAULT ''::text NOT NULL,
    failing_since timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    not_before timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    slow boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, key);

ALTER TABLE ONLY public.input_digests
    ADD CONSTRAINT input_digests_pkey PRIMARY KEY (tenant_id, place);

ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (job_id, seq);

ALTER TABLE ONLY public.job_logs
    ADD CONSTRAINT job_logs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.measurements
    ADD CONSTRAINT measurements_pkey PRIMARY KEY (operation, codec, effort, measure, build);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.output_files
    ADD CONSTRAINT output_files_pkey PRIMARY KEY (job_id, output, "position");

ALTER TABLE ONLY public.presets
    ADD CONSTRAINT presets_pkey PRIMARY KEY (tenant_id, name, version);

ALTER TABLE ONLY public.results
    ADD CONSTRAINT results_pkey PRIMARY KEY (job_id, output);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.storage_deletions
    ADD CONSTRAINT storage_deletions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.switches
    ADD CONSTRAINT switches_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.task_dependencies
    ADD CONSTRAINT task_dependencies_pkey PRIMARY KEY (task_id, depends_on);

ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_name_key UNIQUE (name);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (owner);

CREATE INDEX api_keys_of_tenant ON public.api_keys USING btree (tenant_id, id);

CREATE INDEX audit_events_by_age ON public.audit_events USING btree ("time");

CREATE INDEX audit_events_of_tenant ON public.audit_events USING btree (tenant_id, id DESC);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (create_time);

CREATE INDEX input_digests_by_age ON public.input_digests USING btree (create_time);

CREATE INDEX job_logs_of_job ON public.job_logs USING btree (job_id, id);

CREATE INDEX jobs_by_label ON public.jobs USING gin (labels jsonb_path_ops) WHERE (labels <> '{}'::jsonb);

CREATE INDEX jobs_by_tenant ON public.jobs USING btree (tenant_id, id DESC);

CREATE INDEX jobs_ended ON public.jobs USING btree (end_time) WHERE (end_time IS NOT NULL);

CREATE INDEX jobs_of_user ON public.jobs USING btree (tenant_id, user_id, id DESC);

CREATE UNIQUE INDEX jobs_retries ON public.jobs USING btree (tenant_id, retry_of) WHERE (retry_of IS NOT NULL);

CREATE INDEX jobs_with_deadline ON public.jobs USING btree (deadline) WHERE ((deadline IS NOT NULL) AND (end_time IS NULL));

CREATE INDEX outbox_by_topic ON public.outbox USING btree (topic, id);

CREATE INDEX output_files_found ON public.output_files USING btree (job_id, output, public.path_in_output(uri, job_id));

CREATE INDEX results_by_key ON public.results USING btree (tenant_id, key, job_id DESC);

CREATE INDEX storage_deletions_due ON public.storage_deletions USING btree (not_before);

CREATE INDEX task_dependents ON public.task_dependencies USING btree (depends_on);

CREATE INDEX tasks_claimable ON public.tasks USING btree (kind, place, priority DESC, ready_time) WHERE (state = 'READY'::public.task_state);

CREATE INDEX tasks_delayed ON public.tasks USING btree (run_at) WHERE (state = 'DELAYED'::public.task_state);

CREATE INDEX tasks_of_job ON public.tasks USING btree (job_id);

CREATE INDEX tasks_ready ON public.tasks USING btree (ready_time) WHERE ((state = 'READY'::public.task_state) AND (lease_until IS NULL));

CREATE INDEX tasks_running ON public.tasks USING btree (lease_until) WHERE (state = 'RUNNING'::public.task_state);

CREATE INDEX uploads_by_age ON public.uploads USING btree (create_time);

CREATE INDEX webhook_deliveries_by_age ON public.webhook_deliveries USING btree (create_time) WHERE (job_id IS NULL);

CREATE INDEX webhook_deliveries_listed ON public.webhook_deliveries USING btree (webhook_id, id);

CREATE INDEX webhook_deliveries_of_job ON public.webhook_deliveries USING btree (job_id) WHERE (job_id IS NOT NULL);

CREATE INDEX webhook_deliveries_order ON public.webhook_deliveries USING btree (webhook_id, job_id, sequence) WHERE (state = 'PENDING'::public.delivery_state);

CREATE INDEX webhook_deliveries_pending ON public.webhook_deliveries USING btree (webhook_id, next_time) WHERE (state = 'PENDING'::public.delivery_state);

CREATE INDEX webhook_secrets_of_signer ON public.webhook_secrets USING btree (signer_id);

CREATE UNIQUE INDEX webhook_secrets_present ON public.webhook_secrets USING btree (signer_id) WHERE (end_time IS NULL);

CREATE INDEX webhooks_of_job ON public.webhooks USING btree (job_id) WHERE (job_id IS NOT NULL);

CREATE INDEX webhooks_of_tenant ON public.webhooks USING btree (tenant_id, id) WHERE (job_id IS NULL);

CREATE TRIGGER announce_new_tasks AFTER INSERT ON public.tasks REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.announce_new_tasks();

CREATE TRIGGER announce_task AFTER UPDATE ON public.tasks FOR EACH ROW WHEN (((new.state = 'READY'::public.task_state) AND (old.state <> 'READY'::public.task_state))) EXECUTE FUNCTION public.announce_task();

CREATE TRIGGER append_only BEFORE UPDATE ON public.audit_events FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE ON public.job_events FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE ON public.output_files FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER goes_by_age BEFORE DELETE ON public.audit_events FOR EACH ROW WHEN ((old."time" > (clock_timestamp() - '1 day'::interval))) EXECUTE FUNCTION public.refuse_young_deletion();

CREATE TRIGGER goes_with_job BEFORE DELETE ON public.job_events FOR EACH ROW EXECUTE FUNCTION public.refuse_deletion();

CREATE TRIGGER goes_with_job BEFORE DELETE ON public.output_files FOR EACH ROW EXECUTE FUNCTION public.refuse_deletion();

CREATE TRIGGER guard_dependency AFTER INSERT ON public.task_dependencies REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.guard_dependency();

CREATE TRIGGER guard_job BEFORE UPDATE ON public.jobs FOR EACH ROW WHEN (((old.state = ANY (ARRAY['COMPLETED'::public.job_state, 'FAILED'::public.job_state, 'CANCELLED'::public.job_state])) OR ((((((((old.state IS DISTINCT FROM new.state) OR (old.phase IS DISTINCT FROM new.phase)) OR (old.attempt IS DISTINCT FROM new.attempt)) OR (old.error IS DISTINCT FROM new.error)) OR (old.next_attempt_time IS DISTINCT FROM new.next_attempt_time)) OR (old.cancel_time IS DISTINCT FROM new.cancel_time)) OR (old.spec IS DISTINCT FROM new.spec)) OR (old.version IS DISTINCT FROM new.version)))) EXECUTE FUNCTION public.guard_job();

CREATE TRIGGER guard_job_deletion BEFORE DELETE ON public.jobs FOR EACH ROW WHEN ((old.state = ANY (ARRAY['QUEUED'::public.job_state, 'PROCESSING'::public.job_state]))) EXECUTE FUNCTION public.guard_job_deletion();

CREATE TRIGGER guard_task BEFORE UPDATE ON public.tasks FOR EACH ROW WHEN (((old.state IS DISTINCT FROM new.state) OR (old.fence IS DISTINCT FROM new.fence) OR (old.state = ANY (ARRAY['COMPLETED'::public.task_state, 'FAILED'::public.task_state, 'CANCELLED'::public.task_state])))) EXECUTE FUNCTION public.guard_task();

CREATE TRIGGER publish_audit_events AFTER INSERT ON public.audit_events REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.publish_audit_events();

CREATE TRIGGER sweep_completed_tasks AFTER UPDATE ON public.jobs FOR EACH ROW WHEN (((new.tasks > 1) AND (new.state = ANY (ARRAY['FAILED'::public.job_state, 'CANCELLED'::public.job_state])) AND (old.state <> new.state))) EXECUTE FUNCTION public.sweep_completed_tasks();

CREATE TRIGGER sweep_pieces AFTER UPDATE ON public.jobs FOR EACH ROW WHEN (((new.tasks > 1) AND (new.state = 'COMPLETED'::public.job_state) AND (old.state <> new.state))) EXECUTE FUNCTION public.sweep_pieces();

CREATE TRIGGER write_events_inserted AFTER INSERT ON public.jobs REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.write_job_events();

CREATE TRIGGER write_events_updated AFTER UPDATE ON public.jobs REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.write_job_events();

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.job_logs
    ADD CONSTRAINT job_logs_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.output_files
    ADD CONSTRAINT output_files_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.results
    ADD CONSTRAINT results_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.task_dependencies
    ADD CONSTRAINT task_dependencies_depends_on_fkey FOREIGN KEY (depends_on) REFERENCES public.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.task_dependencies
    ADD CONSTRAINT task_dependencies_task_id_fkey FOREIGN KEY (task_id) REFERENCES public.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.jobs(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
