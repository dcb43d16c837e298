-- +goose Up
-- What pricing last said of a category's price going up, so that it is said again only
-- when it is news, and taken back when it is no longer so.
CREATE TABLE pricing.rise (
    category    uuid             PRIMARY KEY,
    event       uuid             NOT NULL,
    price_minor bigint           NOT NULL,
    chance      double precision NOT NULL CHECK (chance >= 0 AND chance <= 1),   -- 0: nothing is said
    until       timestamptz      NOT NULL,
    at          timestamptz      NOT NULL
);
CREATE INDEX ON pricing.rise (event) WHERE chance > 0;

-- +goose Down
DROP TABLE pricing.rise;
