-- +goose Up
-- What clients of Azure's protocol say beyond what the hub keeps in its own form.
CREATE TABLE hub.azure_installation (
    app_id text  NOT NULL,
    id     text  NOT NULL,
    said   jsonb NOT NULL,
    PRIMARY KEY (app_id, id),
    FOREIGN KEY (app_id, id) REFERENCES hub.installation ON DELETE CASCADE
);

CREATE TABLE hub.azure_job (                           -- an export or import through blob storage
    id         uuid             PRIMARY KEY,
    app_id     text             NOT NULL REFERENCES hub.app ON DELETE CASCADE,
    type       text             NOT NULL,
    state      text             NOT NULL CHECK (state IN ('Started', 'Running', 'Completed', 'Failed')),
    output     bytea            NOT NULL,              -- sealed: the URL holds a secret
    input      bytea,                                  -- sealed
    progress   double precision NOT NULL DEFAULT 0,    -- 0 … 100
    done       bigint           NOT NULL DEFAULT 0,    -- registrations
    failed     bigint           NOT NULL DEFAULT 0,
    failure    text             NOT NULL DEFAULT '',
    created_at timestamptz      NOT NULL,
    updated_at timestamptz      NOT NULL
);
CREATE INDEX ON hub.azure_job (app_id, created_at DESC);
-- +goose Down
DROP TABLE hub.azure_job;
DROP TABLE hub.azure_installation;
