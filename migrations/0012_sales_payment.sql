-- +goose Up

-- One way in which one cart is paid. It outlives the cart: money may come late.
CREATE TABLE sales.payment (
    id             uuid        PRIMARY KEY,
    event          uuid        NOT NULL,
    cart           uuid        NOT NULL,
    mode           text        NOT NULL CHECK (mode IN ('live', 'sandbox')),     -- play money is never real money
    method         text        NOT NULL CHECK (method IN ('stripe', 'transfer', 'door')),
    state          text        NOT NULL CHECK (state IN ('created', 'pending', 'processing', 'failed', 'expired', 'due', 'paid', 'settled', 'flagged', 'refunded')),
    reason         text        NOT NULL,          -- why it failed, is flagged or was refunded; '': none
    amount_minor   bigint      NOT NULL CHECK (amount_minor >= 0),
    paid_minor     bigint      NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    refunded_minor bigint      NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    currency       text        NOT NULL,
    session        text,                          -- the provider's name of it; a transfer's reference
    charge         text,                          -- what a refund names
    redirect       text        NOT NULL,
    quote          text        NOT NULL,          -- signed: what it buys, at which price
    bill           jsonb       NOT NULL,          -- lines with fees and taxes, as they were then
    buyer          jsonb       NOT NULL,
    person         uuid,                          -- of identity, when the buyer was signed in
    order_id       uuid,                          -- that it paid
    until          timestamptz,                   -- it can be paid
    look_at        timestamptz,                   -- when the provider is asked, should no notice come; null: no need
    paid_at        timestamptz,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    CHECK (refunded_minor <= paid_minor),
    CHECK (state NOT IN ('settled', 'due') OR order_id IS NOT NULL)
);
-- A cart is paid in one way at a time, an order by one payment.
CREATE UNIQUE INDEX payment_open ON sales.payment (cart) WHERE state IN ('created', 'pending', 'processing');
CREATE UNIQUE INDEX payment_order ON sales.payment (order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX payment_session ON sales.payment (mode, method, session) WHERE session IS NOT NULL;
CREATE INDEX ON sales.payment (cart);
CREATE INDEX ON sales.payment (event, id);
CREATE INDEX ON sales.payment (look_at) WHERE look_at IS NOT NULL;

-- Notices of providers that were heeded: the same one again changes nothing.
CREATE TABLE sales.payment_notice (
    mode text        NOT NULL,
    id   text        NOT NULL,
    at   timestamptz NOT NULL,
    PRIMARY KEY (mode, id)
);
CREATE INDEX ON sales.payment_notice (at);

CREATE TABLE sales.refund (
    id           uuid        PRIMARY KEY,
    payment      uuid        REFERENCES sales.payment,    -- null: nothing was paid
    order_id     uuid,                                    -- null: the payment never became an order
    event        uuid        NOT NULL,
    tickets      smallint[]  NOT NULL,                    -- that it voided
    amount_minor bigint      NOT NULL CHECK (amount_minor >= 0),
    currency     text        NOT NULL,
    reason       text        NOT NULL,
    actor        text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('waiting', 'sent', 'done', 'failed', 'by_hand')),
    error        text        NOT NULL,
    attempt      int         NOT NULL DEFAULT 1,
    ref          text        NOT NULL,                    -- the provider's name of it
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL
);
CREATE INDEX ON sales.refund (order_id);
CREATE INDEX ON sales.refund (payment);
CREATE INDEX ON sales.refund (changed_at) WHERE state IN ('waiting', 'sent', 'failed', 'by_hand');

-- The last number of a series in a year. The row is locked by who takes the next
-- one until his transaction ends, and one that fails gives it back: no gaps.
CREATE TABLE sales.invoice_counter (
    series text NOT NULL,
    year   int  NOT NULL,
    last   int  NOT NULL CHECK (last > 0),
    PRIMARY KEY (series, year)
);

CREATE TABLE sales.invoice (
    id          uuid        PRIMARY KEY,
    series      text        NOT NULL,
    year        int         NOT NULL,
    number      int         NOT NULL CHECK (number > 0),
    mode        text        NOT NULL CHECK (mode IN ('live', 'sandbox')),
    kind        text        NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    payment     uuid        NOT NULL REFERENCES sales.payment,
    refund      uuid        UNIQUE REFERENCES sales.refund,   -- of a credit note
    order_id    uuid        NOT NULL,
    event       uuid        NOT NULL,
    document    jsonb       NOT NULL,             -- everything it says, as it said it
    issued_at   timestamptz NOT NULL,
    UNIQUE (series, year, number),
    CHECK ((kind = 'credit_note') = (refund IS NOT NULL))
);
CREATE UNIQUE INDEX invoice_payment ON sales.invoice (payment) WHERE kind = 'invoice';
CREATE INDEX ON sales.invoice (order_id);

-- +goose Down
DROP TABLE sales.invoice, sales.invoice_counter, sales.refund, sales.payment_notice, sales.payment;
