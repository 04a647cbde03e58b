-- Jobs of one task and outputs of few files pay less for those of many: a hundred completions took 8.3 ms of the
-- server instead of 4.6, and 2.0 of these compiled a pattern for each file, 0.7 looked for siblings that can't be.

-- The path of a file in its output: what its URI has behind the attempt's folder and the output's.
CREATE FUNCTION path_in_output(uri text, job_id uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE strpos(uri, job_id::text) WHEN 0 THEN uri
           ELSE regexp_replace(substr(uri, strpos(uri, job_id::text) + 37), '^[^/]*/[^/]*/', '') END
$$;
CREATE INDEX output_files_found ON output_files (job_id, output, path_in_output(uri, job_id));
DROP INDEX output_files_path;

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
