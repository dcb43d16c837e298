package stream

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// store is the SQL over the schema stream.
//
// The horizon is pg_snapshot_xmin: every transaction below it has ended, so no
// fact can appear below it any more, and every fact below it is visible.
type store struct{ db *db.DB }

// position is a place in a partition, between facts: those up to (xid, id) are before it.
type position struct {
	xid uint64
	id  int64
}

// cursor is a listener's locked place in a partition.
type cursor struct {
	position
	listener  string
	partition int16
	failures  int
	horizon   uint64
}

// register creates the missing cursors of a listener, at the horizon or at the beginning.
func (s store) register(ctx context.Context, listener string, beginning bool) error {
	_, err := s.db.Pool().Exec(ctx, `
		INSERT INTO stream.cursor (listener, partition, xid)
		SELECT $1, p, CASE WHEN $2 THEN '0'::xid8 ELSE pg_snapshot_xmin(pg_current_snapshot()) END
		FROM unnest($3::smallint[]) AS p
		ON CONFLICT (listener, partition) DO NOTHING`, listener, beginning, allPartitions)
	return db.Classify("stream.Register", err)
}

func (s store) horizon(ctx context.Context) (xid uint64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())`).Scan(&xid)
	return xid, db.Classify("stream.horizon", err)
}

// lastID is the id given to a fact last, committed or not; 0: none was. It costs microseconds.
func (s store) lastID(ctx context.Context) (last int64, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM stream.log_id_seq`).Scan(&last)
	return last, db.Classify("stream.lastID", err)
}

// quiet tells that no transaction with an xid is open. As a fact takes its xid
// before its id, every fact up to a lastID read before has become visible then,
// and is below the horizon.
func (s store) quiet(ctx context.Context) (quiet bool, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM pg_locks
		WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)`).Scan(&quiet)
	return quiet, db.Classify("stream.quiet", err)
}

// news is what a check of the log found.
type news struct {
	found   []found // facts of transactions from the former horizon on, by partition and type
	horizon uint64
	held    bool // some of the facts may not be below the horizon yet
	many    bool // more than were looked at: there may be news everywhere
}

type found struct {
	partition int16
	kind      string
	newest    uint64 // transaction
}

// newsLimit is how many facts a check looks at.
const newsLimit = 20_000

// news finds facts of transactions from seen on, where seen is a former horizon.
// So it finds each fact at least once after it became visible, and again until it
// is below the horizon.
func (s store) news(ctx context.Context, seen uint64) (n news, err error) {
	rows, err := s.db.Pool().Query(ctx, `
		SELECT h.horizon, coalesce(w.partition, 0), coalesce(w.type, ''), coalesce(w.newest, '0'), coalesce(w.n, 0)
		FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon) h LEFT JOIN (
			SELECT partition, type, max(xid) AS newest, count(*) AS n
			FROM (SELECT partition, type, xid FROM stream.log WHERE xid >= $1::xid8 ORDER BY xid LIMIT $2) l
			GROUP BY partition, type) w ON true`, seen, newsLimit)
	if err != nil {
		return n, db.Classify("stream.news", err)
	}
	var f found
	var each, all int
	_, err = pgx.ForEachRow(rows, []any{&n.horizon, &f.partition, &f.kind, &f.newest, &each}, func() error {
		if each > 0 {
			n.found, all = append(n.found, f), all+each
		}
		return nil
	})
	n.many = all >= newsLimit
	n.held = n.many || slices.ContainsFunc(n.found, func(f found) bool { return f.newest >= n.horizon })
	return n, db.Classify("stream.news", err)
}

// cursors are a listener's places in partitions, looked at without a lock.
func (s store) cursors(ctx context.Context, listener string, partitions []int16) (map[int16]position, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT partition, xid, id FROM stream.cursor
		WHERE listener = $1 AND partition = ANY($2)`, listener, partitions)
	if err != nil {
		return nil, db.Classify("stream.cursors", err)
	}
	all := map[int16]position{}
	var p int16
	var at position
	_, err = pgx.ForEachRow(rows, []any{&p, &at.xid, &at.id}, func() error { all[p] = at; return nil })
	return all, db.Classify("stream.cursors", err)
}

