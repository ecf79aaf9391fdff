-- A salon's linked WhatsApp device, as people see it.
CREATE TABLE wa_session (
    tenant_id   TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    state       TEXT   NOT NULL CHECK (state IN
        ('unpaired', 'pairing', 'online', 'offline', 'logged_out', 'replaced', 'banned', 'outdated', 'halted')),
    phone       TEXT   NOT NULL,      -- sealed; '' until linked
    phone_hash  TEXT   NOT NULL,      -- keyed hash under the platform's key: does the number serve another salon?
    name        TEXT   NOT NULL,      -- the account's own name
    reason      TEXT   NOT NULL,      -- what WhatsApp said, for the operator
    until_at    BIGINT,               -- end of a ban, where WhatsApp names one
    linked_at   BIGINT,
    changed_at  BIGINT NOT NULL
);
CREATE INDEX wa_session_phone ON wa_session (phone_hash);
-- What the WhatsApp library keeps: keys, sessions, devices. Every value sealed, every lookup key a keyed hash.
CREATE TABLE wa_value (
    tenant_id TEXT   NOT NULL REFERENCES tenant (id),
    kind      TEXT   NOT NULL,
    key_hash  TEXT   NOT NULL,
    grp       TEXT   NOT NULL,        -- keyed hash of what several keys share (a person's devices, a chat); '' for none
    n         BIGINT NOT NULL,        -- the one number that is asked for in the clear: a pre-key id, an instant
    m         BIGINT NOT NULL,        -- a second one: uploaded flag, expiry
    value     TEXT   NOT NULL,        -- sealed
    PRIMARY KEY (tenant_id, kind, key_hash)
);
CREATE INDEX wa_value_number ON wa_value (tenant_id, kind, n);
CREATE INDEX wa_value_group ON wa_value (tenant_id, kind, grp);
