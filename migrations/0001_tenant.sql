-- Who uses us: one row per salon that ever opened the installation page.
CREATE TABLE tenant (
    id                 TEXT    NOT NULL PRIMARY KEY,  -- tnt_…; the `company_id` of our API
    salon_id           BIGINT  NOT NULL UNIQUE,       -- the CRM's id of the salon
    state              TEXT    NOT NULL CHECK (state IN
        ('pending_whatsapp', 'whatsapp_connected', 'configuring', 'active', 'frozen', 'uninstalled')),
    title              TEXT    NOT NULL,              -- as the salon calls itself in the CRM
    address            TEXT    NOT NULL,
    timezone           TEXT    NOT NULL,              -- IANA name, from the CRM
    locale             TEXT    NOT NULL CHECK (locale IN ('ru', 'en')),
    data_key           TEXT    NOT NULL,              -- sealed under the master key; '' once destroyed
    api_key            TEXT    NOT NULL,              -- sealed under the data key
    hook_key           TEXT    NOT NULL,              -- sealed under the data key: the secret part of the webhook address
    hook_key_hash      TEXT    NOT NULL UNIQUE,       -- SHA-256 of it, to find the salon by an address
    owner              TEXT    NOT NULL,              -- sealed JSON: who pressed Connect; '' when the CRM did not say
    created_at         BIGINT  NOT NULL,
    updated_at         BIGINT  NOT NULL,
    state_since_at     BIGINT  NOT NULL,
    activated_at       BIGINT,
    number_confirmed_at BIGINT,                       -- the owner said: yes, this is the number clients write to
    checked_at         BIGINT                         -- last status read from the marketplace
);
CREATE INDEX tenant_state ON tenant (state, checked_at);
