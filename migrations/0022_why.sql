-- "Why was this sent, or not?": one record's hooks, and one salon's messages of a state, are found without reading the rest.

-- Written when a hook is absorbed, not when it arrives: what waits is found by inbox_waiting.
CREATE INDEX inbox_of_resource ON inbox (tenant_id, resource, resource_id, received_at) WHERE absorbed_at IS NOT NULL;
-- Ids grow with time, so this is also the order of the pages a person turns.
CREATE INDEX outbox_of_state ON outbox (tenant_id, state, id);
