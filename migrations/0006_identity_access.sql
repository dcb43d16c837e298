-- +goose Up
CREATE TABLE identity.key (                             -- a machine that may call us
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL CHECK (name <> ''),
    "right"    text        NOT NULL CHECK ("right" IN ('listen', 'send', 'manage', 'scan')),
    app        text        NOT NULL DEFAULT '',         -- of the hub; '': any
    event      text        NOT NULL DEFAULT '',         -- '': any
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,                             -- null: never
    revoked_at timestamptz,
    used_at    timestamptz,                             -- written at most once a minute
    CHECK ("right" <> 'scan' OR event <> '')            -- a scanner is for one event
);
-- The name is who the log, the limits and the audit know: one living key each.
CREATE UNIQUE INDEX key_name ON identity.key (name) WHERE revoked_at IS NULL;

CREATE TABLE identity.key_secret (                      -- at most two living ones a key, for rotation
    hash       bytea       PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the secret has 160 random bits
    key_id     uuid        NOT NULL REFERENCES identity.key ON DELETE CASCADE,
    hint       text        NOT NULL,                    -- its last characters, to tell it by
    created_at timestamptz NOT NULL,
    expires_at timestamptz                              -- of the one that was rotated out
);
CREATE INDEX ON identity.key_secret (key_id);

CREATE TABLE identity.claim (                           -- the link that makes the first owner: one, or none
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    hash       bytea       NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- An invite is complete in itself, sealed; a row says what became of it. One that the command
-- line made has no row until somebody opens it.
CREATE TABLE identity.invite (
    id         uuid        PRIMARY KEY,
    hash       bytea       NOT NULL UNIQUE CHECK (length(hash) = 32), -- of the whole invite
    role       text        NOT NULL CHECK (role IN ('owner', 'admin', 'staff', 'scanner')),
    made_by    text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz,
    spent_by   text,                                    -- a person's id
    revoked_at timestamptz
);

CREATE TABLE identity.enrolment (                       -- a QR code that becomes one scanner's key
    hash       bytea       PRIMARY KEY CHECK (length(hash) = 32),
    name       text        NOT NULL,
    event      text        NOT NULL,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE identity.audit (                           -- who did what to what; holds ids, never names of people
    no     bigint      PRIMARY KEY CHECK (no > 0),      -- without gaps
    at     timestamptz NOT NULL,
    actor  text        NOT NULL,
    action text        NOT NULL,
    object text        NOT NULL,
    detail json        NOT NULL,                        -- json, not jsonb: the hash is over its text
    hash   bytea       NOT NULL CHECK (length(hash) = 32) -- of the entry and the hash before it
);
CREATE INDEX ON identity.audit (actor, no DESC);
CREATE INDEX ON identity.audit (object, no DESC);

-- The chain's end, sealed with the key that is not in this database. Its row lock puts appends in line.
CREATE TABLE identity.audit_head (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    no     bigint  NOT NULL,
    hash   bytea   NOT NULL,
    sealed bytea                                        -- null while there is no entry
);
INSERT INTO identity.audit_head (no, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- +goose StatementBegin
CREATE FUNCTION identity.audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity.audit
    FOR EACH STATEMENT EXECUTE FUNCTION identity.audit_is_append_only();
CREATE TRIGGER stays BEFORE DELETE OR TRUNCATE ON identity.audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION identity.audit_is_append_only();

CREATE TABLE identity.erasure (                         -- a person who asked to be forgotten
    person    uuid        PRIMARY KEY,
    asked_by  text        NOT NULL,
    asked_at  timestamptz NOT NULL,
    done_at   timestamptz
);
-- +goose Down
DROP TABLE identity.erasure, identity.audit_head, identity.audit, identity.enrolment, identity.invite,
    identity.claim, identity.key_secret, identity.key;
DROP FUNCTION identity.audit_is_append_only;
