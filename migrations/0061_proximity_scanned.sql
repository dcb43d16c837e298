-- Who came in by scanned tickets, as sales tells: with the app's share of them queues and
-- heat maps are scaled.
-- +goose Up
ALTER TABLE proximity.event ADD COLUMN scanned integer NOT NULL DEFAULT 0 CHECK (scanned >= 0);

-- +goose Down
ALTER TABLE proximity.event DROP COLUMN scanned;
