-- +goose Up
-- Every code that a scanner saw, for ever: rows are added, never changed.
CREATE TABLE sales.scan (
    id          uuid        PRIMARY KEY,   -- of the device's making: reporting again changes nothing
    event       uuid        NOT NULL,      -- whose door it was
    order_id    uuid,                      -- null: the code was not ours
    n           smallint,
    version     smallint,                  -- as the code said
    device      text        NOT NULL,
    scanned_at  timestamptz NOT NULL,      -- by the device when it was offline, else by us
    received_at timestamptz NOT NULL,
    offline     boolean     NOT NULL,
    by_hand     boolean     NOT NULL,      -- found in the list, no code was seen
    let_in      boolean     NOT NULL,      -- somebody went in with it
    answered    text        NOT NULL CHECK (answered IN ('admitted', 'already_used', 'void', 'wrong_version', 'wrong_event', 'unknown'))
);
CREATE INDEX ON sales.scan (order_id, n) WHERE order_id IS NOT NULL;
CREATE INDEX ON sales.scan (event, received_at);

-- +goose Down
DROP TABLE sales.scan;
