-- +goose Up
-- When a credential was stored, which is how old its key is: a pause changes updated_at.
ALTER TABLE hub.credential ADD COLUMN stored_at timestamptz;
UPDATE hub.credential SET stored_at = updated_at;
ALTER TABLE hub.credential ALTER COLUMN stored_at SET NOT NULL;
