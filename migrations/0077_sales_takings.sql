-- +goose Up
-- Money that people at a door say they took for an order. The payment is settled once, by
-- the taking that is booked; any other one is money too much, to be given back.
CREATE TABLE sales.taking (
  order_id     uuid NOT NULL,
  event        uuid NOT NULL,
  device       text NOT NULL CHECK (length(device) BETWEEN 1 AND 60),
  taken_at     timestamptz NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  booked       boolean NOT NULL,
  received_at  timestamptz NOT NULL,
  PRIMARY KEY (order_id, device, taken_at)
);
CREATE INDEX ON sales.taking (event) WHERE NOT booked;

-- +goose Down
DROP TABLE sales.taking;
