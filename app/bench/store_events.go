package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// rawCopyEvents is the yardstick of the ingest door: the rows of stream.log that
// such events become, by COPY into a logged table of the same columns without any
// index, in the same server. It returns rows a second, the commit included.
func rawCopyEvents(ctx context.Context, socket string, n int) (float64, error) {
	conn, err := connect(ctx, socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE TABLE bench_events (day date, partition smallint, xid xid8 DEFAULT pg_current_xact_id(), id bigint,
		type text, key text, source text, source_id text, time timestamptz, received_at timestamptz, data jsonb)`); err != nil {
		return 0, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	type sale struct{ Data json.RawMessage }
	rows := make([]sale, n)
	for i := range rows {
		if err := json.Unmarshal(saleOf(nil, i, now.Format(time.RFC3339)), &rows[i]); err != nil {
			return 0, err
		}
	}
	row := make([]any, 10)
	all := pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		row[0], row[1], row[2], row[3], row[4], row[5] = now, int16(i%16), int64(i), "sale.completed", fmt.Sprintf("event-%d", i%50), fmt.Sprintf("/till/%d", i%16)
		row[6], row[7], row[8], row[9] = fmt.Sprintf("sale-%d", i), now, now, rows[i].Data
		return row, nil
	})
	start := time.Now()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"bench_events"}, []string{"day", "partition", "id", "type", "key", "source", "source_id", "time", "received_at", "data"}, all)
	took := time.Since(start)
	_, dropped := conn.Exec(ctx, `DROP TABLE bench_events`)
	return float64(n) / took.Seconds(), errors.Join(err, dropped)
}

func connect(ctx context.Context, socket string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, "postgres://usher@/postgres?host="+url.QueryEscape(socket)+"&port=5432")
	if err != nil {
		return nil, fmt.Errorf("the built-in PostgreSQL cannot be reached: %w", err)
	}
	return conn, nil
}

// caughtUp checks that the log holds each event once, waits until the listeners
// have handled them, and then measures how long single events take to a listener.
func (b *bench) caughtUp(ctx context.Context, n int) error {
	_, socket := b.postmaster()
	conn, err := connect(ctx, socket)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var rows int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM stream.log WHERE type = 'sale.completed' AND source LIKE '/till/%'`).Scan(&rows); err != nil {
		return err
	}
	b.result.add("the log holds each event once", fmt.Sprintf("%d rows of %d events", rows, n), "equal", verdictOf(rows == n))
	waits := make([]time.Duration, 0, 200)
	if err := b.cart(ctx, conn, 0); err != nil {
		return err
	}
	for i := 1; i <= cap(waits); i++ {
		start := time.Now()
		if err := b.cart(ctx, conn, i); err != nil {
			return err
		}
		waits = append(waits, time.Since(start))
	}
	slices.Sort(waits)
	b.result.tell("POST of an event until a listener's effect is committed", "p50 %d ms, p99 %d ms over %d events, one after the other", waits[len(waits)/2].Milliseconds(), waits[len(waits)*99/100].Milliseconds(), len(waits))
	return nil
}

// cart puts item i into a cart of its own and waits until analytics has seen it.
func (b *bench) cart(ctx context.Context, conn *pgx.Conn, i int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	name := fmt.Sprintf("bench-%d", i)
	event := map[string]any{"specversion": "1.0", "id": name, "source": "/bench", "type": "cart.item_added", "data": map[string]any{"cart": name}}
	if err := b.post(ctx, "/v1/events", "application/cloudevents+json", event); err != nil {
		return err
	}
	for {
		var seen bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM analytics.cart WHERE shop = '/bench' AND cart = $1)`, name).Scan(&seen); err != nil || seen {
			return err
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// holds checks that the log has each of the events once.
func (f *fleet) holds(ctx context.Context, from, n int) error {
	conn, err := pgx.Connect(ctx, f.pg.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var rows, events int
	err = conn.QueryRow(ctx, `SELECT count(*), count(DISTINCT source_id) FROM stream.log
		WHERE type = 'sale.completed' AND substr(source_id, 6)::int BETWEEN $1 AND $2`, from, from+n-1).Scan(&rows, &events)
	if err == nil && (rows != n || events != n) {
		err = fmt.Errorf("the log has %d rows of %d events, of %d sent", rows, events, n)
	}
	return err
}
