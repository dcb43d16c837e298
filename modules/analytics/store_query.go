package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// standing is a query with all that its runtime needs.
type standing struct {
	Query
	*plan
	completeFrom time.Time
	finalBefore  time.Time
	replayedAt   *time.Time
}

const queryColumns = `id, definition, origin, since, complete_from, final_before, replayed_at, paused_at, created_at, updated_at`

func scanQuery(r pgx.CollectableRow) (q standing, err error) {
	err = r.Scan(&q.id, &q.Definition, &q.Origin, &q.Since, &q.completeFrom, &q.finalBefore, &q.replayedAt, &q.PausedAt, &q.CreatedAt, &q.UpdatedAt)
	for _, t := range []*time.Time{&q.Since, &q.completeFrom, &q.finalBefore, q.replayedAt, q.PausedAt, &q.CreatedAt, &q.UpdatedAt} {
		if t != nil {
			*t = t.UTC()
		}
	}
	return q, err
}

// collect reads queries and makes their plans. A definition that an older version
// of Usher accepted and this one does not is left out, with an error in the log.
func (s *Service) collect(op string, rows pgx.Rows, err error) ([]standing, error) {
	if err != nil {
		return nil, db.Classify(op, err)
	}
	all, err := pgx.CollectRows(rows, scanQuery)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	usable := all[:0]
	for _, q := range all {
		if q.plan, err = s.cfg.Windows.plan(q.Definition); err != nil {
			s.log.Error("a standing query cannot run: edit it", "query", q.Name, "error", err)
			continue
		}
		usable = append(usable, q)
	}
	return usable, nil
}

// standings lists all queries by name.
func (s *Service) standings(ctx context.Context) ([]standing, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+queryColumns+` FROM analytics.query ORDER BY name`)
	return s.collect("analytics.Queries", rows, err)
}

// listening gives the running queries for any of the types and keeps them from
// being changed until the transaction ends. Finals are not held up by it.
func (s *Service) listening(tx *db.Tx, types []string) ([]standing, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+queryColumns+` FROM analytics.query
		WHERE paused_at IS NULL AND types && $1 ORDER BY id FOR KEY SHARE`, types)
	return s.collect("analytics.listening", rows, err)
}

// findQuery is the query of a name. Errors: fault.NotFound.
func (s *Service) findQuery(ctx context.Context, name string) (standing, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+queryColumns+` FROM analytics.query WHERE name = $1`, name)
	q, err := oneQuery(rows, err)
	if err == nil {
		q.plan, err = s.cfg.Windows.plan(q.Definition)
	}
	return q, err
}

// lockQuery is the query of a name, to be changed, without its plan; no batch and
// no final of it is under way then. Errors: fault.NotFound.
func (s *Service) lockQuery(tx *db.Tx, name string) (standing, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+queryColumns+` FROM analytics.query WHERE name = $1 FOR UPDATE`, name)
	return oneQuery(rows, err)
}

func oneQuery(rows pgx.Rows, err error) (standing, error) {
	const op = "analytics.Query"
	if err != nil {
		return standing{}, db.Classify(op, err)
	}
	q, err := pgx.CollectExactlyOneRow(rows, scanQuery)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, fault.E(op, fault.NotFound, "there is no standing query of this name", nil).WithFix("GET /v1/queries lists them")
	}
	return q, db.Classify(op, err)
}

// insertQuery stores a new query that counts from now on. Errors: fault.Conflict
// when the name is taken.
func insertQuery(tx *db.Tx, d Definition, origin string) (id int64, err error) {
	const op = "analytics.CreateQuery"
	err = tx.Conn().QueryRow(tx.Ctx(), `
		INSERT INTO analytics.query (name, definition, types, origin, since, complete_from, final_before, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $5, $5, $5, $5) ON CONFLICT (name) DO NOTHING RETURNING id`,
		d.Name, d, d.Types, origin, tx.Now()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fault.E(op, fault.Conflict, "there is a standing query named "+d.Name+" already", nil).WithFix("choose another name, or change that one")
	}
	return id, db.Classify(op, err)
}

