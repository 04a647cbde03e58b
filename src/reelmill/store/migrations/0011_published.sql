-- Jobs that publish each output as it is done, and not all together.

-- Names of the outputs that are visible before the job has ended; NULL where all become so together.
ALTER TABLE jobs ADD COLUMN published text[];
-- The same, after the event; NULL there too.
ALTER TABLE job_events ADD COLUMN published text[];

CREATE OR REPLACE FUNCTION write_job_events() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- Of a job that ends without a success all that its tasks made goes, but for what it has published: those files stay
-- until its retention.
CREATE OR REPLACE FUNCTION sweep_completed_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
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
