-- +goose Up
CREATE SCHEMA IF NOT EXISTS analytics;

-- What came in at the ingest door, for the page Stream; kept for a week.
CREATE TABLE analytics.intake (
    minute    timestamptz NOT NULL,
    type      text        NOT NULL, -- "other" beyond the first hundred
    accepted  bigint      NOT NULL,
    duplicate bigint      NOT NULL,
    rejected  bigint      NOT NULL,
    PRIMARY KEY (minute, type)
);

-- The latest rejected events; the newest 500 are kept.
CREATE TABLE analytics.refusal (
    id        uuid        PRIMARY KEY, -- UUIDv7: in the order they came
    at        timestamptz NOT NULL,
    type      text        NOT NULL,
    source    text        NOT NULL,
    source_id text        NOT NULL,
    problem   text        NOT NULL
);
-- +goose Down
DROP SCHEMA IF EXISTS analytics CASCADE;
