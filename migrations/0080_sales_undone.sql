-- +goose Up
-- Who was let in by mistake: the scan stays in the log, and its ticket is as if nobody had
-- gone in with it.
CREATE TABLE sales.scan_undone (
    scan      uuid        PRIMARY KEY,
    event     uuid        NOT NULL,
    device    text        NOT NULL,   -- who took it back
    undone_at timestamptz NOT NULL
);
CREATE INDEX ON sales.scan_undone (event, undone_at);

-- The times that somebody went in with a ticket, and stayed in.
CREATE VIEW sales.use AS
SELECT id, event, order_id, n, device, scanned_at, received_at, offline, answered
FROM sales.scan s WHERE let_in AND order_id IS NOT NULL AND NOT EXISTS (SELECT FROM sales.scan_undone u WHERE u.scan = s.id);

COMMENT ON TABLE sales.scan IS 'Every code that a scanner saw, for ever. One that was turned away by our answer is changed once, when its device reports that it had let somebody in before that came.';

-- +goose Down
COMMENT ON TABLE sales.scan IS NULL;
DROP VIEW sales.use;
DROP TABLE sales.scan_undone;
