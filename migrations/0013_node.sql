-- Several processes on one database: who is alive, and who runs which salon's WhatsApp session.

-- A process of ours. It moves `beat` once a second; whoever sees it stand still for long enough removes the row, and with it all
-- that the process held. No clock of one machine is compared with another's.
CREATE TABLE node (
    id        TEXT   NOT NULL PRIMARY KEY,
    beat      BIGINT NOT NULL,
    sessions  BIGINT NOT NULL,     -- how many it runs: new ones go to whoever has fewer
    joined_at BIGINT NOT NULL
);

-- Who runs a salon's session. Held by a node that is not there any more it is free.
CREATE TABLE session_lease (
    tenant_id TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    node      TEXT   NOT NULL,     -- '' for nobody
    epoch     BIGINT NOT NULL      -- grows with each change of hands; every write of keys and every send names it
);

-- A linking under way, for pages that another node serves.
CREATE TABLE pairing (
    tenant_id  TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    node       TEXT   NOT NULL,    -- who wrote it: most steps are worth nothing without their process
    shown      TEXT   NOT NULL,    -- sealed; '' for nothing
    asked      TEXT   NOT NULL,    -- sealed: what a page asked of the session's node; '' for nothing
    changed_at BIGINT NOT NULL
);

-- Who runs a job: a lease of a node that is gone is taken back at once.
ALTER TABLE job ADD COLUMN node TEXT NOT NULL DEFAULT '';
