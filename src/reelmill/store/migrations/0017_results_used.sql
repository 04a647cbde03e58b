-- When a later job last asked for a result: what was neither made nor asked for lately goes first where results hold too
-- much. NULL: never.
ALTER TABLE results ADD COLUMN used_time timestamptz;
