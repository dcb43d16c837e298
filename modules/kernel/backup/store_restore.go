package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// Target says where a backup goes.
type Target struct {
	URL      string   // of the database
	Schemas  []string // of the house
	Force    bool     // what is there may be destroyed
	Migrate  func(ctx context.Context, version int64) error
	Progress Progress
}

// Restore fills the database with the backup: tables of the version they were saved
// from, all rows in one transaction, then each table is read back and compared with
// the backup's sum. When it fails nothing of the backup is left behind.
//
// Errors: fault.Conflict when there is a house already and Force is not set, or other
// programs use the database; fault.Invalid when the backup is damaged.
func (r *Reader) Restore(ctx context.Context, to Target) (Sum, error) {
	conn, err := connect(ctx, to.URL)
	if err != nil {
		return Sum{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := unused(ctx, conn, to); err != nil {
		return Sum{}, err
	}
	total, err := r.fillHouse(ctx, conn, to)
	if err != nil {
		last := context.WithoutCancel(ctx)
		if left := removeHouse(last, conn, to.Schemas); left != nil {
			return total, fmt.Errorf("%w (and what was made could not be removed: %w)", err, left)
		}
	}
	return total, err
}

// unused makes sure that there is no house.
func unused(ctx context.Context, conn *pgx.Conn, to Target) error {
	const op = "backup.Restore"
	n, err := others(ctx, conn)
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.E(op, fault.Conflict, fmt.Sprintf("the database is in use by %d other connections", n), nil).WithFix("stop usher, and whatever else uses the database")
	}
	found, err := present(ctx, conn, to.Schemas)
	if err != nil {
		return err
	}
	if len(found) > 0 && !to.Force {
		return fault.E(op, fault.Conflict, "the database is not empty: it has "+strings.Join(found, ", "), nil).
			WithFix("restore into an empty one, or give --force to destroy what is there")
	}
	return removeHouse(ctx, conn, to.Schemas)
}

func (r *Reader) fillHouse(ctx context.Context, conn *pgx.Conn, to Target) (total Sum, err error) {
	if err := to.Migrate(ctx, r.Header.Schema); err != nil {
		return total, err
	}
	tell := func(left uint64) {
		to.Progress(fmt.Sprintf("counting transactions on, %d to go", left), 0, r.Header.Tables, 0)
	}
	if err := countOn(ctx, conn, r.Header.Counter, tell); err != nil {
		return total, err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		fresh, err := tablesOf(ctx, tx, to.Schemas)
		if err != nil {
			return err
		}
		if err := prepare(ctx, tx, fresh); err != nil {
			return err
		}
		if total, err = r.readTables(ctx, tx, to); err != nil {
			return err
		}
		return finish(ctx, tx, fresh, r.Header.Sequences)
	})
	return total, err
}

// prepare empties the tables of what migrations put into them, and silences triggers
// that belong to the house's life, not to its moving.
func prepare(ctx context.Context, tx pgx.Tx, tables []Table) error {
	var names []string
	for _, t := range tables {
		names = append(names, t.quoted())
		if _, err := tx.Exec(ctx, `ALTER TABLE `+t.quoted()+` DISABLE TRIGGER USER`); err != nil {
			return db.Classify("backup.Restore", err)
		}
	}
	_, err := tx.Exec(ctx, `TRUNCATE `+strings.Join(names, ", "))
	return db.Classify("backup.Restore", err)
}

func (r *Reader) readTables(ctx context.Context, tx pgx.Tx, to Target) (total Sum, err error) {
	for {
		kind, err := r.peek()
		if err != nil {
			return total, err
		}
		if kind == frameLast {
			return total, r.end(total.Tables, total.Rows)
		}
		var t Table
		if err := r.expect(frameTable, &t); err != nil {
			return total, err
		}
		to.Progress(t.Schema+"."+t.Name, total.Tables, r.Header.Tables, total.Bytes)
		s, err := r.readTable(ctx, tx, t)
		if err != nil {
			return total, err
		}
		total.Tables, total.Rows, total.Bytes = total.Tables+1, total.Rows+s.Rows, total.Bytes+s.Bytes
	}
}

// peek tells what comes next.
func (r *Reader) peek() (kind byte, err error) {
	b, err := r.in.Peek(1)
	if err != nil {
		return 0, broken("it ends too early, or was changed", err)
	}
	return b[0], nil
}

// readTable fills a table, and reads it back.
func (r *Reader) readTable(ctx context.Context, tx pgx.Tx, t Table) (Sum, error) {
	const op = "backup.Restore"
	if t.Parent != "" {
		if err := makePartition(ctx, tx, t); err != nil {
			return Sum{}, err
		}
	}
	from := &tableReader{r: r}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, from, t.copySQL("FROM STDIN")); err != nil {
		if from.err != nil {
			return Sum{}, from.err
		}
		return Sum{}, fault.E(op, fault.Invalid, "the rows of "+t.Schema+"."+t.Name+" do not fit", err).WithFix("restore with the Usher that made the backup, " + r.Header.Usher)
	}
	got, err := sumOf(ctx, tx, t, io.Discard)
	if err != nil {
		return Sum{}, err
	}
	if got != from.said {
		return Sum{}, broken(fmt.Sprintf("of %s.%s it has %d rows, %d came to be, or others", t.Schema, t.Name, from.said.Rows, got.Rows), nil)
	}
	return got, nil
}

func makePartition(ctx context.Context, tx pgx.Tx, t Table) error {
	var there bool
	err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, t.quoted()).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, `CREATE TABLE `+t.quoted()+` PARTITION OF `+t.Parent+` `+t.Bound)
	}
	return db.Classify("backup.Restore", err)
}

// finish lets triggers and sequences go on where they were.
func finish(ctx context.Context, tx pgx.Tx, tables []Table, sequences []Sequence) error {
	const op = "backup.Restore"
	if _, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
		return db.Classify(op, err)
	}
	for _, t := range tables {
		if _, err := tx.Exec(ctx, `ALTER TABLE `+t.quoted()+` ENABLE TRIGGER USER`); err != nil {
			return db.Classify(op, err)
		}
	}
	for _, s := range sequences {
		if _, err := tx.Exec(ctx, `SELECT setval($1::regclass, $2, $3)`, pgx.Identifier{s.Schema, s.Name}.Sanitize(), s.Last, s.Called); err != nil {
			return db.Classify(op, err)
		}
	}
	return nil
}

// tableReader is the rows of one table, up to its sum.
type tableReader struct {
	r    *Reader
	left []byte
	buf  []byte
	said Sum
	done bool
	err  error
}

// Read is io.Reader's.
func (t *tableReader) Read(b []byte) (int, error) {
	for len(t.left) == 0 {
		if t.done || t.err != nil {
			return 0, errOr(t.err, io.EOF)
		}
		var kind byte
		if kind, t.left, t.err = t.r.next(t.buf); t.err != nil {
			continue
		}
		t.buf = t.left[:cap(t.left)]
		switch kind {
		case frameData:
		case frameEnd:
			if err := json.Unmarshal(t.left, &t.said); err != nil {
				t.err = broken("a part of it is not readable", err)
			}
			t.left, t.done = nil, true
		default:
			t.left, t.err = nil, broken(fmt.Sprintf("it has %q among the rows of a table", kind), nil)
		}
	}
	n := copy(b, t.left)
	t.left = t.left[n:]
	return n, nil
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