func countQueries(tx *db.Tx) (n int, err error) {
	err = tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*) FROM analytics.query`).Scan(&n)
	return n, db.Classify("analytics.CreateQuery", err)
}

// redefine replaces a locked query's definition and origin.
func redefine(tx *db.Tx, id int64, d Definition, origin string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.query SET definition = $2, types = $3, origin = $4, version = version + 1,
		updated_at = $5 WHERE id = $1`, id, d, d.Types, origin, tx.Now())
	return db.Classify("analytics.EditQuery", err)
}

// begin makes a locked query count anew: facts received since, which is all that
// windows from completeFrom on hold. Its state is dropped, and the final outputs of
// these windows.
func begin(tx *db.Tx, id int64, p *plan, since, completeFrom time.Time, replayed *time.Time) error {
	const op = "analytics.begin"
	late := p.policy.Late
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM analytics.partial WHERE query = $1`, id)
	b.Queue(`DELETE FROM analytics.series WHERE query = $1`, id)
	b.Queue(`DELETE FROM analytics.output WHERE query = $1 AND start_at >= $2`, id, p.firstComplete(completeFrom))
	b.Queue(`DELETE FROM analytics.watermark WHERE query = $1`, id)
	b.Queue(`INSERT INTO analytics.watermark (query, partition, at) SELECT $1, p, $2 FROM generate_series(0, $3 - 1) p`,
		id, since.Add(-late), db.Partitions)
	b.Queue(`UPDATE analytics.query SET since = $2, complete_from = $3, final_before = $4, replayed_at = $5, paused_at = NULL WHERE id = $1`,
		id, since, completeFrom, since.Add(-late), replayed)
	return db.Classify(op, tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// earliestOpen is when the earliest part begins that is not in a final window; now
// when there is none.
func (s *Service) earliestOpen(ctx context.Context, id int64) (time.Time, error) {
	t := s.db.Now()
	err := s.db.Pool().QueryRow(ctx, `SELECT coalesce(min(start_at), $2) FROM analytics.partial WHERE query = $1`, id, t).Scan(&t)
	return t.UTC(), db.Classify("analytics.ReplayQuery", err)
}

// dropOutputs deletes the outputs of a locked query.
func dropOutputs(tx *db.Tx, id int64) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM analytics.output WHERE query = $1`, id)
	return db.Classify("analytics.EditQuery", err)
}

// lockConfigured lets one process at a time take the configuration over.
func lockConfigured(tx *db.Tx) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `SELECT pg_advisory_xact_lock(hashtext('usher.analytics.queries'))`)
	return db.Classify("analytics.Start", err)
}

// releaseOthers pauses the queries of an earlier configuration that are not among
// names, and leaves them to the dashboard.
func releaseOthers(tx *db.Tx, names []string) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.query SET origin = $1, paused_at = coalesce(paused_at, $2)
		WHERE origin = $3 AND name <> ALL($4)`, originDashboard, tx.Now(), originConfig, append([]string{}, names...))
	return db.Classify("analytics.Start", err)
}

// pause stops a locked query, or lets it go on: it counts what is received from now on.
func pause(tx *db.Tx, id int64, stop bool) error {
	sql := `UPDATE analytics.query SET paused_at = NULL, since = $2 WHERE id = $1 AND paused_at IS NOT NULL`
	if stop {
		sql = `UPDATE analytics.query SET paused_at = $2 WHERE id = $1 AND paused_at IS NULL`
	}
	_, err := tx.Conn().Exec(tx.Ctx(), sql, id, tx.Now())
	return db.Classify("analytics.PauseQuery", err)
}

// dropQuery deletes a locked query with everything it counted.
func dropQuery(tx *db.Tx, id int64) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM analytics.partial WHERE query = $1`, id)
	b.Queue(`DELETE FROM analytics.output WHERE query = $1`, id)
	b.Queue(`DELETE FROM analytics.query WHERE id = $1`, id)
	return db.Classify("analytics.DeleteQuery", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}
