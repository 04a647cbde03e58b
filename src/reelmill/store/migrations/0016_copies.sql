-- What a job's tasks made for each other has one way out once the job is COMPLETED: pieces, and copies of inputs, which
-- the task that planned the others made below its own prefix, and told these of (reelmill.worker.copies).
CREATE OR REPLACE FUNCTION sweep_pieces() RETURNS trigger LANGUAGE plpgsql AS $$
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
