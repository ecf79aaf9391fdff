-- From then on "not installed" is believed; NULL while the salon is known to be installed.
ALTER TABLE tenant ADD COLUMN gone_at BIGINT;
-- Hash of the webhook key before this one: its address is good until the first hook comes to the new one. '' when there is none.
ALTER TABLE tenant ADD COLUMN hook_key_before TEXT NOT NULL DEFAULT '';
CREATE INDEX tenant_hook_key_before ON tenant (hook_key_before) WHERE hook_key_before <> '';
