-- What waits goes by the visit it is about to change, and one bad number keeps nobody else from their message.

-- A move away from today is worth most today: the nearer of the two visits. 0 for what an older release planned: it goes first.
ALTER TABLE outbox ADD COLUMN nearest_at BIGINT NOT NULL DEFAULT 0;
UPDATE outbox SET nearest_at = deadline_at WHERE state = 'planned';
CREATE INDEX outbox_nearest ON outbox (tenant_id, nearest_at) WHERE state = 'planned';

-- How often sending came to rest since a message was last taken: each rest is longer than the one before.
ALTER TABLE pace ADD COLUMN rests BIGINT NOT NULL DEFAULT 0;
