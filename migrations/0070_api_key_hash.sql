-- A salon's program may say its key and nothing else: then the key says which salon it is.
ALTER TABLE tenant ADD COLUMN api_key_hash TEXT NOT NULL DEFAULT '';  -- SHA-256 of it, made when it is first looked for
CREATE INDEX tenant_api_key ON tenant (api_key_hash);
CREATE INDEX tenant_api_key_unhashed ON tenant (id) WHERE api_key <> '' AND api_key_hash = '';
