ALTER TABLE clip_jobs ADD COLUMN result TEXT;
ALTER TABLE clip_jobs ADD COLUMN calling_until BIGINT;
CREATE TABLE clip_files (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   TEXT NOT NULL
);
