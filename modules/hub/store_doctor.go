package hub

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
)

// HasApps reports whether the database holds a hub at all.
func HasApps(ctx context.Context, d *db.DB) (there bool, err error) {
	err = d.Pool().QueryRow(ctx, `SELECT to_regclass('hub.credential') IS NOT NULL`).Scan(&there)
	return there, db.Classify("hub.HasApps", err)
}

// CredentialsIn lists what people may see of every app's push credentials.
func CredentialsIn(ctx context.Context, d *db.DB) ([]Credential, error) {
	return (&Service{db: d}).AllCredentials(ctx)
}
