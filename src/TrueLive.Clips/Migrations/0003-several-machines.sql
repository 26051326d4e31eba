ALTER TABLE clip_jobs ADD COLUMN result TEXT;
ALTER TABLE clip_jobs ADD COLUMN calling_until BIGINT;
ALTER TABLE clip_jobs ADD COLUMN leases BIGINT NOT NULL DEFAULT 0;
CREATE TABLE clip_files (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   TEXT NOT NULL
);
