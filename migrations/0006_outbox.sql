-- What we intend to say: the business fact. Jobs only ring for it.
CREATE TABLE outbox (
    id           TEXT   NOT NULL PRIMARY KEY,
    tenant_id    TEXT   NOT NULL REFERENCES tenant (id),
    intent       TEXT   NOT NULL,     -- what it is about and which version of it: one effect per intent
    kind         TEXT   NOT NULL,     -- confirmation, change, cancel, welcome, trial
    record_id    BIGINT,
    recipient    TEXT   NOT NULL,     -- sealed phone number
    text         TEXT   NOT NULL,     -- sealed
    told         TEXT   NOT NULL,     -- sealed JSON of what the client will know once it is sent; '' for none
    told_before  TEXT   NOT NULL,     -- sealed as the record's own `told`: taken back with an attempt that failed
    message_id   TEXT   NOT NULL,     -- WhatsApp's id, fixed before the first attempt
    state        TEXT   NOT NULL CHECK (state IN
        ('planned', 'sending', 'sent', 'failed', 'cancelled', 'expired', 'uncertain')),
    ticks        TEXT   NOT NULL CHECK (ticks IN ('none', 'server', 'delivered', 'read')),
    reason       TEXT   NOT NULL,     -- why it stands where it stands; '' while nothing is to be said
    not_before_at BIGINT NOT NULL,
    deadline_at  BIGINT NOT NULL,     -- later it is worse than silence
    attempts     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    sent_at      BIGINT,
    delivered_at BIGINT,
    read_at      BIGINT
);
CREATE UNIQUE INDEX outbox_intent ON outbox (tenant_id, intent);
CREATE UNIQUE INDEX outbox_message ON outbox (tenant_id, message_id);
CREATE INDEX outbox_of_record ON outbox (tenant_id, record_id, state);
CREATE INDEX outbox_recent ON outbox (tenant_id, created_at);
