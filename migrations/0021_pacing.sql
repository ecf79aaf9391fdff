-- How a salon's number writes: whom it knows, what it did, what WhatsApp lets it do.

-- Keyed hash of the recipient: whose chat a message belongs to. '' for what an older release planned.
ALTER TABLE outbox ADD COLUMN peer TEXT NOT NULL DEFAULT '';
-- What waits, the nearest visit first; and what is being sent.
CREATE INDEX outbox_waiting ON outbox (tenant_id, deadline_at) WHERE state = 'planned';
CREATE INDEX outbox_sending ON outbox (tenant_id, updated_at) WHERE state = 'sending';

CREATE TABLE chat (
    tenant_id TEXT    NOT NULL REFERENCES tenant (id),
    peer      TEXT    NOT NULL,      -- keyed hash of the client's number
    is_warm   BOOLEAN NOT NULL,      -- the client wrote to the salon, or WhatsApp took a message to them
    tried_at  BIGINT,                -- the last message to them
    begun_at  BIGINT,                -- the last message to them while they were strangers
    PRIMARY KEY (tenant_id, peer)
);
CREATE INDEX chat_begun ON chat (tenant_id, begun_at);

CREATE TABLE pace (
    tenant_id       TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    phone_hash      TEXT   NOT NULL, -- of which number this is the history
    since_at        BIGINT NOT NULL, -- linked, or last restricted by WhatsApp
    last_at         BIGINT,          -- its last message to a client
    busy_until_at   BIGINT NOT NULL, -- when all it sent would have been sent at the hour's rate
    locked_until_at BIGINT,          -- WhatsApp lets it begin no chat before
    locks           BIGINT NOT NULL, -- times it said so since a stranger last took a message
    failures        BIGINT NOT NULL, -- in a row
    failing_since_at BIGINT,
    rests_until_at  BIGINT           -- sending failed too often
);
INSERT INTO pace (tenant_id, phone_hash, since_at, busy_until_at, locks, failures)
    SELECT tenant_id, phone_hash, linked_at, 0, 0, 0 FROM wa_session WHERE linked_at IS NOT NULL;

-- One bell a salon from now on. The salons that have something to send are rung when the next node starts.
DELETE FROM job WHERE kind = 'send_outbox' AND state IN ('ready', 'parked');
