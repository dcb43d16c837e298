package pricing

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

const riseColumns = `category, event, price_minor, chance, until, at`

func scanRise(r pgx.CollectableRow) (out Rise, err error) {
	err = r.Scan(&out.Category, &out.Event, &out.PriceMinor, &out.Chance, &out.Until, &out.At)
	return out, err
}

// lastRise is what was last said of a category's price; zero: nothing ever was.
func lastRise(tx *db.Tx, category id.ID) (Rise, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+riseColumns+` FROM pricing.rise WHERE category = $1 FOR UPDATE`, category)
	if err != nil {
		return Rise{}, db.Classify("pricing.lastRise", err)
	}
	r, err := pgx.CollectOneRow(rows, scanRise)
	if errors.Is(err, pgx.ErrNoRows) {
		return Rise{}, nil
	}
	return r, db.Classify("pricing.lastRise", err)
}

// lockRises are those of which something is said now, of an event or of all.
func lockRises(tx *db.Tx, event, category id.ID) ([]Rise, error) {
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT `+riseColumns+` FROM pricing.rise WHERE chance > 0 AND ($1::uuid = $3 OR event = $1) AND ($2::uuid = $3 OR category = $2)
		ORDER BY category FOR UPDATE`, event, category, id.Nil)
	if err != nil {
		return nil, db.Classify("pricing.takeBack", err)
	}
	out, err := pgx.CollectRows(rows, scanRise)
	return out, db.Classify("pricing.takeBack", err)
}

func keepRise(tx *db.Tx, r Rise) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO pricing.rise (`+riseColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (category) DO UPDATE SET event = $2, price_minor = $3, chance = $4, until = $5, at = $6`, r.Category, r.Event, r.PriceMinor, r.Chance, r.Until, r.At)
	return db.Classify("pricing.keepRise", err)
}

// isStopped reports whether a kill switch is thrown: the event's or the one of all.
func (s *Service) isStopped(ctx context.Context, event id.ID) (stop bool, err error) {
	err = s.db.Pool().QueryRow(ctx, `SELECT coalesce(bool_or(stopped), false) FROM pricing.stop WHERE event IN ($1, $2)`, event, id.Nil).Scan(&stop)
	return stop, db.Classify("pricing.isStopped", err)
}
