-- +goose Up
CREATE SCHEMA sales;

-- How much there is of what can run out: a category, a pool or protection level
-- that several categories share, a numbered seat (one), the uses of a code. The hot
-- rows of an on-sale, alone so that they stay in few pages. The CHECK is what keeps
-- the house from overselling.
CREATE TABLE sales.stock (
    id       uuid    PRIMARY KEY,
    event    uuid    NOT NULL,
    capacity int     NOT NULL CHECK (capacity >= 0),
    sold     int     NOT NULL DEFAULT 0 CHECK (sold >= 0),
    held     int     NOT NULL DEFAULT 0 CHECK (held >= 0),
    CHECK (sold + held <= capacity)
) WITH (fillfactor = 10);

-- What a cart keeps back for its buyer until expires_at. Confirming and expiring
-- both delete the row; who gets it wins.
CREATE TABLE sales.hold (
    cart       uuid        NOT NULL,
    category   uuid        NOT NULL,
    qty        int         NOT NULL CHECK (qty > 0),
    unit_minor bigint      NOT NULL CHECK (unit_minor >= 0),
    seats      uuid[],                         -- the numbered ones, qty of them
    also       uuid[],                         -- further stock it keeps back: pools, uses of a code …
    also_qty   int[],                          -- … and how much of each
    body_hash  bytea       NOT NULL,           -- of what was asked, as in sales.orders
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (cart, category)
);
CREATE INDEX ON sales.hold (expires_at);

-- No foreign keys from here on: they cost half the rate of an on-sale. The job
-- sales:check compares orders, tickets and stock instead.
CREATE TABLE sales.orders (
    id          uuid        PRIMARY KEY,
    event       uuid        NOT NULL,
    repeat_key  bytea       NOT NULL UNIQUE,   -- hash of caller, endpoint and Idempotency-Key; or of the cart
    body_hash   bytea       NOT NULL,          -- of what was asked: the same key with another body is refused
    qty         int         NOT NULL CHECK (qty > 0),
    total_minor bigint      NOT NULL CHECK (total_minor >= 0),
    currency    text        NOT NULL,
    buyer       jsonb,                         -- name, e-mail, locale, as far as stated
    person      uuid,                          -- of identity, when the buyer was signed in
    cancelled_at timestamptz,                 -- every ticket is void
    created_at  timestamptz NOT NULL
);
CREATE INDEX ON sales.orders (event, id);
CREATE INDEX ON sales.orders (person, id) WHERE person IS NOT NULL;

CREATE TABLE sales.ticket (
    order_id   uuid     NOT NULL,
    n          smallint NOT NULL,              -- 1 … qty within the order
    category   uuid     NOT NULL,
    unit_minor bigint   NOT NULL,
    seat       uuid,                           -- the numbered one
    version    smallint NOT NULL DEFAULT 1,    -- raised by a transfer: older codes are refused at the door
    holder     jsonb,                          -- name and e-mail of whom it was transferred to
    voided_at  timestamptz,                    -- refunded or cancelled; its capacity is returned
    PRIMARY KEY (order_id, n)
);
-- +goose Down
DROP SCHEMA sales CASCADE;
