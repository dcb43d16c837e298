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
	return MigrateTo(ctx, std, files, 0)
}

// MigrateTo is Migrate up to a version, 0 for the newest: what a backup of that
// version needs. Errors: fault.Conflict also when this binary does not know it.
func MigrateTo(ctx context.Context, std *sql.DB, files fs.FS, version int64) (int64, error) {
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
	if version == 0 {
		version = newest
	}
	if version > newest {
		return current, fault.E(op, fault.Conflict, fmt.Sprintf("schema %d is newer than this binary, which knows only %d", version, newest), nil).
			WithFix("use the newer usher binary")
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return current, fault.E(op, fault.Internal, "a migration failed; nothing of it was applied", err)
	}
	return version, nil
}

// Versions are the schema that the database has, 0 for an empty one, and the newest of the files.
func Versions(ctx context.Context, std *sql.DB, files fs.FS) (has, knows int64, err error) {
	const op = "db.Versions"
	p, err := goose.NewProvider(goose.DialectPostgres, std, files)
	if err != nil {
		return 0, 0, fault.E(op, fault.Internal, "cannot read the migrations", err)
	}
	sources := p.ListSources()
	knows = sources[len(sources)-1].Version
	var there bool
	if err := std.QueryRowContext(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, knows, Classify(op, err)
	}
	if has, err = p.GetDBVersion(ctx); err != nil {
		return 0, knows, fault.E(op, fault.Transient, "cannot read the schema version", err)
	}
	return has, knows, nil
}
