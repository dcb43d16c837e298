-- +goose Up
CREATE TABLE sales.event (
    id            uuid        PRIMARY KEY,
    slug          text        NOT NULL UNIQUE,   -- its name in the portal's address
    series        text        NOT NULL,          -- '': of none
    names         jsonb       NOT NULL,          -- {"de": {"title": …}}
    locales       jsonb       NOT NULL,          -- the first is the fallback
    venue         text        NOT NULL,
    zone          text        NOT NULL,          -- IANA
    currency      text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('draft', 'published', 'paused', 'cancelled')),
    secret        boolean     NOT NULL,
    sandbox       boolean     NOT NULL,
    waiting_first boolean     NOT NULL,          -- returned tickets go to the waiting list
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz,
    doors_at      timestamptz,
    sale_from     timestamptz,
    sale_until    timestamptz,
    version       bigint      NOT NULL,          -- raised by each change of the event and what belongs to it
    created_at    timestamptz NOT NULL
);
CREATE INDEX ON sales.event (starts_at, id);
CREATE INDEX ON sales.event (series, starts_at, id) WHERE series <> '';

-- A category, pool, level, seat and code each have a row of sales.stock under the
-- same id: how much there is of it and what is gone.
CREATE TABLE sales.pool (
    id    uuid PRIMARY KEY,
    event uuid NOT NULL REFERENCES sales.event ON DELETE CASCADE,
    name  text NOT NULL
);
CREATE INDEX ON sales.pool (event);

-- The stock of a level is the pool's capacity less what is protected for the classes above it.
CREATE TABLE sales.pool_level (
    id        uuid     PRIMARY KEY,
    pool      uuid     NOT NULL REFERENCES sales.pool ON DELETE CASCADE,
    class     smallint NOT NULL CHECK (class >= 2),
    protected int      NOT NULL CHECK (protected >= 0),   -- for the classes 1 … class - 1
    UNIQUE (pool, class)
);

CREATE TABLE sales.category (
    id            uuid     PRIMARY KEY,
    event         uuid     NOT NULL REFERENCES sales.event ON DELETE CASCADE,
    names         jsonb    NOT NULL,
    position      int      NOT NULL,
    price_minor   bigint   NOT NULL CHECK (price_minor >= 0),
    price_version bigint   NOT NULL,
    fee_minor     bigint   NOT NULL CHECK (fee_minor >= 0),
    tax_permille  int      NOT NULL CHECK (tax_permille BETWEEN 0 AND 1000),
    min_per_order int      NOT NULL CHECK (min_per_order >= 1),
    max_per_order int      NOT NULL CHECK (max_per_order >= min_per_order),
    sale_from     timestamptz,
    sale_until    timestamptz,
    pool          uuid     REFERENCES sales.pool,
    class         smallint NOT NULL,              -- in the pool, from 1
    hidden        boolean  NOT NULL,
    seat_rows     int      NOT NULL,
    seat_columns  int      NOT NULL
);
CREATE INDEX ON sales.category (event, position, id);
CREATE INDEX ON sales.category (pool) WHERE pool IS NOT NULL;

CREATE TABLE sales.seat (
    id          uuid     PRIMARY KEY,
    category    uuid     NOT NULL REFERENCES sales.category ON DELETE CASCADE,
    seat_row    smallint NOT NULL,
    seat_column smallint NOT NULL,
    UNIQUE (category, seat_row, seat_column)
);

CREATE TABLE sales.code (
    id            uuid     PRIMARY KEY,
    event         uuid     NOT NULL REFERENCES sales.event ON DELETE CASCADE,
    code          text     NOT NULL,              -- upper case
    note          text     NOT NULL,
    permille      int      NOT NULL CHECK (permille BETWEEN 0 AND 1000),
    amount_minor  bigint   NOT NULL CHECK (amount_minor >= 0),
    opens         boolean  NOT NULL,              -- hidden categories
    categories    jsonb    NOT NULL,              -- those it is good for; []: all
    valid_from    timestamptz,
    valid_until   timestamptz,
    max_per_order int      NOT NULL,              -- 0: no limit
    UNIQUE (event, code)
);

-- What each category has cost, and why it was changed.
CREATE TABLE sales.price_history (
    category    uuid        NOT NULL REFERENCES sales.category ON DELETE CASCADE,
    version     bigint      NOT NULL,
    price_minor bigint      NOT NULL,
    fee_minor   bigint      NOT NULL,
    reason      text        NOT NULL,
    actor       text        NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (category, version)
);

-- Who waits for tickets of a category, in the order of no.
CREATE TABLE sales.waitlist (
    no          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid        NOT NULL UNIQUE,      -- and of the cart that an offer holds
    event       uuid        NOT NULL REFERENCES sales.event ON DELETE CASCADE,
    category    uuid        NOT NULL REFERENCES sales.category ON DELETE CASCADE,
    qty         int         NOT NULL CHECK (qty > 0),
    email       text        NOT NULL,             -- '' once the person is forgotten
    person      uuid,                             -- of identity, when signed in
    locale      text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('waiting', 'offered', 'bought', 'expired', 'left')),
    offered_qty int         NOT NULL DEFAULT 0,
    offer_until timestamptz,
    created_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON sales.waitlist (category, lower(email)) WHERE state IN ('waiting', 'offered');
CREATE INDEX ON sales.waitlist (category, no) WHERE state = 'waiting';
CREATE INDEX ON sales.waitlist (offer_until) WHERE state = 'offered';
CREATE INDEX ON sales.waitlist (event, no);
CREATE INDEX ON sales.waitlist (person) WHERE person IS NOT NULL;

-- +goose Down
DROP TABLE sales.waitlist, sales.price_history, sales.code, sales.seat, sales.category, sales.pool_level, sales.pool, sales.event;
