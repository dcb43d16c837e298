-- +goose Up
-- The waiting room of an event: numbers given out, and up to which number people
-- have been let in. Everything is counted here, so that all replicas agree.
CREATE TABLE sales.room (
    event       uuid        PRIMARY KEY,
    mode        text        NOT NULL DEFAULT 'auto' CHECK (mode IN ('off', 'auto', 'on')),
    opens_at    timestamptz NOT NULL,          -- until then people gather, and nobody is let in
    drawn       bigint,                        -- numbers given out before that: their order was drawn by lot
    issued      bigint      NOT NULL DEFAULT 0,
    admitted    double precision NOT NULL DEFAULT 0,
    busy_until  timestamptz NOT NULL DEFAULT '-infinity', -- auto: the tills are crowded
    advanced_at timestamptz NOT NULL,          -- admitted was moved on then
    CHECK (admitted <= issued)
);
-- What each process's till can do, as it measured itself under load.
CREATE TABLE sales.capacity (
    process    uuid             PRIMARY KEY,
    per_second double precision NOT NULL,
    seen_at    timestamptz      NOT NULL
);
-- +goose Down
DROP TABLE sales.capacity;
DROP TABLE sales.room;
