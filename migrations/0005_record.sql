-- The journal as we know it, and what each client was last told of it.
CREATE TABLE record (
    tenant_id     TEXT    NOT NULL REFERENCES tenant (id),
    record_id     BIGINT  NOT NULL,
    starts_at     BIGINT,             -- unknown until a whole payload or a read says it
    deleted       BOOLEAN NOT NULL,
    changed_at    BIGINT  NOT NULL,   -- the CRM's last change we have seen; order of truth
    body          TEXT    NOT NULL,   -- sealed JSON: domain::record::Record
    told          TEXT    NOT NULL,   -- sealed JSON: domain::planner::Told; '' when nothing was told
    told_revision BIGINT  NOT NULL,   -- how many things the client was told; the outbox counts on it
    updated_at    BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, record_id)
);
CREATE INDEX record_upcoming ON record (tenant_id, starts_at);
-- Why something was sent, or was not.
CREATE TABLE decision (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant_id  TEXT   NOT NULL REFERENCES tenant (id),
    record_id  BIGINT,
    verb       TEXT   NOT NULL,       -- planned, silent, withdrawn, sent, failed, dropped, …
    reason     TEXT   NOT NULL,       -- a key: past_visit, no_phone, attendance_only, …
    outbox_id  TEXT,
    decided_at BIGINT NOT NULL
);
CREATE INDEX decision_of_record ON decision (tenant_id, record_id, decided_at);
