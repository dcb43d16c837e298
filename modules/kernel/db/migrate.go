package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Migrate brings the schema up to the files' newest version, under an advisory
// lock so that replicas may start at once. It returns the version reached.
// Errors: fault.Conflict when the database is newer than this binary.
func Migrate(ctx context.Context, std *sql.DB, files fs.FS) (int64, error) {
	const op = "db.Migrate"
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return 0, fault.E(op, fault.Internal, "cannot make the migration lock", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, std, files, goose.WithSessionLocker(locker))
	if err != nil {
		return 0, fault.E(op, fault.Internal, "cannot read the migrations", err)
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return 0, fault.E(op, fault.Transient, "cannot read the schema version", err)
	}
	if current > newest {
		return current, fault.E(op, fault.Conflict,
			fmt.Sprintf("the database has schema %d, this binary knows only %d", current, newest), nil).
			WithFix("start the newer usher binary, or restore a backup made by this one")
	}
	if _, err := p.Up(ctx); err != nil {
		return current, fault.E(op, fault.Internal, "a migration failed; nothing of it was applied", err)
	}
	return newest, nil
}
