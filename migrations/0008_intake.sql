-- The way of a hook into the inbox, made short: every index is a page more to write for every hook.

-- No reference to the tenant: to hold it, PostgreSQL locks the tenant's row for every hook. The address names the tenant.
CREATE TABLE inbox_short (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant_id   TEXT   NOT NULL,
    source      TEXT   NOT NULL CHECK (source IN ('hook', 'lifecycle', 'whatsapp')),
    resource    TEXT   NOT NULL,     -- the CRM's word: record, client, staff, …
    resource_id BIGINT NOT NULL,
    dedup       TEXT   NOT NULL,     -- hash of all the body says
    body        TEXT   NOT NULL,     -- packed and sealed: holds clients' names and numbers
    received_at BIGINT NOT NULL,
    absorbed_at BIGINT,
    outcome     TEXT                 -- what became of it, in one word
);
INSERT INTO inbox_short (id, tenant_id, source, resource, resource_id, dedup, body, received_at, absorbed_at, outcome)
SELECT id, tenant_id, source, resource, resource_id, dedup, body, received_at, absorbed_at, outcome FROM inbox;
DROP TABLE inbox;
ALTER TABLE inbox_short RENAME TO inbox;
-- A repeated delivery folds into the one that waits; after absorption the same body is a new fact (A→B→A).
-- It is also how what waits for a resource is found: hooks of one salon lie together, and only what waits is in it.
CREATE UNIQUE INDEX inbox_waiting ON inbox (tenant_id, resource, resource_id, dedup) WHERE absorbed_at IS NULL;
CREATE INDEX inbox_old ON inbox (absorbed_at) WHERE absorbed_at IS NOT NULL;

-- Only what waits is looked for by time, and each kind for itself.
DROP INDEX job_due;
DROP INDEX job_lane_due;
CREATE INDEX job_due ON job (kind, run_at) WHERE state = 'ready';
-- A job whose lane is its own subject is alone in it: nothing stands before it there.
CREATE INDEX job_lane_due ON job (lane, run_at, id) WHERE state = 'ready' AND lane <> subject;
