-- The salon's books: of every record its state, price, length and client; the clients themselves; and their bonuses.

ALTER TABLE record ADD COLUMN status TEXT NOT NULL DEFAULT '';     -- pending, confirmed, completed, cancelled, no_show; '' until it was kept
ALTER TABLE record ADD COLUMN price BIGINT;                        -- minor units; unknown where the journal says none that can be read
ALTER TABLE record ADD COLUMN minutes BIGINT;
ALTER TABLE record ADD COLUMN client_id TEXT;                      -- whose it is
ALTER TABLE record ADD COLUMN matched TEXT NOT NULL DEFAULT '';    -- domain::matching::Reason: why theirs, or why nobody's
ALTER TABLE record ADD COLUMN candidates TEXT NOT NULL DEFAULT ''; -- who it may be, with spaces between; a person is to say
ALTER TABLE record ADD COLUMN card_id BIGINT;                      -- the client's card in the CRM it hung on when it was kept
ALTER TABLE record ADD COLUMN cancelled_at BIGINT;                 -- the CRM's time of the deletion, as we first learnt of it
ALTER TABLE record ADD COLUMN raw TEXT NOT NULL DEFAULT '';        -- packed and sealed: the last payload that said the whole record
-- Whoever writes a record sets this and rings keep_books; what is there already is due too.
ALTER TABLE record ADD COLUMN books_due BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX record_books_due ON record (tenant_id, record_id) WHERE books_due;
CREATE INDEX record_unmatched ON record (tenant_id, record_id) WHERE matched IN ('ambiguous', 'no_contact');
CREATE INDEX record_of_client ON record (tenant_id, client_id, starts_at);

CREATE TABLE client (
    tenant_id  TEXT   NOT NULL REFERENCES tenant (id),
    id         TEXT   NOT NULL,
    card_id    BIGINT,               -- the client's card in the CRM
    -- Keyed hashes: they say nothing to whoever has not the salon's key.
    code       TEXT,
    email      TEXT,                 -- trimmed, in lower case
    phone      TEXT,                 -- all its digits
    phone_tail TEXT,                 -- the last ten; the same hash as `phone` where there are no more
    body       TEXT   NOT NULL,      -- sealed JSON: domain::client::Card
    gone_at    BIGINT,               -- the card was deleted in the CRM
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX client_code ON client (tenant_id, code);
CREATE UNIQUE INDEX client_card ON client (tenant_id, card_id);
CREATE INDEX client_email ON client (tenant_id, email);
CREATE INDEX client_phone ON client (tenant_id, phone_tail);

-- Beginnings of a client's names, hashed: names are sealed, and a desk types three letters.
CREATE TABLE client_word (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    word      TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, word, client_id)
);
CREATE INDEX client_word_of ON client_word (tenant_id, client_id);

-- Double entry: the lines of each posting sum to zero, and a balance is the sum of an account's lines.
CREATE TABLE ledger_posting (
    tenant_id     TEXT   NOT NULL REFERENCES tenant (id),
    id            TEXT   NOT NULL,
    key           TEXT   NOT NULL,   -- what it is the posting of: the same is never posted twice
    kind          TEXT   NOT NULL CHECK (kind IN ('accrue', 'reverse', 'spend', 'refund', 'expire')),
    client_id     TEXT   NOT NULL,
    record_id     BIGINT,
    rate          BIGINT,            -- hundredths of a percent an accrual was reckoned by
    balance_after BIGINT,            -- what whoever spent was told, to be told again
    posted_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX ledger_posting_key ON ledger_posting (tenant_id, key);
CREATE INDEX ledger_posting_client ON ledger_posting (tenant_id, client_id, id);
CREATE INDEX ledger_posting_record ON ledger_posting (tenant_id, record_id);

CREATE TABLE ledger_line (
    tenant_id  TEXT   NOT NULL REFERENCES tenant (id),
    posting_id TEXT   NOT NULL,
    account    TEXT   NOT NULL,      -- client:<id>, programme, spent, expired
    amount     BIGINT NOT NULL,      -- minor units
    PRIMARY KEY (tenant_id, posting_id, account)
);
CREATE INDEX ledger_line_account ON ledger_line (tenant_id, account, amount);
