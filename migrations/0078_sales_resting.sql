-- +goose Up
-- When an event's sale was paused or taken back: orders of before may still be on their
-- way, so what money it takes may change only a while later. NULL: it never was on sale,
-- or rested before this was noted.
ALTER TABLE sales.event ADD COLUMN resting_since timestamptz;

-- +goose Down
ALTER TABLE sales.event DROP COLUMN resting_since;
