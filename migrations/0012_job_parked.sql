-- What waits too long is looked for by time.
CREATE INDEX inbox_waiting_since ON inbox (received_at) WHERE absorbed_at IS NULL;
-- One parked need of a kind for a subject, and found without reading the whole table.
DELETE FROM job WHERE state = 'parked' AND EXISTS (SELECT 1 FROM job AS newer
    WHERE newer.state = 'parked' AND newer.kind = job.kind AND newer.subject = job.subject AND newer.id > job.id);
CREATE UNIQUE INDEX job_parked ON job (kind, subject) WHERE state = 'parked';
