-- What work took, to tell what other work will take: one row for each kind, however much was done. It names no tenant and
-- no job.

CREATE TABLE measurements (
    operation text NOT NULL,
    codec text NOT NULL,
    effort text NOT NULL,
    measure text NOT NULL, -- cpu, wall or bytes
    build text NOT NULL, -- ffmpeg's version
    bins real[] NOT NULL, -- how many were so many times what is reckoned, by eighths of an octave; older ones weigh less
    update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (operation, codec, effort, measure, build)
);
