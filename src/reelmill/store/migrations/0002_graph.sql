-- Jobs of several tasks: each task has its own phase, error, spec and result, and may spawn others as it ends.
-- Locks are taken in one order everywhere: tasks by id, then jobs by id.

ALTER TABLE jobs
    ADD COLUMN tasks int NOT NULL DEFAULT 1, -- that it ever had
    ADD COLUMN weight real NOT NULL DEFAULT 1, -- of all its tasks
    ADD COLUMN done_weight real NOT NULL DEFAULT 0; -- of those that are COMPLETED
ALTER TABLE tasks
    ADD COLUMN spawned_by uuid, -- the task whose completion made this one; NULL: it came with its job
    ADD COLUMN spec bytea, -- what to do, as its kind has it; NULL: the job's spec says all
    ADD COLUMN result bytea, -- what its completion told, as its kind has it
    ADD COLUMN phase job_phase, -- while RUNNING
    ADD COLUMN error bytea, -- reelmill.v1.JobError of its last attempt that failed
    ADD COLUMN weight real NOT NULL DEFAULT 1, -- its share of the job's work
    ADD COLUMN place text NOT NULL DEFAULT 'default'; -- which workers may take it: see reelmill.jobs.places

-- A claim takes the first of a kind and place, whatever message woke it, and reads nothing that it can't take. It begins
-- where the oldest READY task is: what lies before are entries of tasks that were taken, and while a snapshot is held
-- open nobody removes them.
DROP INDEX tasks_ready;
CREATE INDEX tasks_claimable ON tasks (kind, place, priority DESC, ready_time) WHERE state = 'READY';
-- No lease has a READY task: said here, for a claim doesn't, so that no plan takes this index for it.
CREATE INDEX tasks_ready ON tasks (ready_time) WHERE state = 'READY' AND lease_until IS NULL;

-- Who works, as they told with their heartbeats.
CREATE TABLE workers (
    owner text PRIMARY KEY, -- of their leases
    version text NOT NULL, -- of Reelmill
    kinds text[] NOT NULL, -- of tasks that it can run
    pool text NOT NULL,
    labels text[] NOT NULL,
    slots int NOT NULL,
    running int NOT NULL, -- tasks
    start_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is written only once every process is of a release that knows it.
CREATE TABLE switches (
    name text PRIMARY KEY,
    is_on boolean NOT NULL,
    about text NOT NULL
);
INSERT INTO switches VALUES ('graphs', false, 'jobs of several tasks: on once every worker is of a release that knows kinds');

-- Where an attempt writes. Nobody else makes this name.
CREATE FUNCTION attempt_prefix(output_prefix text, task_id uuid, spawned_by uuid, fence bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT output_prefix || CASE WHEN spawned_by IS NULL THEN '' ELSE task_id || '-' END || fence || '/'
$$;

-- Whether a job stays PROCESSING though one of its tasks goes back: another runs, or something is done already. Asked
-- where the job's row is written: of two tasks that go back at once the second, which waits there, sees the first.
CREATE FUNCTION is_under_way(job uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM tasks WHERE job_id = job AND state IN ('RUNNING', 'COMPLETED'));
END $$;

-- The attempt that a job shows: the highest of its tasks'.
CREATE FUNCTION job_attempt(job uuid) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN (SELECT max(attempt) FROM tasks WHERE job_id = job);
END $$;

CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF (NEW.state IN ('COMPLETED', 'FAILED', 'CANCELLED') OR (OLD.cancel_time IS NULL AND NEW.cancel_time IS NOT NULL))
       AND EXISTS (SELECT FROM tasks WHERE job_id = NEW.id AND NOT cancel_requested
                   AND state IN ('WAITING', 'DELAYED', 'READY', 'RUNNING')) THEN
        RAISE EXCEPTION 'job %: a task was spawned meanwhile', OLD.id USING ERRCODE = '40001';
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;

-- What a task waits for was spawned with it: an older one might end in this moment, and nobody would wake it. And it
-- has the smaller id, so that no cycle can be, and who locks in the order of ids locks what is waited for first.
CREATE FUNCTION guard_dependency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added a JOIN tasks t ON t.id = a.task_id JOIN tasks d ON d.id = a.depends_on
        WHERE a.depends_on >= a.task_id OR t.spawned_by IS NULL OR t.spawned_by IS DISTINCT FROM d.spawned_by
    ) THEN
        RAISE EXCEPTION 'a task depends on what was spawned with it, and before' USING ERRCODE = 'RM004';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER guard_dependency AFTER INSERT ON task_dependencies REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION guard_dependency();

CREATE OR REPLACE FUNCTION announce_new_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added WHERE spawned_by IS NOT NULL)
       AND NOT (SELECT is_on FROM switches WHERE name = 'graphs') THEN
        RAISE EXCEPTION 'a worker of an older release may still run: `reelmill migrate --graphs on` says that none does'
            USING ERRCODE = 'RM005';
    END IF;
    INSERT INTO outbox (topic, key, value, headers)
    SELECT task_topic(priority), job_id::text, task_ready_message(id, job_id),
           CASE WHEN traceparent = '' THEN '{}' ELSE jsonb_build_object('traceparent', traceparent) END
    FROM added WHERE state = 'READY' ORDER BY priority DESC, id;
    RETURN NULL;
END $$;

-- A job of several tasks that ends without a success leaves what its COMPLETED tasks wrote; each other attempt's folder
-- goes with its own end.
CREATE FUNCTION sweep_completed_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(NEW.output_prefix, id, spawned_by, fence), clock_timestamp()
    FROM tasks WHERE job_id = NEW.id AND state = 'COMPLETED' ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER sweep_completed_tasks AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (NEW.tasks > 1 AND NEW.state IN ('FAILED', 'CANCELLED') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION sweep_completed_tasks();
