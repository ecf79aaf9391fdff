-- People who use our pages: who they are, the browsers they are signed in with, and the guesses somebody made at their passwords.

-- The platform's own data key, sealed by the master key: logins belong to no company's key, for an operator has no company.
-- One row. Looked-up hashes are made under it, so they outlive a change of the master key.
CREATE TABLE platform (
    id         TEXT   NOT NULL PRIMARY KEY CHECK (id = 'platform'),
    data_key   TEXT   NOT NULL,      -- sealed
    created_at BIGINT NOT NULL
);

CREATE TABLE login (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL,   -- '' for operators, who see all companies
    role          TEXT   NOT NULL CHECK (role IN ('operator', 'owner', 'receptionist')),
    email         TEXT   NOT NULL,   -- sealed
    email_hash    TEXT   NOT NULL,   -- keyed hash: how a login is found
    name          TEXT   NOT NULL,   -- sealed
    password      TEXT   NOT NULL,   -- argon2id; '' until an invitation was taken up
    totp          TEXT   NOT NULL,   -- sealed secret of the phone's codes; '' for none
    totp_step     BIGINT NOT NULL,   -- the step of the last code that was taken: no code is good twice
    invitation    TEXT   NOT NULL,   -- hash of the one link that sets a password; '' for none
    invited_until BIGINT,
    off_at        BIGINT,            -- switched off since then
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    seen_at       BIGINT,            -- last seen on a page
    CHECK ((role = 'operator') = (tenant_id = ''))
);
CREATE UNIQUE INDEX login_email ON login (email_hash);
CREATE UNIQUE INDEX login_invitation ON login (invitation) WHERE invitation <> '';
CREATE INDEX login_of_tenant ON login (tenant_id, id);

-- A browser that is signed in. The cookie holds the token, we hold its hash.
CREATE TABLE sitting (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,      -- its login's
    login_id   TEXT   NOT NULL REFERENCES login (id),
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL       -- moved every few minutes, not with each page
);
CREATE INDEX sitting_of_login ON sitting (tenant_id, login_id);
CREATE INDEX sitting_old ON sitting (seen_at);

-- Wrong passwords and codes, by login and by address. A login nobody has is counted like one that is there.
CREATE TABLE guess (
    id             TEXT   NOT NULL PRIMARY KEY,   -- keyed hash of what is guessed at, or from where
    failures       BIGINT NOT NULL,               -- in a row
    last_at        BIGINT NOT NULL,
    rests_until_at BIGINT NOT NULL                -- before then nothing is looked at
);
CREATE INDEX guess_old ON guess (last_at);

-- Operators turn the pages of all companies by name.
CREATE INDEX tenant_title ON tenant (title, id);
