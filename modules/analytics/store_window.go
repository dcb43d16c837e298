package analytics

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/analytics/window"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// lockMarks reads the batch's marks in its partition and keeps finals from moving
// them meanwhile.
func lockMarks(tx *db.Tx, b *windowBatch) error {
	const op = "analytics.lockMarks"
	byID := map[int64]*intake{}
	var ids []int64
	for _, t := range b.intakes {
		byID[t.id] = t
		ids = append(ids, t.id)
	}
	rows, err := tx.Conn().Query(tx.Ctx(), `
		SELECT query, at, xid, log_id, facts, early, late, out_of_order, dropped, unusable, overflow FROM analytics.watermark
		WHERE query = ANY($1) AND partition = $2 ORDER BY query FOR UPDATE`, ids, b.partition)
	if err != nil {
		return db.Classify(op, err)
	}
	var id int64
	var at time.Time
	var m mark
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &m.xid, &m.logID, &m.facts, &m.Early, &m.Late, &m.OutOfOrder, &m.Dropped, &m.unusable, &m.overflow}, func() error {
		m.At = window.At(at)
		byID[id].mark, byID[id].before = m, m.At
		return nil
	})
	return db.Classify(op, err)
}

// admitKeys tells which of the keys the query may hold state for: those it has,
// and new ones up to its limit. keys are sorted, so that two partitions that bring
// the same new ones wait for each other in one direction only.
func admitKeys(tx *db.Tx, query int64, most int, keys []string) (map[string]bool, error) {
	const op = "analytics.admitKeys"
	admitted := map[string]bool{}
	note := func(rows pgx.Rows, err error) error {
		if err != nil {
			return db.Classify(op, err)
		}
		var key string
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error { admitted[key] = true; return nil })
		return db.Classify(op, err)
	}
	if err := note(tx.Conn().Query(tx.Ctx(), `SELECT key FROM analytics.series WHERE query = $1 AND key = ANY($2)`, query, keys)); err != nil {
		return nil, err
	}
	var fresh []string
	for _, k := range keys {
		if !admitted[k] {
			fresh = append(fresh, k)
		}
	}
	if len(fresh) == 0 {
		return admitted, nil
	}
	return admitted, note(tx.Conn().Query(tx.Ctx(), `
		INSERT INTO analytics.series (query, key)
		SELECT $1, k FROM unnest($2::text[]) WITH ORDINALITY AS f(k, no)
		ORDER BY no LIMIT greatest($3 - (SELECT count(*) FROM analytics.series WHERE query = $1), 0)
		ON CONFLICT (query, key) DO UPDATE SET key = excluded.key RETURNING key`, query, fresh, most))
}

// rows of analytics.partial, by column.
type partRows struct {
	queries      []int64
	keys         []string
	starts, ends []time.Time
	facts        []int64
	states       [][]byte
}

// place names a row, or from when on rows matter.
func (r *partRows) place(query int64, key string, at time.Time) {
	r.queries, r.keys, r.starts = append(r.queries, query), append(r.keys, key), append(r.starts, at)
}

func (r *partRows) add(query int64, key string, p window.Part) {
	r.place(query, key, p.Start.Time())
	r.ends = append(r.ends, p.End.Time())
	r.facts, r.states = append(r.facts, p.Facts), append(r.states, p.State.AppendBinary(nil))
}

// joinStored joins the batch's parts with those that are stored for the same
// panes, and with the sessions of the same keys that the batch may reach, which it
// takes out of the table: a session may begin earlier now, or two have become one.
func joinStored(tx *db.Tx, b *windowBatch) error {
	const op = "analytics.joinStored"
	byID := map[int64]*intake{}
	var panes, sessions partRows
	for _, t := range b.intakes {
		byID[t.id] = t
		for key, parts := range t.parts {
			if t.window.Kind == window.Session {
				sessions.place(t.id, key, t.before.Time().Add(-t.window.Gap))
				continue
			}
			for _, p := range parts {
				panes.place(t.id, key, p.Start.Time())
			}
		}
	}
	join := func(rows pgx.Rows, err error) error {
		if err != nil {
			return db.Classify(op, err)
		}
		return eachPart(rows, func(query int64) window.Aggregate { return byID[query].aggregate }, func(query int64, key string, p window.Part) {
			t := byID[query]
			t.parts[key] = t.window.Join(t.parts[key], []window.Part{p})
		})
	}
	if len(panes.queries) > 0 {
		if err := join(tx.Conn().Query(tx.Ctx(), `
			SELECT p.query, p.key, p.start_at, p.end_at, p.facts, p.state
			FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS w(query, key, start_at)
			JOIN analytics.partial p ON p.query = w.query AND p.partition = $1 AND p.key = w.key AND p.start_at = w.start_at`,
			b.partition, panes.queries, panes.keys, panes.starts)); err != nil {
			return err
		}
	}
	if len(sessions.queries) == 0 {
		return nil
	}
	return join(tx.Conn().Query(tx.Ctx(), `
		DELETE FROM analytics.partial p USING unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS w(query, key, reach)
		WHERE p.query = w.query AND p.partition = $1 AND p.key = w.key AND p.end_at >= w.reach
		RETURNING p.query, p.key, p.start_at, p.end_at, p.facts, p.state`, b.partition, sessions.queries, sessions.keys, sessions.starts))
}

// eachPart reads parts. A state that does not decode is a fault of ours.
func eachPart(rows pgx.Rows, of func(query int64) window.Aggregate, do func(query int64, key string, p window.Part)) error {
	var query, facts int64
	var key string
	var start, end time.Time
	var state []byte
	_, err := pgx.ForEachRow(rows, []any{&query, &key, &start, &end, &facts, &state}, func() error {
		s, err := of(query).Decode(state)
		if err != nil {
			return fault.E("analytics.readParts", fault.Internal, "the state of a window cannot be read", err)
		}
		do(query, key, window.Part{Start: window.At(start), End: window.At(end), Facts: facts, State: s})
		return nil
	})
	return db.Classify("analytics.readParts", err)
}

// saveBatch writes the batch's parts and marks, one statement for each kind.
func saveBatch(tx *db.Tx, b *windowBatch) error {
	var rows partRows
	batch := &pgx.Batch{}
	for _, t := range b.intakes {
		for key, parts := range t.parts {
			for _, p := range parts {
				rows.add(t.id, key, p)
			}
		}
		m := t.mark
		batch.Queue(`UPDATE analytics.watermark SET at = $3, xid = $4::xid8, log_id = $5, facts = $6, early = $7, late = $8, out_of_order = $9,
				dropped = $10, unusable = $11, overflow = $12 WHERE query = $1 AND partition = $2`,
			t.id, b.partition, m.At.Time(), m.xid, m.logID, m.facts, m.Early, m.Late, m.OutOfOrder, m.Dropped, m.unusable, m.overflow)
	}
	batch.Queue(`
		INSERT INTO analytics.partial (query, partition, key, start_at, end_at, facts, state)
		SELECT query, $1, key, start_at, end_at, facts, state
		FROM unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bytea[])
			AS w(query, key, start_at, end_at, facts, state)
		ON CONFLICT (query, partition, key, start_at) DO UPDATE SET end_at = excluded.end_at, facts = excluded.facts, state = excluded.state`,
		b.partition, rows.queries, rows.keys, rows.starts, rows.ends, rows.facts, rows.states)
	return db.Classify("analytics.saveBatch", tx.Conn().SendBatch(tx.Ctx(), batch).Close())
}
