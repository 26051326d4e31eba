ALTER TABLE clip_jobs ADD COLUMN notes TEXT;
CREATE TABLE clip_owners (
    owner    TEXT PRIMARY KEY,
    started  BIGINT NOT NULL
);
INSERT INTO clip_owners (owner, started) SELECT owner, MAX(started) FROM clip_jobs WHERE started IS NOT NULL GROUP BY owner;
