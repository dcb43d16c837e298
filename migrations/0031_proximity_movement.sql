-- +goose Up
-- Who agreed that a venue may know where they are. No row: their readings are not used.
CREATE TABLE proximity.consent (
    installation text        PRIMARY KEY,
    app          text        NOT NULL,               -- of the hub; '': its only one
    person       text        NOT NULL DEFAULT '',    -- of identity, when somebody was signed in
    customer     text        NOT NULL DEFAULT '',    -- as the shop's events name the same person
    segment      text        NOT NULL DEFAULT '',    -- as the promoter's analysis names the group
    notice       text        NOT NULL,               -- which text they agreed to
    given_at     timestamptz NOT NULL
);
CREATE INDEX ON proximity.consent (person) WHERE person <> '';
CREATE INDEX ON proximity.consent (customer) WHERE customer <> '';

-- A device while its event goes on. ref is its pseudonym; the row, the only place that
-- ties it to an installation, goes when the event is forgotten.
CREATE TABLE proximity.device (
    event        uuid             NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    ref          bytea            NOT NULL,
    installation text             NOT NULL,
    app          text             NOT NULL,
    zone         uuid,                               -- the innermost one it is in
    area         uuid,                               -- the one around that
    since        timestamptz,                        -- it is in zone
    seen_at      timestamptz      NOT NULL,
    due_at       timestamptz,                        -- the earliest exit if nothing more is heard
    x            double precision,                   -- by the strongest beacon, or by satellite
    y            double precision,
    offered_at   timestamptz,                        -- the last voucher
    state        bytea            NOT NULL,          -- of zoning.Device
    PRIMARY KEY (event, ref)
) WITH (fillfactor = 70);
CREATE INDEX ON proximity.device (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON proximity.device (installation);

CREATE TABLE proximity.visit (
    event      uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    ref        bytea       NOT NULL,
    zone       uuid        NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at    timestamptz,                          -- null: still there
    dwelled    integer     NOT NULL DEFAULT 0,       -- seconds that were announced
    confidence text        NOT NULL,
    PRIMARY KEY (event, ref, zone, entered_at)
);
CREATE INDEX ON proximity.visit (event, entered_at);
CREATE INDEX ON proximity.visit (event, zone, left_at);

-- Seconds that a device spent in a cell of the grid, a row a minute, until the bin is published.
CREATE TABLE proximity.presence (
    event   uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    minute  timestamptz NOT NULL,
    ref     bytea       NOT NULL,
    cell    integer     NOT NULL,                    -- row · 65536 + column of the 2 m grid
    seconds real        NOT NULL,
    PRIMARY KEY (event, minute, ref, cell)
);

-- What is published of five minutes: made once, never again, so that no two versions can
-- be subtracted.
CREATE TABLE proximity.picture (
    event   uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    bin     timestamptz NOT NULL,
    product text        NOT NULL CHECK (product IN ('heat', 'zones', 'flow')),
    data    jsonb       NOT NULL,
    PRIMARY KEY (event, product, bin)
);

-- +goose Down
DROP TABLE proximity.picture, proximity.presence, proximity.visit, proximity.device, proximity.consent;
