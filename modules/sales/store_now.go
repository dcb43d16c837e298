package sales

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// nowSums is what events' orders and doors come to.
type nowSums struct {
	revenue, last map[string]int64 // minor units by currency: all, and since
	hour, in      int64            // tickets sold since; tickets let in
}

// sumsOf adds up what was sold of events, those that only play left out.
func (s *Service) sumsOf(ctx context.Context, events []Event, since time.Time) (sums nowSums, err error) {
	const op = "sales.sumsOf"
	sums = nowSums{revenue: map[string]int64{}, last: map[string]int64{}}
	var ids []id.ID
	for i := range events {
		if !events[i].Sandbox {
			ids = append(ids, events[i].ID)
		}
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT currency, sum(total_minor)::bigint, coalesce(sum(total_minor) FILTER (WHERE created_at >= $2), 0)::bigint, coalesce(sum(qty) FILTER (WHERE created_at >= $2), 0)::bigint
		FROM sales.orders WHERE event = ANY($1) AND cancelled_at IS NULL GROUP BY 1
		UNION ALL SELECT e.currency, sum(d.amount_minor)::bigint, 0, 0
		FROM sales.external_day d JOIN sales.category c ON c.id = d.category JOIN sales.event e ON e.id = c.event WHERE c.event = ANY($1) GROUP BY 1`, ids, since)
	if err != nil {
		return sums, db.Classify(op, err)
	}
	var currency string
	var all, last, hour int64
	_, err = pgx.ForEachRow(rows, []any{&currency, &all, &last, &hour}, func() error {
		sums.revenue[currency] += all
		sums.last[currency] += last
		sums.hour += hour
		return nil
	})
	if err != nil {
		return sums, db.Classify(op, err)
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM (SELECT DISTINCT order_id, n FROM sales.use WHERE event = ANY($1)) u`, ids).Scan(&sums.in)
	return sums, db.Classify(op, err)
}
