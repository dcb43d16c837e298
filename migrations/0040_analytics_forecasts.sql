-- +goose Up

-- Events of the past that were not sold here, as imported: how they sold, day by day.
CREATE TABLE analytics.past_event (
    id          uuid        PRIMARY KEY,
    source      text        NOT NULL,              -- usher, pretix, eventbrite
    name        text        NOT NULL,              -- the file's own id of it
    event_date  date        NOT NULL,
    on_sale     date        NOT NULL CHECK (on_sale <= event_date),
    capacity    int         NOT NULL CHECK (capacity >= 0),   -- 0: not told yet, so nothing is learned from it
    sold        int[]       NOT NULL,              -- on on_sale, the next day, …
    price       float8[]    NOT NULL,              -- {}: not known
    social      float8[]    NOT NULL,              -- {}: not known
    list_price  float8      NOT NULL,              -- 0: not known
    genre       text        NOT NULL,
    tags        text[]      NOT NULL,
    artist      text        NOT NULL,
    city        text        NOT NULL,
    lat         float8,
    lon         float8,
    weekend     boolean,                           -- null: by the date
    imported_at timestamptz NOT NULL,
    UNIQUE (source, name)
);

-- What the promoter says of an event beyond what the shop needs to know.
CREATE TABLE analytics.event_profile (
    event  uuid   PRIMARY KEY,
    genre  text   NOT NULL,
    tags   text[] NOT NULL,
    artist text   NOT NULL,
    city   text   NOT NULL,
    lat    float8,
    lon    float8
);

-- Every model that was trained. At most one is active.
CREATE TABLE analytics.model (
    version     int         PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    state       text        NOT NULL CHECK (state IN ('active', 'former', 'rejected')),
    reason      text        NOT NULL,              -- why it was trained
    trained_at  timestamptz NOT NULL,
    events      int         NOT NULL,
    days        int         NOT NULL,
    from_date   date,                              -- of the first and the last event; null: no event
    to_date     date,
    model       jsonb       NOT NULL,              -- coefficients and all else it forecasts with
    report      jsonb       NOT NULL,              -- its backtest
    verdict     text        NOT NULL,              -- why it is, or is not, used
    promoted_by text        NOT NULL,
    promoted_at timestamptz
);
CREATE UNIQUE INDEX ON analytics.model (state) WHERE state = 'active';

-- One forecast a day of each event and category, and what happened.
CREATE TABLE analytics.forecast (
    event          uuid        NOT NULL,
    category       uuid        NOT NULL,           -- all zero: the whole event
    at             date        NOT NULL,           -- seen from the end of this day
    made_at        timestamptz NOT NULL,
    model          int         NOT NULL,
    event_date     date        NOT NULL,
    capacity       int         NOT NULL,
    sold           int         NOT NULL,           -- up to then
    expected       float8      NOT NULL,           -- sold in all
    low            int         NOT NULL,           -- 80 % interval of it
    high           int         NOT NULL,
    p_within       float8      NOT NULL,           -- sold out within 14 days
    p_final        float8      NOT NULL,           -- sold out by the event
    curve          jsonb       NOT NULL,           -- for each day ahead
    outcome_within boolean,                        -- null: not known yet
    outcome_final  boolean,
    final_sold     int,
    PRIMARY KEY (event, category, at)
);
CREATE INDEX ON analytics.forecast (at) WHERE outcome_final IS NULL;

-- Events whose bookings changed since they were forecast.
CREATE TABLE analytics.forecast_due (
    event  text        PRIMARY KEY,
    due_at timestamptz NOT NULL
);

-- Imports and how far they are.
CREATE TABLE analytics.history_import (
    id       uuid        PRIMARY KEY,
    name     text        NOT NULL,                 -- of the file
    format   text        NOT NULL,
    file     bytea,                                -- null: taken in
    events   int         NOT NULL,
    done     int         NOT NULL,
    state    text        NOT NULL CHECK (state IN ('waiting', 'working', 'done', 'failed')),
    problem  text        NOT NULL,
    by_whom  text        NOT NULL,
    asked_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE analytics.history_import, analytics.forecast_due, analytics.forecast, analytics.model, analytics.event_profile, analytics.past_event;
