-- +goose Up
CREATE SCHEMA identity;

CREATE TABLE identity.person (
    id         uuid PRIMARY KEY,
    name       text        NOT NULL DEFAULT '',        -- as the provider tells it
    email      text        NOT NULL DEFAULT '',        -- to show; nobody is recognised by it, so it is not unique
    role       text        NOT NULL CHECK (role IN ('owner', 'admin', 'staff', 'scanner', 'customer')),
    locale     text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    seen_at    timestamptz
);
CREATE INDEX person_role ON identity.person (role, id) WHERE role <> 'customer';

-- One way a person signs in. Its key is what the provider vouches for.
CREATE TABLE identity.login (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    person_id  uuid        NOT NULL REFERENCES identity.person ON DELETE CASCADE,
    provider   text        NOT NULL,                   -- its name in config.yaml when the person used it last
    name       text        NOT NULL DEFAULT '',
    email      text        NOT NULL DEFAULT '',
    linked_at  timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX login_person ON identity.login (person_id);

CREATE TABLE identity.session (
    id         uuid PRIMARY KEY,
    secret     bytea       NOT NULL UNIQUE,            -- SHA-256
    person_id  uuid        NOT NULL REFERENCES identity.person ON DELETE CASCADE,
    provider   text        NOT NULL,                   -- how the person came in
    agent      text        NOT NULL DEFAULT '',
    signed_at  timestamptz NOT NULL,                   -- the sign-in itself: how fresh it is
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL                    -- whatever happens
);
CREATE INDEX session_person ON identity.session (person_id);
CREATE INDEX session_expiry ON identity.session (expires_at);

-- A sign-in on its way to a provider and back: ten minutes, single use.
CREATE TABLE identity.sign_in (
    state       bytea PRIMARY KEY,                     -- SHA-256 of what the provider returns
    browser     bytea       NOT NULL,                  -- SHA-256 of the cookie it is bound to
    provider    text        NOT NULL,
    nonce       text        NOT NULL,
    verifier    text        NOT NULL,                  -- PKCE
    return_path text        NOT NULL,
    purpose     text        NOT NULL CHECK (purpose IN ('sign-in', 'link', 'claim', 'invite')),
    session_id  uuid        REFERENCES identity.session ON DELETE CASCADE, -- that asks to link
    grant_hash  bytea,                                 -- of the claim or invite
    created_at  timestamptz NOT NULL,
    CHECK ((purpose = 'link') = (session_id IS NOT NULL)),
    CHECK ((purpose IN ('claim', 'invite')) = (grant_hash IS NOT NULL))
);
CREATE INDEX sign_in_age ON identity.sign_in (created_at);

-- Nonces of ours that an ID token has been exchanged for. Those still unused carry their own proof.
CREATE TABLE identity.used_nonce (
    nonce      bytea PRIMARY KEY,                      -- SHA-256
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_nonce_expiry ON identity.used_nonce (expires_at);

-- All tokens that descend from one sign-in of an app.
CREATE TABLE identity.token_family (
    id         uuid PRIMARY KEY,
    person_id  uuid        NOT NULL REFERENCES identity.person ON DELETE CASCADE,
    provider   text        NOT NULL,
    agent      text        NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX token_family_person ON identity.token_family (person_id);
CREATE INDEX token_family_expiry ON identity.token_family (expires_at);

CREATE TABLE identity.token (
    secret     bytea PRIMARY KEY,                      -- SHA-256
    family_id  uuid        NOT NULL REFERENCES identity.token_family ON DELETE CASCADE,
    kind       text        NOT NULL CHECK (kind IN ('access', 'refresh')),
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz                             -- a refresh token's one use
);
CREATE INDEX token_family_of ON identity.token (family_id);
CREATE INDEX token_expiry ON identity.token (expires_at);

-- +goose Down
DROP SCHEMA identity CASCADE;
