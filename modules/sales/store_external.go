package sales

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// eventsOfShops finds events by what their shops call them.
func eventsOfShops(tx *db.Tx, names []string) (map[string]*soldEvent, error) {
	const op = "sales.eventsOfShops"
	rows, err := tx.Conn().Query(tx.Ctx(), `SELECT e.shop, e.id, e.zone, e.currency, c.shop_name, c.id FROM sales.event e
		JOIN sales.category c ON c.event = e.id WHERE e.shop <> '' AND e.shop = ANY($1)`, names)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	found := map[string]*soldEvent{}
	var shop, zone, money, name string
	var event, category id.ID
	_, err = pgx.ForEachRow(rows, []any{&shop, &event, &zone, &money, &name, &category}, func() error {
		e := found[shop]
		if e == nil {
			e = &soldEvent{id: event, currency: money, categories: map[string]id.ID{}}
			if e.place, err = time.LoadLocation(zone); err != nil {
				e.place = time.UTC
			}
			found[shop] = e
		}
		if name == "" { // not named yet: found by being the only one
			name = category.String()
		}
		e.categories[name] = category
		return nil
	})
	return found, db.Classify(op, err)
}

func noteDays(tx *db.Tx, days map[dayOf]dayCount) error {
	b := &pgx.Batch{}
	for _, at := range slices.SortedFunc(maps.Keys(days), func(a, b dayOf) int { return compareIDs(a.category, b.category) }) {
		n := days[at]
		b.Queue(`INSERT INTO sales.external_day AS d (category, day, sold, returned, amount_minor) VALUES ($1, $2::text::date, $3, $4, $5)
			ON CONFLICT (category, day) DO UPDATE SET sold = d.sold + excluded.sold, returned = d.returned + excluded.returned,
				amount_minor = d.amount_minor + excluded.amount_minor`, at.category, at.day, n.sold, n.returned, n.amount)
	}
	return db.Classify("sales.noteDays", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func noteStrays(tx *db.Tx, strays map[strayName]int) error {
	b := &pgx.Batch{}
	for at, n := range strays {
		b.Queue(`INSERT INTO sales.external_stray AS s (event, name, tickets, last_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (event, name) DO UPDATE SET tickets = s.tickets + excluded.tickets, last_at = excluded.last_at`, at.event, at.name, n, tx.Now())
	}
	return db.Classify("sales.noteStrays", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

// moveStock makes what is sold of categories what their days add up to, and returns
// those whose last ticket that was. The shop is right: what it sold beyond the capacity
// raises the capacity.
func moveStock(tx *db.Tx, moved map[id.ID]bool) (ended []remaining, err error) {
	for _, category := range slices.SortedFunc(maps.Keys(moved), compareIDs) {
		r := remaining{stock: category}
		var before int
		err := tx.Conn().QueryRow(tx.Ctx(), `WITH was AS (SELECT id, sold, capacity FROM sales.stock WHERE id = $1 FOR UPDATE),
			told AS (SELECT greatest(coalesce(sum(sold - returned), 0), 0)::int AS sold FROM sales.external_day WHERE category = $1)
			UPDATE sales.stock s SET sold = told.sold, capacity = greatest(s.capacity, told.sold)
			FROM was, told WHERE s.id = was.id RETURNING s.event, was.capacity - was.sold, s.capacity - s.sold`, category).Scan(&r.event, &before, &r.left)
		if err != nil {
			return nil, db.Classify("sales.moveStock", err)
		}
		if before > 0 && r.left == 0 {
			ended = append(ended, r)
		}
	}
	return ended, nil
}

// strays are sales of an event that no category here is the name of.
func (s *Service) strays(ctx context.Context, e *Event) ([]Stray, error) {
	if e.Shop == "" {
		return nil, nil
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT name, tickets, last_at FROM sales.external_stray WHERE event = $1 ORDER BY last_at DESC LIMIT 50`, e.ID)
	if err != nil {
		return nil, db.Classify("sales.strays", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Stray, err error) {
		var tickets int
		var at time.Time
		err = row.Scan(&v.Name, &tickets, &at)
		// A refund may be told before its sale.
		v.Tickets, v.Last = web.Number(max(tickets, 0)), e.on(&at)
		return v, err
	})
	return list, db.Classify("sales.strays", err)
}

// noShops reports that every event is sold here.
func noShops(ctx context.Context, tx *db.Tx) (none bool, err error) {
	err = tx.Conn().QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM sales.event WHERE shop <> '')`).Scan(&none)
	return none, db.Classify("sales.noShops", err)
}
