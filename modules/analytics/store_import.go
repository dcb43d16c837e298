package analytics

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const importColumns = `id, name, format, events, done, state, problem, by_whom`

func (i *Import) places() []any {
	return []any{&i.ID, &i.Name, &i.Format, &i.Events, &i.Done, &i.State, &i.Problem, &i.By}
}

func insertImport(tx *db.Tx, i Import, file []byte) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.history_import (`+importColumns+`, file, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		i.ID, i.Name, i.Format, i.Events, i.Done, i.State, i.Problem, i.By, file, tx.Now())
	return db.Classify("analytics.BeginImport", err)
}

// noteImport notes how far an import is; the file goes once it is in.
func noteImport(tx *db.Tx, i Import) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.history_import SET done = $2, state = $3, problem = $4, file = CASE WHEN $3 IN ('done', 'failed') THEN NULL ELSE file END WHERE id = $1`,
		i.ID, i.Done, i.State, i.Problem)
	return db.Classify("analytics.noteImport", err)
}

// importFile is an import with its file. Errors: fault.NotFound.
func (s *Service) importFile(ctx context.Context, which id.ID) (i Import, file []byte, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT `+importColumns+`, coalesce(file, '') FROM analytics.history_import WHERE id = $1`, which).Scan(append(i.places(), &file)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, nil, fault.E("analytics.Import", fault.NotFound, "there is no such import", nil)
	}
	return i, file, db.Classify("analytics.Import", err)
}

// imports are the latest.
func (s *Service) imports(ctx context.Context, limit int) ([]Import, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+importColumns+` FROM analytics.history_import ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, db.Classify("analytics.imports", err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (i Import, err error) { return i, r.Scan(i.places()...) })
	return out, db.Classify("analytics.imports", err)
}
