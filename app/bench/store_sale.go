package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usherhq/usher/modules/kernel/id"
)

// auditSale asks the database whether just so many orders and tickets of a concert
// are sold as its clients were told. schema is whose tables.
func auditSale(ctx context.Context, url, schema string, c concert, orders, qty int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var sold, held, capacity, tickets, asked, placed, keys int
	err = conn.QueryRow(ctx, `SELECT s.sold, s.held, s.capacity, (SELECT count(*) FROM `+schema+`.ticket WHERE category = s.id),
		o.qty, o.n, o.keys FROM `+schema+`.stock s, (SELECT coalesce(sum(qty), 0) AS qty, count(*) AS n, count(DISTINCT repeat_key) AS keys FROM `+schema+`.orders WHERE event = $2) o
		WHERE s.id = $1`, c.Category, c.Event).Scan(&sold, &held, &capacity, &tickets, &asked, &placed, &keys)
	if err != nil {
		return err
	}
	if sold != tickets || sold != asked || sold != orders*qty || sold+held > capacity || placed != orders || keys != orders {
		return fmt.Errorf("%d orders of %d were acknowledged, but %d tickets are sold and %d held of %d, there are %d tickets, %d orders of %d in all, %d keys", orders, qty, sold, held, capacity, tickets, placed, asked, keys)
	}
	return nil
}

// tidy has PostgreSQL do now what it would do at some time of its own: vacuum, and write
// all that has changed into its files.
func tidy(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err = conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CHECKPOINT")
	return err
}

// stockOf makes something to sell, without a catalogue around it.
func stockOf(ctx context.Context, url string, capacity int) (concert, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return concert{}, err
	}
	defer conn.Close(ctx)
	c := concert{id.New().String(), id.New().String()}
	_, err = conn.Exec(ctx, `INSERT INTO sales.stock (id, event, capacity) VALUES ($1, $2, $3)`, c.Category, c.Event, capacity)
	return c, err
}

// earlierOrders puts orders of one ticket each into the tables, as if they had been sold
// before, and lets PostgreSQL do what it does after such a while.
func earlierOrders(ctx context.Context, url string, c concert, n int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		`CREATE TEMP TABLE earlier AS SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 86400000 + g / 50), 12, '0') || '7' || substr(md5('a' || g), 1, 3) || '8' || substr(md5('b' || g), 1, 15))::uuid AS id,
			decode(md5('key' || g), 'hex') AS key, g FROM generate_series(1, ` + fmt.Sprint(n) + `) g`,
		`INSERT INTO sales.orders (id, event, repeat_key, body_hash, qty, total_minor, currency, buyer, created_at)
			SELECT id, '` + c.Event + `', key, key, 1, 4900, 'EUR', jsonb_build_object('email', 'guest-' || g || '@festival.example'), now() FROM earlier`,
		`INSERT INTO sales.ticket (order_id, n, category, unit_minor) SELECT id, 1, '` + c.Category + `', 4900 FROM earlier`,
		`UPDATE sales.stock SET capacity = ` + fmt.Sprint(n) + `, sold = ` + fmt.Sprint(n) + ` WHERE id = '` + c.Category + `'`,
		`DROP TABLE earlier`, `VACUUM ANALYZE sales.orders`, `VACUUM ANALYZE sales.ticket`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

const copyLot = 256 // orders a transaction, as the till's batches

// copyOrders is the ceiling of the batch path: the same rows by COPY into the same
// tables with their indexes, in transactions of the till's size on as many
// connections as the till has workers. It returns orders a second.
func copyOrders(ctx context.Context, url string, c concert, n, qty int) (float64, error) {
	const writers = 2
	failed := make([]error, writers)
	var all sync.WaitGroup
	start := time.Now()
	for w := range writers {
		all.Go(func() { failed[w] = copySome(ctx, url, c, n/writers, qty, w) })
	}
	all.Wait()
	return float64(n) / time.Since(start).Seconds(), errors.Join(failed...)
}

var (
	orderColumns  = []string{"id", "event", "repeat_key", "body_hash", "qty", "total_minor", "currency", "buyer", "created_at"}
	ticketColumns = []string{"order_id", "n", "category", "unit_minor"}
)

func copySome(ctx context.Context, url string, c concert, n, qty, writer int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	event, err := id.Parse(c.Event)
	if err != nil {
		return err
	}
	category, err := id.Parse(c.Category)
	if err != nil {
		return err
	}
	now := time.Now()
	for done := 0; done < n; done += copyLot {
		orders, tickets := make([][]any, 0, copyLot), make([][]any, 0, copyLot*qty)
		for i := done; i < min(done+copyLot, n); i++ {
			o, key := id.New(), keyOf(writer, i)
			orders = append(orders, []any{wire(o), wire(event), key, key, qty, int64(4900 * qty), "EUR", fmt.Sprintf(`{"email":"guest-%d@festival.example"}`, i), now})
			for t := range qty {
				tickets = append(tickets, []any{wire(o), int16(t + 1), wire(category), int64(4900)})
			}
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"sales", "orders"}, orderColumns, pgx.CopyFromRows(orders))
			if err == nil {
				_, err = tx.CopyFrom(ctx, pgx.Identifier{"sales", "ticket"}, ticketColumns, pgx.CopyFromRows(tickets))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wire is an id as pgx sends it fastest.
func wire(v id.ID) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: true} }

// keyOf is a key as spread as a hash.
func keyOf(writer, i int) []byte {
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())), uint64(writer)<<32|uint64(i))
	sum := sha256.Sum256(b)
	return sum[:16]
}
