-- What a salon calls the groups of its services. Switched off, never deleted: services that are off still name them.
CREATE TABLE service_category (
    tenant_id   TEXT    NOT NULL REFERENCES tenant (id),
    category_id BIGINT  NOT NULL,
    title       TEXT    NOT NULL,
    active      BOOLEAN NOT NULL,
    synced_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, category_id)
);
