-- +goose Up

-- What others have on: events that may compete with ours.
CREATE TABLE analytics.rival (
    id         uuid   PRIMARY KEY,
    uid        text   NOT NULL UNIQUE,      -- of the calendar it came from
    name       text   NOT NULL,
    event_date date   NOT NULL,
    announced  date   NOT NULL,             -- before it nobody knew
    capacity   int    NOT NULL CHECK (capacity > 0),
    genre      text   NOT NULL,
    tags       text[] NOT NULL,
    city       text   NOT NULL,
    lat        float8,
    lon        float8
);
CREATE INDEX ON analytics.rival (event_date);

-- +goose Down
DROP TABLE analytics.rival;
