-- +goose Up
-- Letters that are to go out, and what became of them. A row names what a letter is
-- about; its words are written when it is sent.
CREATE TABLE sales.letter (
    id       uuid        PRIMARY KEY,
    batch    uuid        NOT NULL,      -- what one job sends
    kind     text        NOT NULL CHECK (kind IN ('order', 'transfer', 'offer', 'refund', 'bank')),
    event    uuid        NOT NULL,
    subject  uuid        NOT NULL,      -- the order, the place in the waiting list, the refund or the payment
    n        int         NOT NULL DEFAULT 0, -- of a ticket that was handed on: its number …
    version  int         NOT NULL DEFAULT 0, -- … and version; of a confirmation: how often it was sent before
    state    text        NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    error    text        NOT NULL DEFAULT '',
    made_at  timestamptz NOT NULL,
    sent_at  timestamptz,
    UNIQUE (kind, subject, n, version)
);
CREATE INDEX ON sales.letter (batch) WHERE state = 'waiting';

-- +goose Down
DROP TABLE sales.letter;
