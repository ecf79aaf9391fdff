-- Bells: each says that something is to be done for a subject. What is to be done stands in the subject's own rows.
CREATE TABLE job (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,     -- '' for the platform's own chores
    kind        TEXT   NOT NULL,
    subject     TEXT   NOT NULL,     -- id of what it is about; with the kind it is unique while waiting
    lane        TEXT   NOT NULL,     -- what must not overlap
    state       TEXT   NOT NULL CHECK (state IN ('ready', 'leased', 'done', 'parked')),
    run_at      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,     -- runs begun since it was last rung
    lease_token TEXT,
    lease_until BIGINT,
    last_error  TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
-- Only waiting jobs fold: a need that arises while its job runs must not be lost.
CREATE UNIQUE INDEX job_waiting ON job (kind, subject) WHERE state = 'ready';
CREATE UNIQUE INDEX job_lane ON job (lane) WHERE state = 'leased';
CREATE INDEX job_due ON job (state, run_at);
CREATE INDEX job_lane_due ON job (lane, state, run_at);
