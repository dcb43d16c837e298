-- +goose Up
CREATE SCHEMA IF NOT EXISTS proximity;

-- A place with a floor plan. Positions on it are metres from the plan's upper left
-- corner: x to the right, y down.
CREATE TABLE proximity.venue (
    id         uuid             PRIMARY KEY,
    name       text             NOT NULL,
    width      double precision NOT NULL CHECK (width > 0),      -- metres
    height     double precision NOT NULL CHECK (height > 0),
    lat        double precision,                                 -- of the upper left corner; null: no position by satellite
    lon        double precision,
    bearing    double precision NOT NULL DEFAULT 0,              -- degrees from north to the plan's upward direction, clockwise
    plan_type  text             NOT NULL DEFAULT '' CHECK (plan_type IN ('', 'image/svg+xml', 'image/png')),
    plan_tag   text             NOT NULL DEFAULT '',             -- hash of plan
    plan       bytea,
    version    bigint           NOT NULL DEFAULT 1,
    created_at timestamptz      NOT NULL,
    updated_at timestamptz      NOT NULL,
    CHECK ((lat IS NULL) = (lon IS NULL))
);

CREATE TABLE proximity.zone (
    id      uuid             PRIMARY KEY,
    venue   uuid             NOT NULL REFERENCES proximity.venue ON DELETE CASCADE,
    name    text             NOT NULL,
    kind    text             NOT NULL CHECK (kind IN ('area', 'stage', 'stall', 'queue', 'entrance', 'passage')),
    outline jsonb            NOT NULL,                           -- [[x, y], …], a simple polygon
    width   double precision NOT NULL DEFAULT 0,                 -- of the way through it, metres; 0: not stated
    UNIQUE (venue, name)
);

CREATE TABLE proximity.beacon (
    id    uuid             PRIMARY KEY,
    venue uuid             NOT NULL REFERENCES proximity.venue ON DELETE CASCADE,
    zone  uuid             NOT NULL REFERENCES proximity.zone ON DELETE CASCADE,
    code  text             NOT NULL UNIQUE,                      -- as sightings name it, in lower case: one beacon hangs in one place
    x     double precision NOT NULL,
    y     double precision NOT NULL
);
CREATE INDEX ON proximity.beacon (venue);

CREATE TABLE proximity.stall (
    id         uuid             PRIMARY KEY,
    venue      uuid             NOT NULL REFERENCES proximity.venue ON DELETE CASCADE,
    name       text             NOT NULL,
    x          double precision NOT NULL,
    y          double precision NOT NULL,
    zone       uuid             REFERENCES proximity.zone ON DELETE SET NULL, -- where people wait for it
    servers    smallint         NOT NULL DEFAULT 1 CHECK (servers > 0),
    queue_high integer          NOT NULL CHECK (queue_high > 0), -- people from which the queue counts as long
    pinned     boolean          NOT NULL DEFAULT false,          -- the layout report leaves it where it is
    UNIQUE (venue, name)
);

CREATE TABLE proximity.till (
    venue uuid NOT NULL REFERENCES proximity.venue ON DELETE CASCADE,
    stall uuid NOT NULL REFERENCES proximity.stall ON DELETE CASCADE,
    name  text NOT NULL,                                         -- as sale.completed names it, in lower case
    PRIMARY KEY (venue, name)
);

-- An event that takes place at a venue. name is what the facts call it: the id of one of
-- our own events, or an external shop's name of it.
CREATE TABLE proximity.event (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    title      text        NOT NULL,
    venue      uuid        NOT NULL REFERENCES proximity.venue,
    opens_at   timestamptz NOT NULL,                             -- sightings count from here
    ends_at    timestamptz NOT NULL,
    attendance integer     NOT NULL DEFAULT 0,                   -- people let in so far, by scanned tickets; 0: not known
    ref_key    bytea,                                            -- sealed; null: destroyed, or not made yet
    forgotten  timestamptz,                                      -- when the key was destroyed
    created_at timestamptz NOT NULL,
    CHECK (ends_at > opens_at)
);
CREATE INDEX ON proximity.event (venue, opens_at);

-- +goose Down
DROP SCHEMA proximity CASCADE;
