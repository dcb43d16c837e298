package dbtest

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// templateDB is the database that clones are made of; nobody connects to it.
const templateDB = "usher_template"

// cluster is this process's running copy of the template.
type cluster struct {
	server *pgserver.Server
	home   *pgserver.Home // keeps the lock for the process's life
	admin  *sql.DB
}

// clone makes a database by copying files, which for a small one is faster than
// writing its pages to the log.
func (c *cluster) clone(ctx context.Context, name string) error {
	_, err := c.admin.ExecContext(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+templateDB+" STRATEGY file_copy")
	return db.Classify("dbtest.clone", err)
}

func (c *cluster) drop(ctx context.Context, name string) error {
	_, err := c.admin.ExecContext(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)")
	return db.Classify("dbtest.drop", err)
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Migrations are the files of the newest schema, for code that migrates by itself.
func Migrations() fs.FS { return migrations.FS }

// migrate fills a new cluster: the template database with the newest schema.
func migrate(ctx context.Context, s *pgserver.Server) error {
	admin, err := open(ctx, s, "postgres")
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.SQL().ExecContext(ctx, "CREATE DATABASE "+templateDB); err != nil {
		return db.Classify("dbtest.migrate", err)
	}
	d, err := open(ctx, s, templateDB)
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = db.Migrate(ctx, d.SQL(), migrations.FS)
	return err
}

func open(ctx context.Context, s *pgserver.Server, name string) (*db.DB, error) {
	return db.Open(ctx, db.Config{URL: s.URL(name), MaxConns: poolSize}, clock.System{})
}
