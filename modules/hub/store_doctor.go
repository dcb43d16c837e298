package hub

import (
	"context"

	"github.com/usherhq/usher/modules/kernel/db"
)

// CredentialsIn lists what people may see of every app's push credentials.
func CredentialsIn(ctx context.Context, d *db.DB) ([]Credential, error) {
	return (&Service{db: d}).AllCredentials(ctx)
}

// AppsIn lists the apps there are.
func AppsIn(ctx context.Context, d *db.DB) ([]App, error) { return (&Service{db: d}).listApps(ctx) }
