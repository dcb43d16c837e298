-- +goose Up
-- What became of a model's forecasts where that changed what is served: a model that
-- took the place of a worse one, or whose place the share of past events took.
ALTER TABLE analytics.model ADD COLUMN live jsonb;

-- How glad posts about an imported event were, day by day, -1 to 1; {}: not known.
ALTER TABLE analytics.past_event ADD COLUMN sentiment float8[] NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE analytics.past_event DROP COLUMN sentiment;
ALTER TABLE analytics.model DROP COLUMN live;
