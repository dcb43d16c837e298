-- +goose Up
-- What tills completed, kept as long as an estimate looks back.
CREATE TABLE proximity.completion (
    stall uuid        NOT NULL REFERENCES proximity.stall ON DELETE CASCADE,
    at    timestamptz NOT NULL,
    n     integer     NOT NULL
);
CREATE INDEX ON proximity.completion (stall, at);
CREATE INDEX ON proximity.completion (at);

-- The latest of each queue, and the estimator's memory.
CREATE TABLE proximity.queue (
    event      uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    stall      uuid        NOT NULL REFERENCES proximity.stall ON DELETE CASCADE,
    at         timestamptz NOT NULL,                 -- end of the last bin
    memory     jsonb       NOT NULL,
    long_since timestamptz,                          -- null: it is not long
    PRIMARY KEY (event, stall)
);

CREATE TABLE proximity.queue_bin (
    event    uuid             NOT NULL,
    stall    uuid             NOT NULL,
    at       timestamptz      NOT NULL,              -- end of the minute
    known    boolean          NOT NULL,              -- false: insufficient data, the figures mean nothing
    people   double precision NOT NULL,
    low      double precision NOT NULL,              -- 80 % interval
    high     double precision NOT NULL,
    wait     double precision,                       -- minutes; null: not known
    devices  integer          NOT NULL,
    sales    integer          NOT NULL,              -- completions in the 300 s before
    PRIMARY KEY (event, stall, at),
    FOREIGN KEY (event, stall) REFERENCES proximity.queue ON DELETE CASCADE
);

-- +goose Down
DROP TABLE proximity.queue_bin, proximity.queue, proximity.completion;
