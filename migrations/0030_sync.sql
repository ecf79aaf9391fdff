-- Each time the journal or the catalogue is read as a whole, beside the hooks: how far it came, what came of it, and, while it
-- lasts, where to go on.
CREATE TABLE sync_run (
    id          TEXT    NOT NULL PRIMARY KEY,  -- syn_…
    tenant_id   TEXT    NOT NULL REFERENCES tenant (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('records', 'catalog')),
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    by_hand     BOOLEAN NOT NULL,              -- somebody asked for it; otherwise its time had come
    scope       TEXT    NOT NULL,              -- JSON: which part of the journal is read; '' until it has begun
    place       TEXT    NOT NULL,              -- JSON: how far it was read; '' at the beginning
    page        BIGINT  NOT NULL,              -- pages written so far; two who write one page are told apart by it
    created     BIGINT  NOT NULL,
    updated     BIGINT  NOT NULL,
    unchanged   BIGINT  NOT NULL,
    cancelled   BIGINT  NOT NULL,
    healed      BIGINT  NOT NULL,              -- of these, what a hook should have brought
    skipped     BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    skips       TEXT    NOT NULL,              -- JSON: why so many were skipped
    own_ms      BIGINT  NOT NULL,              -- our own time for it, without waiting for YClients
    attempts    BIGINT  NOT NULL,              -- times it was broken off by bad weather
    error       TEXT    NOT NULL,              -- a key: what broke it off last; '' for nothing
    asked_at    BIGINT  NOT NULL,
    began_at    BIGINT,                        -- the next one asks for what changed since then
    moved_at    BIGINT  NOT NULL,              -- when its last page was written
    finished_at BIGINT
);
-- One at a time.
CREATE UNIQUE INDEX sync_open ON sync_run (tenant_id, kind) WHERE finished_at IS NULL;
CREATE INDEX sync_log ON sync_run (tenant_id, id);

-- A record that the sync found is read as if a hook had brought it, and told from one. A column of its own: what `source` may say
-- cannot be changed on SQLite without writing the whole table anew.
ALTER TABLE inbox ADD COLUMN by_sync BOOLEAN NOT NULL DEFAULT FALSE;
