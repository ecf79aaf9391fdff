-- Whether the CRM's own settings still send a salon's hooks to us, as it was last seen.
CREATE TABLE hook_check (
    tenant_id  TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    outcome    TEXT   NOT NULL CHECK (outcome IN ('right', 'repaired', 'full', 'forbidden', 'unknown')),
    checked_at BIGINT NOT NULL
);
