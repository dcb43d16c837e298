package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// sendWhole sends a batch that has rows: they begin the transaction, the statements follow
// behind them before any answer is read, and the last of them commits. Nobody waits for
// the other in between, and what the last statements lock is not kept for a round trip.
// The connection is closed when ctx ends. Errors: *pgconn.PgError, ctx's, the network's.
func (b *Batch) sendWhole(ctx context.Context, conn *pgx.Conn) error {
	b.Queue("COMMIT")
	statements, err := b.prepare(ctx, conn)
	if err != nil {
		return err
	}
	wire := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(wire)
	if *wire, err = appendAll((*wire)[:0], "BEGIN; ", b.copies); err != nil {
		return err
	}
	pg := conn.PgConn()
	line := pg.StartPipeline(ctx) // from here on it minds ctx
	refused, err := b.deliver(conn, line, statements, *wire)
	if err != nil {
		abandon(pg)
		return errors.Join(ctx.Err(), err)
	}
	if err := b.read(conn, line); refused == nil {
		refused = err
	}
	if refused != nil {
		rollback(ctx, conn, refused)
	}
	return refused
}

// prepare has the statements prepared; a connection keeps them.
func (b *Batch) prepare(ctx context.Context, conn *pgx.Conn) ([]*pgconn.StatementDescription, error) {
	all := make([]*pgconn.StatementDescription, len(b.QueuedQueries))
	for i, q := range b.QueuedQueries {
		var err error
		if all[i], err = conn.Prepare(ctx, q.SQL, q.SQL); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// deliver writes all and reads what becomes of the rows. After an err it cannot be said
// where the two are.
func (b *Batch) deliver(conn *pgx.Conn, line *pgconn.Pipeline, statements []*pgconn.StatementDescription, rows []byte) (refused, err error) {
	var form pgx.ExtendedQueryBuilder
	for i, q := range b.QueuedQueries {
		if err := form.Build(conn.TypeMap(), statements[i], q.Arguments); err != nil {
			return nil, fmt.Errorf("arguments of %s: %w", q.SQL, err)
		}
		line.SendQueryStatement(statements[i], form.ParamValues, form.ParamFormats, form.ResultFormats)
	}
	if _, err := conn.PgConn().Conn().Write(rows); err != nil {
		return nil, err
	}
	if err := line.Sync(); err != nil { // only this sends the statements
		return nil, err
	}
	return answersTo(len(b.copies), conn.PgConn().Frontend())
}

// read has each statement's function read its answer, until one fails, and ends the line.
func (b *Batch) read(conn *pgx.Conn, line *pgconn.Pipeline) (err error) {
	from := answers{line: line, conn: conn}
	for _, q := range b.QueuedQueries {
		if q.Fn == nil {
			_, err = from.Exec()
		} else {
			err = q.Fn(from)
		}
		if err != nil {
			break
		}
	}
	if end := line.Close(); err == nil {
		err = end
	}
	return err
}

// rollback leaves the connection as it was; if it cannot, the pool closes it. So it does
// with one whose statements no longer fit the tables.
func rollback(ctx context.Context, conn *pgx.Conn, cause error) {
	if conn.IsClosed() {
		return
	}
	if pg, ok := errors.AsType[*pgconn.PgError](cause); ok && pg.Code == "0A000" {
		abandon(conn.PgConn())
		return
	}
	_, _ = conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
}

// answers are a line's, as the functions of a pgx.Batch read them. They call nothing else
// of the interface.
type answers struct {
	pgx.BatchResults
	line *pgconn.Pipeline
	conn *pgx.Conn
}

func (a answers) next() (*pgconn.ResultReader, error) {
	got, err := a.line.GetResults()
	if err != nil {
		return nil, err
	}
	reader, ok := got.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("the server answered %T instead of a statement's result", got)
	}
	return reader, nil
}

// Exec reads the next answer as that of a statement without rows.
func (a answers) Exec() (pgconn.CommandTag, error) {
	reader, err := a.next()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return reader.Close()
}

// Query gives the next answer's rows.
func (a answers) Query() (pgx.Rows, error) {
	reader, err := a.next()
	if err != nil {
		return failed{err: err}, err
	}
	return pgx.RowsFromResultReader(a.conn.TypeMap(), reader), nil
}

// QueryRow gives the next answer's only row.
func (a answers) QueryRow() pgx.Row {
	rows, _ := a.Query() // says it when it is read
	return only{rows}
}

// failed is rows that do not come. Whoever reads rows asks no more of them.
type failed struct {
	pgx.Rows
	err error
}

func (f failed) Close()     {}
func (f failed) Err() error { return f.err }
func (f failed) Next() bool { return false }

// only is the first of rows.
type only struct{ rows pgx.Rows }

// Scan reads it. Errors: pgx.ErrNoRows, and what the server objects.
func (o only) Scan(to ...any) error {
	defer o.rows.Close()
	if !o.rows.Next() {
		if err := o.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := o.rows.Scan(to...); err != nil {
		return err
	}
	o.rows.Close()
	return o.rows.Err()
}
