package stream

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// channel carries "<process>" and what it tells.
const channel = "usher_stream"

// tidings is what a process tells the others.
type tidings string

const (
	tellNews   tidings = ""       // new facts, which it reads itself
	tellUnread tidings = "unread" // new facts; it has no readers
	tellAll    tidings = "all"    // look at everything, whatever is known
)

// notify tells the other processes that there are new facts. It is not part of
// the announcing transaction on purpose: PostgreSQL serialises commits that
// notify, and one notification serves many commits.
func (s store) notify(ctx context.Context, from id.ID, what tidings) error {
	_, err := s.db.Pool().Exec(ctx, `SELECT pg_notify($1, $2)`, channel, from.String()+" "+string(what))
	return db.Classify("stream.notify", err)
}

// listen calls heard for each notification until ctx ends or the connection,
// which is its own, is lost.
func (s store) listen(ctx context.Context, heard func(from string, told tidings)) error {
	const op = "stream.listen"
	conn, err := pgx.ConnectConfig(ctx, s.db.Pool().Config().ConnConfig)
	if err != nil {
		return db.Classify(op, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return db.Classify(op, err)
	}
	heard("", tellUnread) // nobody heard what was told until now
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return db.Classify(op, err)
		}
		from, rest, _ := strings.Cut(n.Payload, " ")
		heard(from, tidings(rest))
	}
}
