-- Pieces of videos are files that only their job's own tasks read: once it is COMPLETED, nobody. (Where it is not, all
-- that its tasks made goes: 0002.)
CREATE FUNCTION sweep_pieces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO storage_deletions (uri, not_before)
    SELECT attempt_prefix(NEW.output_prefix, id, spawned_by, fence), clock_timestamp()
    FROM tasks WHERE job_id = NEW.id AND state = 'COMPLETED' AND kind = 'make_piece' ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER sweep_pieces AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (NEW.tasks > 1 AND NEW.state = 'COMPLETED' AND OLD.state <> NEW.state)
    EXECUTE FUNCTION sweep_pieces();
