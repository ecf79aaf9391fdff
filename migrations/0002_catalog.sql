-- What the salon offers, copied from the CRM. Rows are switched off, never deleted: old records still name them.
CREATE TABLE service (
    tenant_id   TEXT    NOT NULL REFERENCES tenant (id),
    service_id  BIGINT  NOT NULL,
    title       TEXT    NOT NULL,
    category_id BIGINT,
    price_min   BIGINT  NOT NULL,   -- minor units
    price_max   BIGINT  NOT NULL,   -- minor units
    length_s    BIGINT,             -- seconds, where the CRM says
    active      BOOLEAN NOT NULL,
    synced_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, service_id)
);
CREATE TABLE staff (
    tenant_id      TEXT    NOT NULL REFERENCES tenant (id),
    staff_id       BIGINT  NOT NULL,
    name           TEXT    NOT NULL,
    specialization TEXT    NOT NULL,
    active         BOOLEAN NOT NULL,
    synced_at      BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, staff_id)
);
CREATE TABLE schedule (
    tenant_id TEXT   NOT NULL REFERENCES tenant (id),
    staff_id  BIGINT NOT NULL,
    day       TEXT   NOT NULL,      -- YYYY-MM-DD, salon local
    slots     TEXT   NOT NULL,      -- JSON: [{"from":"10:00","to":"14:00"}]
    synced_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, staff_id, day)
);
-- How far each part of the first sync came: what the connect page shows as three bars.
CREATE TABLE sync_progress (
    tenant_id   TEXT   NOT NULL REFERENCES tenant (id),
    part        TEXT   NOT NULL CHECK (part IN ('services', 'staff', 'schedule')),
    done        BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (tenant_id, part)
);
