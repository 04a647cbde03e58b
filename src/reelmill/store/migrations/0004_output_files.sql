-- A file is found by its path in its output (`find_file`), however many the output has: a set of segments is
-- asked for one by one. The path is what its URI has behind the attempt's folder and the output's.
CREATE INDEX output_files_path
    ON output_files (job_id, output, regexp_replace(uri, '^.*?' || job_id::text || '-[^/]*/[^/]*/', ''));
