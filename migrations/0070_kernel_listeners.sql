-- +goose Up
-- What each listener reads, so that `usher doctor` can tell beside a running Usher how far behind one is.
CREATE TABLE stream.listener (
    name          text        PRIMARY KEY,
    types         text[]      NOT NULL, -- empty: every type
    registered_at timestamptz NOT NULL
);
