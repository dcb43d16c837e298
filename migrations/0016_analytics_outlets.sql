-- +goose Up
-- Webhooks: facts that go out to an address of the promoter's.
CREATE TABLE analytics.outlet (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    url        text        NOT NULL,
    types      text[]      NOT NULL,              -- of facts it wants
    generation int         NOT NULL DEFAULT 1,    -- of its secret, which follows from the seal key
    rotated_at timestamptz,                       -- the secret before signs too, for a day
    paused     boolean     NOT NULL DEFAULT false,
    problem    text        NOT NULL DEFAULT '',   -- why the house paused it
    failures   int         NOT NULL DEFAULT 0,    -- attempts in a row
    ok_at      timestamptz,                       -- the last attempt that went well
    created_at timestamptz NOT NULL
);
CREATE TABLE analytics.outlet_delivery (
    no         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         uuid        NOT NULL UNIQUE,       -- webhook-id: the same for every attempt
    outlet     uuid        NOT NULL REFERENCES analytics.outlet ON DELETE CASCADE,
    type       text        NOT NULL,
    body       text        NOT NULL,              -- what is sent and signed, byte for byte
    state      text        NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts   int         NOT NULL DEFAULT 0,
    status     int         NOT NULL DEFAULT 0,    -- of the last answer; 0: none came
    error      text        NOT NULL DEFAULT '',
    next_at    timestamptz,                       -- when it is tried again
    created_at timestamptz NOT NULL,
    done_at    timestamptz
);
CREATE INDEX ON analytics.outlet_delivery (outlet, no);
CREATE INDEX ON analytics.outlet_delivery (outlet, no) WHERE state <> 'delivered';
CREATE INDEX ON analytics.outlet_delivery (created_at);

-- +goose Down
DROP TABLE analytics.outlet_delivery, analytics.outlet;
