-- +goose Up
CREATE TABLE proximity.offer (
    id         uuid        PRIMARY KEY,
    event      uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    name       text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('draft', 'running', 'paused', 'ended')),
    rule       jsonb       NOT NULL,                 -- the whole offer, as the promoter wrote it
    trigger    text        NOT NULL,
    total      integer     NOT NULL CHECK (total >= 0),     -- vouchers, redeemed or still good; 0: as many as the budget allows
    budget     bigint      NOT NULL CHECK (budget >= 0),    -- minor units; 0: not limited
    worth      bigint      NOT NULL CHECK (worth >= 0),     -- what one voucher takes of the budget
    issued     bigint      NOT NULL DEFAULT 0,       -- redeemed or still good
    committed  bigint      NOT NULL DEFAULT 0,       -- of the budget
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (issued >= 0 AND committed >= 0)
);
CREATE INDEX ON proximity.offer (event, state);

CREATE TABLE proximity.voucher (
    id           uuid        PRIMARY KEY,
    offer        uuid        NOT NULL REFERENCES proximity.offer ON DELETE CASCADE,
    event        uuid        NOT NULL,
    stall        uuid,                               -- where it is good; null: at every stall
    code         text        NOT NULL UNIQUE,
    installation text,                               -- null: forgotten
    app          text        NOT NULL,
    status       text        NOT NULL CHECK (status IN ('issued', 'redeemed', 'expired')),
    worth        bigint      NOT NULL,
    issued_at    timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    pushed_at    timestamptz,                        -- handed to the hub
    locked_until timestamptz,                        -- a till is ringing it up
    locked_by    text,
    redeemed_at  timestamptz,
    redeemed_by  text                                -- the till
) WITH (fillfactor = 80);
CREATE INDEX ON proximity.voucher (valid_until) WHERE status = 'issued';
CREATE INDEX ON proximity.voucher (offer, installation);
CREATE INDEX ON proximity.voucher (installation) WHERE installation IS NOT NULL;
CREATE INDEX ON proximity.voucher (event, redeemed_at) WHERE status = 'redeemed';

-- Every choice that a policy made, so that another can be judged by it.
CREATE TABLE proximity.decision (
    id         uuid        PRIMARY KEY,              -- in order of time
    event      uuid        NOT NULL REFERENCES proximity.event ON DELETE CASCADE,
    ref        bytea       NOT NULL,
    at         timestamptz NOT NULL,
    policy     text        NOT NULL,
    offers     uuid[]      NOT NULL,                 -- the action set; none of them is an action too
    context    jsonb       NOT NULL,
    chosen     uuid,                                 -- null: none
    propensity double precision NOT NULL,            -- with which chosen was chosen
    holdout    boolean     NOT NULL,                 -- of the group that gets nothing, whatever is chosen
    voucher    uuid,
    due_at     timestamptz NOT NULL,                 -- the reward is known from here
    reward     double precision,                     -- null: not known yet
    learnt     boolean     NOT NULL DEFAULT false
);
CREATE INDEX ON proximity.decision (due_at) WHERE NOT learnt;
CREATE INDEX ON proximity.decision (event, at);
CREATE UNIQUE INDEX ON proximity.decision (voucher) WHERE voucher IS NOT NULL;

-- The policies and what they have learnt. One of them decides.
CREATE TABLE proximity.policy (
    name       text        PRIMARY KEY,
    active     boolean     NOT NULL,
    state      jsonb,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON proximity.policy (active) WHERE active;
INSERT INTO proximity.policy (name, active, updated_at) VALUES ('pooled', true, now()), ('linucb', false, now()), ('segment', false, now());

-- +goose Down
DROP TABLE proximity.policy, proximity.decision, proximity.voucher, proximity.offer;
