-- +goose Up

-- Groups of customers and of events, and what people call them. Those that a run did not
-- find again are kept for a while, so that their names come back with them.
CREATE TABLE analytics.segment (
    no         int         PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind       text        NOT NULL CHECK (kind IN ('customers', 'events')),
    name       text        NOT NULL,
    renamed    boolean     NOT NULL,           -- by a person
    size       int         NOT NULL,
    detail     jsonb       NOT NULL,           -- its center and what else is told of it
    made_at    timestamptz NOT NULL,
    gone_at    timestamptz                     -- null: it was found by the last run
);

-- Who is in them: persons who signed in, by id; events by id, imported ones by source and name.
CREATE TABLE analytics.segment_member (
    segment int  NOT NULL REFERENCES analytics.segment ON DELETE CASCADE,
    member  text NOT NULL,
    PRIMARY KEY (segment, member)
);
CREATE INDEX ON analytics.segment_member (member);

-- The last run.
CREATE TABLE analytics.segmentation (
    one        boolean     PRIMARY KEY CHECK (one),
    made_at    timestamptz NOT NULL,
    customers  int         NOT NULL,
    one_off    int         NOT NULL,           -- customers who bought once
    silhouette float8      NOT NULL            -- of the customers' segments, −1 to 1
);

-- +goose Down
DROP TABLE analytics.segmentation, analytics.segment_member, analytics.segment;
