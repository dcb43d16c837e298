-- +goose Up
-- Money that had come and is taken back without us: a buyer disputes a payment at his bank,
-- or somebody refunds it on the provider's own pages. A person has to know of it.
CREATE TABLE sales.reversal (
    id           uuid PRIMARY KEY,
    payment      uuid NOT NULL REFERENCES sales.payment (id) ON DELETE CASCADE,
    ref          text NOT NULL,                -- the provider's name of it
    kind         text NOT NULL CHECK (kind IN ('dispute', 'refund')),
    state        text NOT NULL CHECK (state IN ('open', 'won', 'lost')),
    amount_minor bigint NOT NULL,
    currency     text NOT NULL,
    reason       text NOT NULL,                -- the provider's word
    answer_by    timestamptz,                  -- of an open dispute
    told_at      timestamptz NOT NULL,         -- when the provider said so: later news is truer
    seen_at      timestamptz,                  -- when a person did
    created_at   timestamptz NOT NULL,
    UNIQUE (payment, ref)
);
CREATE INDEX ON sales.payment (charge) WHERE charge IS NOT NULL;

-- +goose Down
DROP TABLE sales.reversal;
DROP INDEX sales.payment_charge_idx;
