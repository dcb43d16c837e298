-- +goose Up
-- What was forecast for a day, at its first decision: beside what it then sold, the
-- learner's offset. A forecast forgets what it said; prices are judged by what it said.
CREATE TABLE pricing.foreseen (
    category uuid             NOT NULL,
    day      date             NOT NULL,               -- on the venue's clock
    tickets  double precision NOT NULL CHECK (tickets >= 0),   -- at list price
    model    text             NOT NULL,
    PRIMARY KEY (category, day)
);
-- +goose Down
DROP TABLE pricing.foreseen;
