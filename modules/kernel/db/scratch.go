package db

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Scratch makes an empty database beside the one at store, on the same server. drop
// removes it. Errors: fault.Forbidden when the account may not make one.
func Scratch(ctx context.Context, store string) (at string, drop func(), err error) {
	const op = "db.Scratch"
	u, err := url.Parse(store)
	if err != nil {
		return "", nil, fault.E(op, fault.Invalid, "database.url is not a PostgreSQL URL", err)
	}
	conn, err := pgx.Connect(ctx, store)
	if err != nil {
		return "", nil, fault.E(op, fault.Transient, "cannot reach PostgreSQL", err).WithFix("check database.url and that the server accepts connections")
	}
	name := "usher_scratch_" + strings.ToLower(rand.Text()[:10])
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()+` TEMPLATE template0`); err != nil {
		_ = conn.Close(ctx)
		return "", nil, fault.E(op, fault.Forbidden, "cannot make a database on this server", err).
			WithFix("give the account the right CREATEDB, or name a server where it has it")
	}
	u.Path = "/" + name
	return u.String(), func() {
		last := context.WithoutCancel(ctx)
		_, _ = conn.Exec(last, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`)
		_ = conn.Close(last)
	}, nil
}
