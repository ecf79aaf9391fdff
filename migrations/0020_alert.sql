-- What the operator has to hear of: written with the fact itself, told over a channel that is not WhatsApp.
CREATE TABLE alert (
    id           TEXT   NOT NULL PRIMARY KEY,
    tenant_id    TEXT   NOT NULL,     -- '' for the platform's own
    kind         TEXT   NOT NULL,
    fact         TEXT   NOT NULL,     -- which one: a fact is told once
    detail       TEXT   NOT NULL,     -- never a number, a name or a text of a client
    created_at   BIGINT NOT NULL,
    told_at      BIGINT               -- null while it is still to be told
);
CREATE UNIQUE INDEX alert_fact ON alert (tenant_id, fact);
CREATE INDEX alert_recent ON alert (tenant_id, created_at);
