-- Pools: a message says whose workers it is for, and one place says who can run a task.

-- Whether a worker takes tasks of a kind and place (reelmill.jobs.places); one that drains has no slot.
CREATE FUNCTION can_run(worker workers, kind text, place text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT worker.slots > 0 AND kind = ANY (worker.kinds) AND worker.pool = split_part(place, ' ', 1)
        AND worker.labels @> (string_to_array(place, ' '))[2:]
$$;

-- The headers of a task's message: its trace, and its pool where that is not the default. Workers of other pools leave it.
CREATE FUNCTION task_ready_headers(traceparent text, place text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN traceparent = '' THEN '{}' ELSE jsonb_build_object('traceparent', traceparent) END
        || CASE split_part(place, ' ', 1) WHEN 'default' THEN '{}' ELSE jsonb_build_object('pool', split_part(place, ' ', 1)) END
$$;

CREATE OR REPLACE FUNCTION announce_new_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION announce_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (topic, key, value, headers)
    VALUES (task_topic(NEW.priority), NEW.job_id::text, task_ready_message(NEW.id, NEW.job_id),
            task_ready_headers(NEW.traceparent, NEW.place));
    RETURN NULL;
END $$;
