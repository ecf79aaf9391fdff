-- Clients of a salon on our pages: codes they sign in with, browsers and programs they are signed in on, how often they may ask,
-- and where the salon's booking form is.

-- What somebody asked for with a number. One row a number, whether a client of the salon has it or not: both look the same.
CREATE TABLE sign_in (
    tenant_id   TEXT   NOT NULL REFERENCES tenant (id),
    phone       TEXT   NOT NULL,   -- keyed hash of the number's last ten digits, as in `client`
    body        TEXT   NOT NULL,   -- sealed: the number as it was given
    code        TEXT,              -- keyed hash; NULL until it was looked up whose the number is, '' for nobody's or a used one
    client_id   TEXT,              -- whom the code was sent to
    tries       BIGINT NOT NULL,   -- counted before a code is looked at
    asked_at    BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,   -- from then on no code is taken
    PRIMARY KEY (tenant_id, phone)
);
CREATE INDEX sign_in_old ON sign_in (asked_at);

-- A browser or a program on which a client is signed in. They hold the token, we hold its hash.
CREATE TABLE client_sitting (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant_id  TEXT   NOT NULL REFERENCES tenant (id),
    client_id  TEXT   NOT NULL,
    phone      TEXT   NOT NULL,    -- keyed hash of the number the code went to: with another number it is over
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL     -- moved every few minutes, not with each page
);
CREATE INDEX client_sitting_of ON client_sitting (tenant_id, client_id);
CREATE INDEX client_sitting_old ON client_sitting (seen_at);

-- How often something was asked for: by number, by network address, in a salon.
CREATE TABLE allowance (
    id       TEXT   NOT NULL PRIMARY KEY,   -- keyed hash of what is counted
    began_at BIGINT NOT NULL,               -- of the hour that is counted
    used     BIGINT NOT NULL,
    last_at  BIGINT NOT NULL
);
CREATE INDEX allowance_old ON allowance (last_at);

-- Where a salon's clients book: the address of its form in the CRM, kept for a while.
CREATE TABLE booking_form (
    tenant_id TEXT   NOT NULL PRIMARY KEY REFERENCES tenant (id),
    url       TEXT   NOT NULL,   -- '' where the salon has no form
    read_at   BIGINT NOT NULL,   -- 0 until it was read
    failed_at BIGINT NOT NULL    -- when the CRM did not answer last; 0 once it did
);
