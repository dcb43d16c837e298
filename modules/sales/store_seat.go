package sales

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// insertSeats makes a row and a stock of one for every seat of the category.
func insertSeats(tx *db.Tx, c *Category) error {
	if !c.Seated() {
		return nil
	}
	n := c.Rows * c.Columns
	names, rows, columns := make([]string, 0, n), make([]int, 0, n), make([]int, 0, n)
	for row := range c.Rows {
		for column := range c.Columns {
			names, rows, columns = append(names, id.New().String()), append(rows, row+1), append(columns, column+1)
		}
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO sales.seat (id, category, seat_row, seat_column)
		SELECT id, $2, r, c FROM unnest($1::uuid[], $3::int[], $4::int[]) AS s (id, r, c)`, names, c.ID, rows, columns)
	b.Queue(`INSERT INTO sales.stock (id, event, capacity) SELECT id, $2, 1 FROM unnest($1::uuid[]) AS s (id)`, names, c.Event)
	return db.Classify("sales.insertSeats", tx.Conn().SendBatch(tx.Ctx(), b).Close())
}

func (s *Service) replaceSeats(tx *db.Tx, c *Category) error {
	const op = "sales.ChangeCategory"
	if err := deleteSeatStock(tx, op, c.ID); err != nil {
		return err
	}
	if _, err := tx.Conn().Exec(tx.Ctx(), `DELETE FROM sales.seat WHERE category = $1`, c.ID); err != nil {
		return db.Classify(op, err)
	}
	return insertSeats(tx, c)
}

func deleteSeatStock(tx *db.Tx, op string, category id.ID) error {
	return deleteStock(tx, op, tx.ORM().Where("id IN (SELECT id FROM sales.seat WHERE category = ?)", category))
}

// seatsOf lists the seats of categories, in the order of rows and columns.
func (s *Service) seatsOf(ctx context.Context, categories []id.ID) (map[id.ID][]Seat, error) {
	const op = "sales.seatsOf"
	rows, err := s.db.Pool().Query(ctx, `SELECT s.category, s.id, s.seat_row, s.seat_column, k.sold + k.held = 0
		FROM sales.seat s JOIN sales.stock k ON k.id = s.id WHERE s.category = ANY($1) ORDER BY s.category, s.seat_row, s.seat_column`, categories)
	if err != nil {
		return nil, db.Classify(op, err)
	}
	out := map[id.ID][]Seat{}
	var category id.ID
	var seat Seat
	_, err = pgx.ForEachRow(rows, []any{&category, &seat.ID, &seat.Row, &seat.Column, &seat.Free}, func() error {
		out[category] = append(out[category], seat)
		return nil
	})
	return out, db.Classify(op, err)
}

// Seats lists a category's seats with what is free now.
func (s *Service) Seats(ctx context.Context, category id.ID) ([]Seat, error) {
	all, err := s.seatsOf(ctx, []id.ID{category})
	return all[category], err
}
