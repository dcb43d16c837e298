package db_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
)

const copyThings = `COPY thing (id, key, name, data, small, n, big, day, at) FROM STDIN (FORMAT binary)`

func withThings(t *testing.T) *db.DB {
	t.Helper()
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `CREATE TABLE thing (id uuid PRIMARY KEY, key bytea, name text, data jsonb, small smallint, n int, big bigint, day date, at timestamptz)`); err != nil {
		t.Fatal(err)
	}
	return d
}

func number(t *testing.T, d *db.DB, sql string, args ...any) (n int) {
	t.Helper()
	if err := d.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What COPY wrote is what was given, of each type.
func TestCopyWritesEveryType(t *testing.T) {
	d := withThings(t)
	at := time.Date(2026, 11, 26, 20, 0, 0, 123456000, time.UTC)
	c, full, empty := db.NewCopy(copyThings, 9), id.New(), id.New()
	c.Row()
	c.ID(full)
	c.Bytes([]byte{0, 255})
	c.Text("Sänger's \x01")
	c.JSON([]byte(`{"a": [1, "ß"]}`))
	c.Int2(-3)
	c.Int4(-4)
	c.Int8(-1 << 60)
	c.Int4(int32(at.Sub(db.Epoch) / (24 * time.Hour)))
	c.Time(at)
	c.Row()
	c.ID(empty)
	c.Bytes(nil)
	c.Text("")
	c.JSON(nil)
	for range 5 {
		c.Null()
	}
	b := d.NewBatch()
	b.Copy(c)
	if err := d.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := number(t, d, `SELECT count(*) FROM thing WHERE id = $1 AND key = '\x00ff' AND name = E'Sänger''s \x01' AND data = '{"a": [1, "ß"]}'
		AND small = -3 AND n = -4 AND big = -(1::bigint << 60) AND day = '2026-11-26' AND at = $2`, full, at); n != 1 {
		t.Error("the full row is another one")
	}
	if n := number(t, d, `SELECT count(*) FROM thing WHERE id = $1 AND key = '' AND name = '' AND num_nulls(data, small, n, big, day, at) = 6`, empty); n != 1 {
		t.Error("the empty row is another one")
	}
}

// A batch with rows happens as a whole or not at all, and its connection goes on.
func TestABatchWithRowsIsOneTransaction(t *testing.T) {
	d := withThings(t)
	send := func(of id.ID, sql string) error {
		c, b := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1), d.NewBatch()
		c.Row()
		c.ID(of)
		b.Copy(c)
		b.Queue(sql)
		return d.Send(t.Context(), b)
	}
	one, two := id.New(), id.New()
	for i, step := range []struct {
		of      id.ID
		sql     string
		refused string // code
		rows    int
	}{
		{one, `UPDATE thing SET n = 1`, "", 1},
		{one, `UPDATE thing SET n = 2`, "23505", 1}, // by COPY
		{two, `UPDATE thing SET n = 1 / 0`, "22012", 1},
		{two, `UPDATE thing SET n = 3`, "", 2},
	} {
		err := send(step.of, step.sql)
		refused := ""
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			refused = pg.Code
		} else if err != nil {
			t.Errorf("%d: %v", i, err)
		}
		if refused != step.refused || number(t, d, `SELECT count(*) FROM thing`) != step.rows {
			t.Errorf("%d: refused %q, %d rows; want %+v", i, refused, number(t, d, `SELECT count(*) FROM thing`), step)
		}
	}
	if n := number(t, d, `SELECT min(n) FROM thing`); n != 3 {
		t.Errorf("the last update left %d", n)
	}
	if opened := d.Pool().Stat().NewConnsCount(); opened > 2 {
		t.Errorf("%d connections were opened: refused ones are not used again", opened)
	}
}

// Whose context ends while rows are on their way leaves nothing behind.
func TestACancelledBatchLeavesNothing(t *testing.T) {
	d := withThings(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := d.NewBatch()
	for range 2 {
		c := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1)
		c.Row()
		c.ID(id.New())
		b.Copy(c)
	}
	b.Queue(`SELECT pg_sleep(10)`)
	time.AfterFunc(200*time.Millisecond, cancel)
	if err := d.Send(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("sent with %v", err)
	}
	if n := number(t, d, `SELECT count(*) FROM thing`); n != 0 {
		t.Errorf("%d rows stay", n)
	}
	if _, err := d.Pool().Exec(t.Context(), fmt.Sprintf(`SELECT %d`, 1)); err != nil {
		t.Error(err)
	}
}

