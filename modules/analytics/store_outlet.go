package analytics

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const outletColumns = `o.id, o.name, o.url, o.types, o.generation, o.rotated_at, o.paused, o.problem, o.failures, o.ok_at, o.created_at,
	(SELECT count(*) FROM analytics.outlet_delivery d WHERE d.outlet = o.id AND d.state = 'waiting'),
	(SELECT count(*) FROM analytics.outlet_delivery d WHERE d.outlet = o.id AND d.state = 'failed')`

func readOutlet(row pgx.CollectableRow) (o Outlet, err error) {
	err = row.Scan(&o.ID, &o.Name, &o.URL, &o.Types, &o.generation, &o.RotatedAt, &o.Paused, &o.Problem, &o.Failures, &o.OKAt, &o.CreatedAt, &o.Waiting, &o.Failed)
	o.CreatedAt = o.CreatedAt.UTC()
	return o, err
}

func outletOf(ctx context.Context, in querier, outlet id.ID) (Outlet, error) {
	const op = "analytics.Outlet"
	rows, err := in.Query(ctx, `SELECT `+outletColumns+` FROM analytics.outlet o WHERE o.id = $1`, outlet)
	if err != nil {
		return Outlet{}, db.Classify(op, err)
	}
	o, err := pgx.CollectExactlyOneRow(rows, readOutlet)
	if err = db.Classify(op, err); fault.Is(err, fault.NotFound) {
		return o, noOutlet(err)
	}
	return o, err
}

func noOutlet(err error) error {
	return fault.E("analytics.Outlet", fault.NotFound, "there is no such webhook", err).WithFix("GET /v1/webhooks lists them")
}

// Outlet finds one. Errors: fault.NotFound.
func (s *Service) Outlet(ctx context.Context, outlet id.ID) (Outlet, error) {
	return outletOf(ctx, s.db.Pool(), outlet)
}

// Outlets lists them by name.
func (s *Service) Outlets(ctx context.Context) ([]Outlet, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT `+outletColumns+` FROM analytics.outlet o ORDER BY o.name LIMIT 1000`)
	if err != nil {
		return nil, db.Classify("analytics.Outlets", err)
	}
	list, err := pgx.CollectRows(rows, readOutlet)
	return list, db.Classify("analytics.Outlets", err)
}

// openOutlets are those that facts go to now.
func openOutlets(tx *db.Tx) ([]Outlet, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT id, types FROM analytics.outlet WHERE NOT paused`)
	if err != nil {
		return nil, db.Classify("analytics.openOutlets", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Outlet, err error) {
		err = row.Scan(&o.ID, &o.Types)
		return o, err
	})
	return list, db.Classify("analytics.openOutlets", err)
}

func nameTaken(err error) error {
	if fault.Is(err, fault.Conflict) {
		return fault.BadField("analytics.Outlet", "name", "is another webhook's", "choose another")
	}
	return err
}

func insertOutlet(tx *db.Tx, o *Outlet) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO analytics.outlet (id, name, url, types, created_at) VALUES ($1, $2, $3, $4, $5)`, o.ID, o.Name, o.URL, o.Types, o.CreatedAt)
	return nameTaken(db.Classify("analytics.CreateOutlet", err))
}

func updateOutlet(tx *db.Tx, outlet id.ID, d OutletDraft) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.outlet SET name = $2, url = $3, types = $4 WHERE id = $1`, outlet, d.Name, d.URL, d.Types)
	return nameTaken(changedOne("analytics.ChangeOutlet", tag, err))
}

func changedOne(op string, tag pgconn.CommandTag, err error) error {
	if err != nil {
		return db.Classify(op, err)
	}
	if tag.RowsAffected() == 0 {
		return noOutlet(nil)
	}
	return nil
}

// setPaused pauses it or lets it go on; why is empty when a person did.
func setPaused(tx *db.Tx, outlet id.ID, paused bool, why string) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.outlet SET paused = $2, problem = $3, failures = 0 WHERE id = $1`, outlet, paused, why)
	return changedOne("analytics.PauseOutlet", tag, err)
}

func raiseGeneration(tx *db.Tx, outlet id.ID) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `UPDATE analytics.outlet SET generation = generation + 1, rotated_at = $2 WHERE id = $1`, outlet, tx.Now())
	return changedOne("analytics.RotateSecret", tag, err)
}

// RemoveOutlet removes it with its deliveries. Errors: fault.NotFound.
func (s *Service) RemoveOutlet(tx *db.Tx, outlet id.ID) error {
	tag, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM analytics.outlet WHERE id = $1`, outlet)
	return changedOne("analytics.RemoveOutlet", tag, err)
}
