package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Copy runs a COPY within the transaction. The error is pgx's own.
func (t *Tx) Copy(c *Copy) error { return sendCopies(t.ctx, t.conn.PgConn(), c) }

// sendCopies sends each COPY and its rows, all of them in one write. The protocol allows it:
// a server that refuses a COPY drops its rows. pgx waits for the server's consent to each,
// and the server for the rows, with all its locks. The connection is closed when ctx ends in
// between. Errors: *pgconn.PgError, ctx's, the network's.
// Source: PostgreSQL documentation, "Message Flow", "COPY Operations".
func sendCopies(ctx context.Context, conn *pgconn.PgConn, copies ...*Copy) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wire := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(wire)
	var err error
	if *wire, err = appendAll((*wire)[:0], "", copies); err != nil {
		return err
	}
	hurry := context.AfterFunc(ctx, func() { _ = conn.Conn().SetDeadline(time.Unix(1, 0)) })
	refused, err := exchange(conn, *wire, len(copies))
	if !hurry() { // its deadline stays
		err = ctx.Err()
	}
	if err != nil {
		abandon(conn)
		return err
	}
	return refused
}

// appendAll adds all copies to wire; before is what precedes the first statement.
func appendAll(wire []byte, before string, copies []*Copy) ([]byte, error) {
	for _, c := range copies {
		var err error
		if wire, err = c.appendTo(wire, before); err != nil {
			return wire, err
		}
		before = ""
	}
	return wire, nil
}

// appendTo adds the statement, the rows and their end as messages, and gives up the rows.
func (c *Copy) appendTo(wire []byte, before string) ([]byte, error) {
	c.rows = append(c.rows, "\xff\xff"...)
	defer copyBuffers.Put(&c.rows)
	wire, err := (&pgproto3.Query{String: before + c.sql}).Encode(wire)
	if err != nil {
		return wire, err
	}
	if wire, err = (&pgproto3.CopyData{Data: c.rows}).Encode(wire); err != nil {
		return wire, err
	}
	return (&pgproto3.CopyDone{}).Encode(wire)
}

// exchange writes, and reads the answers to n copies.
func exchange(conn *pgconn.PgConn, wire []byte, n int) (refused, err error) {
	if _, err := conn.Conn().Write(wire); err != nil {
		return nil, err
	}
	return answersTo(n, conn.Frontend())
}

// answersTo reads until the server is ready for the nth time; refused is its first
// objection. After an err it cannot be said where the two are.
func answersTo(n int, from *pgproto3.Frontend) (refused, err error) {
	for n > 0 {
		message, err := from.Receive()
		if err != nil {
			return nil, err
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			if refused == nil {
				refused = pgconn.ErrorResponseToPgError(m)
			}
		case *pgproto3.ReadyForQuery:
			n--
		}
	}
	return refused, nil
}

// abandon closes a connection whose server may still be at work, or wait for a lock.
func abandon(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if !conn.IsClosed() {
		_ = conn.CancelRequest(ctx)
	}
	_ = conn.Close(ctx)
}
