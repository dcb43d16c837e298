-- +goose Up
-- Until when a hold's price is promised, once a payment has made it last for longer or
-- shorter: a quote says no later moment, however often it is asked for. NULL: expires_at.
ALTER TABLE sales.hold ADD COLUMN promised_until timestamptz;

-- +goose Down
ALTER TABLE sales.hold DROP COLUMN promised_until;
