package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// rawCopy is the yardstick of every durable write: the same rows, through the
// fastest door PostgreSQL has, into a logged table without any index, in the same
// server. It returns rows a second, the commit's fsync included.
func rawCopy(ctx context.Context, socket string, c crowd, n int) (float64, error) {
	conn, err := pgx.Connect(ctx, "postgres://usher@/postgres?host="+url.QueryEscape(socket)+"&port=5432")
	if err != nil {
		return 0, fmt.Errorf("the built-in PostgreSQL cannot be reached for the COPY: %w", err)
	}
	defer conn.Close(ctx)
	const table = "bench_copy"
	if _, err := conn.Exec(ctx, `CREATE TABLE `+table+` (no bigint, app text, id text, kind text, handle text, p256dh text, auth text,
		locale text, zone text, tags text[], name text, at timestamptz)`); err != nil {
		return 0, err
	}
	people := make([]person, n)
	for i := range people {
		people[i] = c.person(i)
	}
	now, row := time.Now(), make([]any, 12)
	rows := pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		p := &people[i]
		row[0], row[1], row[2], row[3], row[4], row[5] = int64(i), c.app, p.id, p.handle.Kind, p.handle.Value, p.handle.P256dh
		row[6], row[7], row[8], row[9], row[10], row[11] = p.handle.Auth, p.locale, p.zone, p.tags, p.name, now
		return row, nil
	})
	start := time.Now()
	_, err = conn.CopyFrom(ctx, pgx.Identifier{table}, []string{"no", "app", "id", "kind", "handle", "p256dh", "auth", "locale", "zone", "tags", "name", "at"}, rows)
	took := time.Since(start)
	if _, dropped := conn.Exec(ctx, `DROP TABLE `+table); err == nil {
		err = dropped
	}
	return float64(n) / took.Seconds(), err
}
