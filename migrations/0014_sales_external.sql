-- +goose Up
-- Events that a shop of somebody else's sells: how that shop names them and their
-- categories in sale.completed. '': Usher sells it.
ALTER TABLE sales.event ADD COLUMN shop text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX event_shop ON sales.event (shop) WHERE shop <> '';
ALTER TABLE sales.category ADD COLUMN shop_name text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX category_shop_name ON sales.category (event, shop_name) WHERE shop_name <> '';

-- What was sold elsewhere, by day on the venue's clock.
CREATE TABLE sales.external_day (
    category     uuid   NOT NULL REFERENCES sales.category ON DELETE CASCADE,
    day          date   NOT NULL,
    sold         int    NOT NULL DEFAULT 0,
    returned     int    NOT NULL DEFAULT 0,
    amount_minor bigint NOT NULL DEFAULT 0,   -- of what was sold, less what was returned
    PRIMARY KEY (category, day)
);
-- Sales of an event that no category here is the name of, so that somebody sees them.
CREATE TABLE sales.external_stray (
    event   uuid        NOT NULL REFERENCES sales.event ON DELETE CASCADE,
    name    text        NOT NULL,             -- of the category, as the shop said; '': it said none
    tickets int         NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (event, name)
);

-- +goose Down
DROP TABLE sales.external_stray, sales.external_day;
ALTER TABLE sales.category DROP COLUMN shop_name;
ALTER TABLE sales.event DROP COLUMN shop;
