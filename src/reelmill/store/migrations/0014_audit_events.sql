-- What is written to the audit log goes out on the topic of events too, as what happens to jobs does.

CREATE FUNCTION publish_audit_events() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER publish_audit_events AFTER INSERT ON audit_events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION publish_audit_events();
