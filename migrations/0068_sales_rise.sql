-- +goose Up
-- What pricing says of prices likely to rise: shown while the price is the one it was
-- said of, and not longer than it is good for.
CREATE TABLE sales.price_rise (
    category    uuid             PRIMARY KEY REFERENCES sales.category ON DELETE CASCADE,
    event       uuid             NOT NULL,
    price_minor bigint           NOT NULL,
    chance      double precision NOT NULL,
    until       timestamptz      NOT NULL,
    good_until  timestamptz      NOT NULL
);
CREATE INDEX ON sales.price_rise (event);

-- +goose Down
DROP TABLE sales.price_rise;
