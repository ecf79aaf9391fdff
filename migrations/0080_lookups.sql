-- Of many who share an address or a number the first by id are looked at: in that order already, or SQLite reads all of the salon's
-- clients by their key instead of those few.
DROP INDEX client_email;
DROP INDEX client_phone;
CREATE INDEX client_email ON client (tenant_id, email, id);
CREATE INDEX client_phone ON client (tenant_id, phone_tail, id);
-- When a salon last said something.
CREATE INDEX outbox_sent ON outbox (tenant_id, sent_at) WHERE sent_at IS NOT NULL;
-- When WhatsApp last said that the client's number has it.
ALTER TABLE chat ADD COLUMN found_at BIGINT;
