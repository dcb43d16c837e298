-- +goose Up
CREATE SCHEMA pricing;

-- The promoter's guard-rails for one category.
CREATE TABLE pricing.rule (
    category       uuid             PRIMARY KEY,
    event          uuid             NOT NULL,
    list_minor     bigint           NOT NULL CHECK (list_minor > 0),
    floor_minor    bigint           NOT NULL CHECK (floor_minor > 0),
    ceiling_minor  bigint           NOT NULL CHECK (ceiling_minor >= floor_minor),
    rounding_minor bigint           NOT NULL CHECK (rounding_minor >= 1),
    daily          double precision NOT NULL CHECK (daily > 0 AND daily <= 0.5),   -- share of the price within 24 hours
    min_gain       double precision NOT NULL CHECK (min_gain >= 0),
    every_minutes  int              NOT NULL CHECK (every_minutes >= 0),
    quiet_minutes  int              NOT NULL CHECK (quiet_minutes >= 0),           -- before doors
    mode           text             NOT NULL CHECK (mode IN ('off', 'approve', 'auto')),
    concession     boolean          NOT NULL,
    version        bigint           NOT NULL,
    changed_by     text             NOT NULL,
    changed_at     timestamptz      NOT NULL
);
CREATE INDEX ON pricing.rule (event);

-- The kill switches: one for everything (event 0), one for each event that ever had
-- its own. A decision holds the row while it is written.
CREATE TABLE pricing.stop (
    event   uuid        PRIMARY KEY,
    stopped boolean     NOT NULL,
    by      text        NOT NULL,
    at      timestamptz NOT NULL
);
INSERT INTO pricing.stop (event, stopped, by, at) VALUES ('00000000-0000-0000-0000-000000000000', false, '', now());

-- Every decision, also those to leave a price alone. Rows are added, never changed.
CREATE TABLE pricing.decision (
    id         uuid             PRIMARY KEY,
    ask        uuid             NOT NULL,          -- what asked for it: it is decided once
    event      uuid             NOT NULL,
    category   uuid             NOT NULL,
    at         timestamptz      NOT NULL,
    cause      text             NOT NULL,
    model      text             NOT NULL,          -- which forecast and which policy
    old_minor  bigint           NOT NULL,
    new_minor  bigint           NOT NULL,          -- old_minor: it stays
    currency   text             NOT NULL,
    gain       double precision NOT NULL,          -- share of the takings still expected
    outcome    text             NOT NULL CHECK (outcome IN ('held', 'proposed', 'changed')),
    broke      text             NOT NULL,          -- the guard-rail that held it back; '': none
    reason     text             NOT NULL,
    inputs     jsonb            NOT NULL,
    approver   text             NOT NULL,          -- of a change that a person agreed to
    of         uuid             REFERENCES pricing.decision,   -- the proposal that was agreed to
    UNIQUE (ask, category)
);
CREATE INDEX ON pricing.decision (category, id DESC);
CREATE INDEX ON pricing.decision (event, id DESC);
CREATE UNIQUE INDEX ON pricing.decision (of) WHERE of IS NOT NULL;

-- What a person answered to a proposal that is no longer open without being agreed to.
CREATE TABLE pricing.refusal (
    decision uuid        PRIMARY KEY REFERENCES pricing.decision,
    by       text        NOT NULL,
    at       timestamptz NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION pricing.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'decisions about prices are kept as they were written';
END $$;
-- +goose StatementEnd
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON pricing.decision FOR EACH ROW EXECUTE FUNCTION pricing.keep();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON pricing.refusal FOR EACH ROW EXECUTE FUNCTION pricing.keep();

-- When something last asked for a decision about an event, so that a storm of facts
-- asks once.
CREATE TABLE pricing.trigger (
    event text        PRIMARY KEY,                 -- as facts name it
    at    timestamptz NOT NULL
);

-- +goose Down
DROP SCHEMA pricing CASCADE;
