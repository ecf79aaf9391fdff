-- What arrived and is not yet absorbed. A row is committed before its sender gets an answer.
CREATE TABLE inbox (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL REFERENCES tenant (id),
    source      TEXT   NOT NULL CHECK (source IN ('hook', 'lifecycle', 'whatsapp')),
    resource    TEXT   NOT NULL,     -- the CRM's word: record, client, staff, …
    resource_id BIGINT NOT NULL,
    dedup       TEXT   NOT NULL,     -- keyed hash of all the body says
    body        TEXT   NOT NULL,     -- sealed: holds clients' names and numbers
    received_at BIGINT NOT NULL,
    absorbed_at BIGINT,
    outcome     TEXT                 -- what became of it, in one word
);
-- A repeated delivery folds into the one that waits; after absorption the same body is a new fact (A→B→A).
CREATE UNIQUE INDEX inbox_waiting ON inbox (tenant_id, dedup) WHERE absorbed_at IS NULL;
CREATE INDEX inbox_by_resource ON inbox (tenant_id, resource, resource_id, absorbed_at);
CREATE INDEX inbox_old ON inbox (absorbed_at);
