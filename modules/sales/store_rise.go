package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// keepRise keeps what is said of a category's price, if there still is such a category.
func keepRise(tx *db.Tx, p facts.PriceRiseForeseen) error {
	_, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO sales.price_rise (category, event, price_minor, chance, until, good_until)
		SELECT id, event, $3, $4, $5, $6 FROM sales.category WHERE id = $1 AND event = $2
		ON CONFLICT (category) DO UPDATE SET price_minor = $3, chance = $4, until = $5, good_until = $6`, p.Category, p.Event, p.PriceMinor, p.Chance, p.Until, p.GoodUntil)
	return db.Classify("sales.keepRise", err)
}

func (s *Service) risesOf(ctx context.Context, event id.ID) (rises, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT category, price_minor, chance, until, good_until FROM sales.price_rise WHERE event = $1 AND chance > 0`, event)
	if err != nil {
		return nil, db.Classify("sales.risesOf", err)
	}
	out := rises{}
	var category id.ID
	var r rise
	_, err = pgx.ForEachRow(rows, []any{&category, &r.PriceMinor, &r.Chance, &r.Until, &r.GoodUntil}, func() error {
		out[category] = r
		return nil
	})
	return out, db.Classify("sales.risesOf", err)
}