// behind gives the next facts behind a place in each of some partitions, at most each,
// below the horizon; a partition's are in their order.
func (s store) behind(ctx context.Context, asks []ask, types []string, each int) (facts map[int16][]Fact, horizon uint64, err error) {
	const op = "stream.read"
	var partitions []int16
	var xids []uint64
	var ids []int64
	for _, a := range asks {
		partitions, xids, ids = append(partitions, a.partition), append(xids, a.xid), append(ids, a.id)
	}
	if horizon, err = s.horizon(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT l.* FROM unnest($1::smallint[], $2::xid8[], $3::bigint[]) AS c(partition, xid, id)
		CROSS JOIN LATERAL (SELECT `+factColumns+` FROM stream.log l
			WHERE l.partition = c.partition AND (l.xid, l.id) > (c.xid, c.id) AND l.xid < $4::xid8
				AND (cardinality($5::text[]) = 0 OR l.type = ANY($5))
			ORDER BY l.xid, l.id LIMIT $6) l`, partitions, xids, ids, horizon, orEmpty(types), each)
	if err != nil {
		return nil, 0, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, scanFact)
	if err != nil {
		return nil, 0, db.Classify(op, err)
	}
	// They come in order already; SQL does not promise it without a sort of the whole rows.
	slices.SortStableFunc(all, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.XID, b.XID), cmp.Compare(a.ID, b.ID))
	})
	facts = map[int16][]Fact{}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Partition == all[0].Partition {
			n++
		}
		facts[all[0].Partition], all = slices.Clip(all[:n]), all[n:]
	}
	return facts, horizon, nil
}

// skip moves cursors over facts of types the listener does not want, but for those that
// have moved meanwhile. Otherwise a listener to a rare type would look through ever more
// of the log.
func (s store) skip(ctx context.Context, listener string, over map[int16]gap) error {
	var partitions []int16
	var xids, to []uint64
	var ids []int64
	for p, g := range over {
		partitions, xids, ids, to = append(partitions, p), append(xids, g.from.xid), append(ids, g.from.id), append(to, g.to)
	}
	_, err := s.db.Pool().Exec(ctx, `UPDATE stream.cursor c SET xid = w.horizon, id = 0
		FROM (SELECT c.listener, c.partition, w.horizon FROM stream.cursor c
			JOIN unnest($2::smallint[], $3::xid8[], $4::bigint[], $5::xid8[]) AS w(partition, xid, id, horizon) ON c.partition = w.partition AND c.xid = w.xid AND c.id = w.id
			WHERE c.listener = $1 ORDER BY c.partition FOR UPDATE OF c SKIP LOCKED) w
		WHERE c.listener = w.listener AND c.partition = w.partition`, listener, partitions, xids, ids, to)
	return db.Classify("stream.skip", err)
}

// gap is a part of a partition that holds nothing for a listener.
type gap struct {
	from position
	to   uint64 // a horizon
}

// lockCursor takes the cursor until the transaction ends; locked is false when
// another reader has it.
func lockCursor(tx *db.Tx, listener string, p int16) (c cursor, locked bool, err error) {
	c.listener, c.partition = listener, p
	err = tx.Conn().QueryRow(tx.Ctx(), `
		SELECT xid, id, failures, pg_snapshot_xmin(pg_current_snapshot())
		FROM stream.cursor WHERE listener = $1 AND partition = $2 FOR UPDATE SKIP LOCKED`, listener, p).
		Scan(&c.xid, &c.id, &c.failures, &c.horizon)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, nil
	}
	return c, err == nil, db.Classify("stream.lock", err)
}

// factColumns and scanFact belong together.
const factColumns = `partition, xid, id, type, key, source, source_id, time, received_at, data`

func scanFact(r pgx.CollectableRow) (f Fact, err error) {
	err = r.Scan(&f.Partition, &f.XID, &f.ID, &f.Type, &f.Key, &f.Source, &f.SourceID, &f.Time, &f.ReceivedAt, (*[]byte)(&f.Data)) // as bytes: pgx would have a RawMessage checked again
	f.Time, f.ReceivedAt = f.Time.UTC(), f.ReceivedAt.UTC()
	return f, err
}

// read gives the listener's next facts below the cursor's horizon.
func read(tx *db.Tx, c cursor, types []string, limit int) ([]Fact, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `
		SELECT `+factColumns+` FROM stream.log
		WHERE partition = $1 AND (xid, id) > ($2::xid8, $3::bigint) AND xid < $4::xid8
			AND (cardinality($5::text[]) = 0 OR type = ANY($5))
		ORDER BY xid, id LIMIT $6`, c.partition, c.xid, c.id, c.horizon, orEmpty(types), limit)
	if err != nil {
		return nil, db.Classify("stream.read", err)
	}
	facts, err := pgx.CollectRows(rows, scanFact)
	return facts, db.Classify("stream.read", err)
}

// moveCursor sets the locked cursor to a new position.
func moveCursor(tx *db.Tx, c cursor, to position) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `
		UPDATE stream.cursor SET xid = $3, id = $4, failures = 0, moved_at = $5
		WHERE listener = $1 AND partition = $2`, c.listener, c.partition, to.xid, to.id, tx.Now())
	return db.Classify("stream.move", err)
}

// fail counts a failure of f, the fact right after at, and parks it after the last
// attempt. It does nothing when the cursor has moved since.
func (s store) fail(ctx context.Context, at cursor, f Fact, attempts int, cause error) (failures int, parked bool, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		c, locked, err := lockCursor(tx, at.listener, at.partition)
		if err != nil || !locked || c.position != at.position {
			return err
		}
		failures = c.failures + 1
		if failures < attempts {
			_, err = tx.Conn().Exec(ctx, `UPDATE stream.cursor SET failures = $3 WHERE listener = $1 AND partition = $2`,
				c.listener, c.partition, failures)
			return db.Classify("stream.fail", err)
		}
		parked = true
		if err := park(tx, c.listener, f, cause); err != nil {
			return err
		}
		return moveCursor(tx, c, position{f.XID, f.ID})
	})
	return failures, parked && err == nil, err
}

// park puts a fact aside; one that is parked already, before a replay, gets the new error.
func park(tx *db.Tx, listener string, f Fact, cause error) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `
		INSERT INTO stream.parked (id, listener, partition, xid, log_id, type, key, source, source_id, time, received_at, data, error, parked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (listener, xid, log_id) DO UPDATE SET error = excluded.error, parked_at = excluded.parked_at`,
		id.New(), listener, f.Partition, f.XID, f.ID, f.Type, f.Key, f.Source, f.SourceID, f.Time, f.ReceivedAt, f.Data, clean(cause), tx.Now())
	return db.Classify("stream.park", err)
}

// clean makes an error's text fit for a text column.
func clean(err error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "�"), "\x00", "")
	if len(text) > 2000 {
		text = strings.ToValidUTF8(text[:2000], "") + "…"
	}
	return text
}

func orEmpty(types []string) []string {
	if types == nil {
		return []string{}
	}
	return types
}
