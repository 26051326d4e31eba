CREATE TABLE clip_jobs (
    id           TEXT PRIMARY KEY,
    owner        TEXT NOT NULL,
    request      TEXT NOT NULL,
    state        INTEGER NOT NULL,
    created      BIGINT NOT NULL,
    started      BIGINT,
    ended        BIGINT,
    expires      BIGINT,
    lease        TEXT,
    lease_until  BIGINT,
    attempts     INTEGER NOT NULL DEFAULT 0,
    frames_done  BIGINT NOT NULL DEFAULT 0,
    frames_total BIGINT NOT NULL DEFAULT 0,
    result_bytes BIGINT NOT NULL DEFAULT 0,
    note         TEXT,
    error        TEXT
);
CREATE INDEX clip_jobs_state ON clip_jobs (state, created);
CREATE INDEX clip_jobs_owner ON clip_jobs (owner, state);