// A refused COPY does not hold up the rows behind it, however many: the first objection is
// the answer, and the connection goes on.
func TestRowsBehindARefusedCopyAreDropped(t *testing.T) {
	d := withThings(t)
	send := func(of id.ID, more int) error {
		b := d.NewBatch()
		c := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1)
		c.Row()
		c.ID(of)
		b.Copy(c)
		c = db.NewCopy(`COPY thing (id, name) FROM STDIN (FORMAT binary)`, 2)
		for range more {
			c.Row()
			c.ID(id.New())
			c.Text("a name that takes its room: more than what waits in a socket")
		}
		b.Copy(c)
		b.Queue(`UPDATE thing SET n = 1`)
		return d.Send(t.Context(), b)
	}
	of := id.New()
	if err := send(of, 3); err != nil {
		t.Fatal(err)
	}
	pg, _ := errors.AsType[*pgconn.PgError](send(of, 50_000))
	if pg == nil || pg.Code != "23505" {
		t.Errorf("the same key again: %v", pg)
	}
	if err := send(id.New(), 50_000); err != nil {
		t.Error(err)
	}
	if n := number(t, d, `SELECT count(*) FROM thing`); n != 50_005 {
		t.Errorf("%d rows", n)
	}
	if opened := d.Pool().Stat().NewConnsCount(); opened > 2 {
		t.Errorf("%d connections were opened: refused ones are not used again", opened)
	}
}

// Rows that wait for somebody's lock are given up when their context ends, by the server too.
func TestRowsThatWaitCanBeCancelled(t *testing.T) {
	d := withThings(t)
	of := id.New()
	first, err := d.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := first.Exec(t.Context(), `INSERT INTO thing (id) VALUES ($1)`, of); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	b := d.NewBatch()
	c := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1)
	for _, key := range []id.ID{id.New(), of} {
		c.Row()
		c.ID(key)
	}
	b.Copy(c)
	b.Queue(`UPDATE thing SET n = 1`)
	if err := d.Send(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("sent with %v", err)
	}
	waiting := `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'BEGIN; COPY%'`
	for i := 0; i < 500 && number(t, d, waiting) > 0; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	if n := number(t, d, waiting); n != 0 {
		t.Errorf("%d servers still wait", n)
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, d, `SELECT count(*) FROM thing`); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// What the statements behind rows answer comes to their functions, and a statement that
// fails is the end of all.
func TestABatchWithRowsReadsItsAnswers(t *testing.T) {
	d := withThings(t)
	one, two := id.New(), id.New()
	c, b := db.NewCopy(`COPY thing (id, n) FROM STDIN (FORMAT binary)`, 2), d.NewBatch()
	for i, of := range []id.ID{one, two} {
		c.Row()
		c.ID(of)
		c.Int4(int32(i))
	}
	b.Copy(c)
	var all []int
	var sum, changed int
	var none error
	b.Queue(`SELECT n FROM thing WHERE n >= $1 ORDER BY n`, 0).Query(func(rows pgx.Rows) (err error) {
		all, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	})
	b.Queue(`UPDATE thing SET n = n + $1`, 10).Exec(func(tag pgconn.CommandTag) error { changed = int(tag.RowsAffected()); return nil })
	b.Queue(`SELECT n FROM thing WHERE n < 0`).QueryRow(func(row pgx.Row) error { none = row.Scan(&sum); return nil })
	b.Queue(`SELECT sum(n) FROM thing`).QueryRow(func(row pgx.Row) error { return row.Scan(&sum) })
	if err := d.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(all) != "[0 1]" || changed != 2 || !errors.Is(none, pgx.ErrNoRows) || sum != 21 {
		t.Errorf("read %v, changed %d, of none %v, sum %d", all, changed, none, sum)
	}
	for name, spoil := range map[string]func(b *db.Batch){
		"a row's function": func(b *db.Batch) { b.Queue(`SELECT 1 / 0`).QueryRow(func(row pgx.Row) error { return row.Scan(&sum) }) },
		"a rows' function": func(b *db.Batch) { b.Queue(`SELECT 1 / 0`).Query(func(rows pgx.Rows) error { return rows.Err() }) },
		"a tag's function": func(b *db.Batch) { b.Queue(`SELECT 1 / 0`).Exec(func(pgconn.CommandTag) error { return nil }) },
		"an argument":      func(b *db.Batch) { b.Queue(`SELECT $1::int`, "many") },
		"a statement":      func(b *db.Batch) { b.Queue(`SELECT none FROM nowhere`) },
	} {
		c, b := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1), d.NewBatch()
		c.Row()
		c.ID(id.New())
		b.Copy(c)
		spoil(b)
		if err := d.Send(t.Context(), b); err == nil || number(t, d, `SELECT count(*) FROM thing`) != 2 {
			t.Errorf("%s: sent with %v, %d rows", name, err, number(t, d, `SELECT count(*) FROM thing`))
		}
	}
}

// A table that has changed under prepared statements costs one batch, not the connection's every one.
func TestABatchOutlivesAChangedTable(t *testing.T) {
	d := withThings(t)
	send := func() error {
		c, b := db.NewCopy(`COPY thing (id) FROM STDIN (FORMAT binary)`, 1), d.NewBatch()
		c.Row()
		c.ID(id.New())
		b.Copy(c)
		b.Queue(`UPDATE thing SET n = 1 RETURNING *`)
		return d.Send(t.Context(), b)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(t.Context(), `ALTER TABLE thing ADD COLUMN further int`); err != nil {
		t.Fatal(err)
	}
	if err := send(); err == nil {
		t.Error("the statement still fits")
	}
	if err := send(); err != nil {
		t.Error(err)
	}
}
