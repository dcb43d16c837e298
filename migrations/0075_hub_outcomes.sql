-- +goose Up
-- Outcomes that are alike are one row: of a batch of 5,000 mostly one. A row for each cost six times
-- the work and the disk (docs/adr/0038). What reads deliveries one by one reads the view.
CREATE TABLE hub.outcome (
    day              date          NOT NULL,            -- when the batch was recorded
    chunk_no         bigint        NOT NULL,
    notification_no  bigint        NOT NULL,
    status           smallint      NOT NULL,            -- the service's HTTP status; 0: it was not asked
    attempts         smallint      NOT NULL,
    state            text          NOT NULL,            -- delivered, gone, quarantined, failed, expired, capped, skipped
    reason           text          NOT NULL,
    installation_nos bigint[]      NOT NULL,
    ats              timestamptz[] NOT NULL             -- when each was known, in the same order
) PARTITION BY RANGE (day);
ALTER TABLE hub.outcome ALTER COLUMN installation_nos SET STORAGE EXTERNAL, ALTER COLUMN ats SET STORAGE EXTERNAL; -- compressing takes longer than writing
CREATE INDEX ON hub.outcome (chunk_no);
CREATE TABLE hub.outcome_other PARTITION OF hub.outcome DEFAULT;

INSERT INTO hub.outcome
    SELECT day, chunk_no, notification_no, status, attempts, state, reason, array_agg(installation_no), array_agg(at)
    FROM hub.delivery GROUP BY day, chunk_no, notification_no, status, attempts, state, reason;
DROP TABLE hub.delivery;

CREATE VIEW hub.delivery AS
    SELECT o.day, o.chunk_no, o.notification_no, d.installation_no, d.at, o.status, o.attempts, o.state, o.reason
    FROM hub.outcome o CROSS JOIN LATERAL unnest(o.installation_nos, o.ats) AS d (installation_no, at);

-- +goose Down
CREATE TABLE hub.delivery_row (
    day             date        NOT NULL,
    chunk_no        bigint      NOT NULL,
    notification_no bigint      NOT NULL,
    installation_no bigint      NOT NULL,
    at              timestamptz NOT NULL,
    status          smallint    NOT NULL,
    attempts        smallint    NOT NULL,
    state           text        NOT NULL,
    reason          text        NOT NULL
) PARTITION BY RANGE (day);
CREATE TABLE hub.delivery_other PARTITION OF hub.delivery_row DEFAULT;
INSERT INTO hub.delivery_row SELECT * FROM hub.delivery;
DROP VIEW hub.delivery;
DROP TABLE hub.outcome;
ALTER TABLE hub.delivery_row RENAME TO delivery;
CREATE INDEX ON hub.delivery (chunk_no);
