package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// noGood tells a use whose ticket was no good by then.
const noGood = `answered IN ('void', 'wrong_version')`

func insertUndone(tx *db.Tx, event id.ID, uses []Use, device string) error {
	scans := make([]id.ID, len(uses))
	for i, u := range uses {
		scans[i] = u.Scan
	}
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.scan_undone (scan, event, device, undone_at) SELECT unnest($1::uuid[]), $2, $3, $4`, scans, event, device, tx.Now())
	return db.Classify("sales.Undo", err)
}

// Undones lists the uses at an event's doors that were taken back, the latest first.
func (s *Service) Undones(ctx context.Context, event id.ID) ([]Undone, error) {
	return rowsOf(ctx, s, "sales.Undones", func(row pgx.CollectableRow) (u Undone, err error) {
		return u, row.Scan(&u.Order, &u.N, &u.Scan, &u.Device, &u.At, &u.Offline, &u.By, &u.UndoneAt)
	}, `SELECT s.order_id, s.n, s.id, s.device, s.scanned_at, s.offline, u.device, u.undone_at
		FROM sales.scan_undone u JOIN sales.scan s ON s.id = u.scan WHERE u.event = $1 ORDER BY u.undone_at DESC, s.id`, event)
}

// Invalids lists the uses at an event's doors of tickets that were no good, the latest first.
func (s *Service) Invalids(ctx context.Context, event id.ID) ([]Invalid, error) {
	return rowsOf(ctx, s, "sales.Invalids", func(row pgx.CollectableRow) (u Invalid, err error) {
		return u, row.Scan(&u.Order, &u.N, &u.Verdict, &u.Scan, &u.Device, &u.At, &u.Offline)
	}, `SELECT order_id, n, answered, id, device, scanned_at, offline FROM sales.use
		WHERE event = $1 AND `+noGood+` ORDER BY scanned_at DESC, id`, event)
}

// undoneTickets are those of an event with which nobody is in any more, by our knowledge since then.
func (s *Service) undoneTickets(ctx context.Context, event id.ID, since time.Time) ([]UndoneTicket, error) {
	return rowsOf(ctx, s, "sales.DoorSnapshot", pgx.RowToStructByPos[UndoneTicket], `SELECT DISTINCT s.order_id, s.n FROM sales.scan_undone u JOIN sales.scan s ON s.id = u.scan
		WHERE u.event = $1 AND u.undone_at >= $2 AND NOT EXISTS (SELECT FROM sales.use x WHERE x.event = $1 AND x.order_id = s.order_id AND x.n = s.n) ORDER BY s.order_id, s.n`, event, since)
}
