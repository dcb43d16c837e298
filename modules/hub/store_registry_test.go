package hub

import (
	"context"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
)

// setStatus does what a push service's answer does to an installation.
func setStatus(t *testing.T, d *desk, installation, status string) {
	t.Helper()
	tag, err := d.db.Pool().Exec(t.Context(), `UPDATE hub.installation SET status = $2, status_reason = 'test', status_at = $3 WHERE id = $1`,
		installation, status, d.db.Now())
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("set status: %v %v", tag, err)
	}
}

// copyCredential writes a row as it is, as somebody with the database would.
func copyCredential(t *testing.T, d *desk, row credentialRow) {
	t.Helper()
	if err := d.db.ORM(t.Context()).Select(credentialColumns).Create(&row).Error; err != nil {
		t.Fatal(err)
	}
}

// waitForLock returns once another transaction of this database waits for a row.
func waitForLock(ctx context.Context, d *db.DB) error {
	for {
		var waits bool
		err := d.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil || waits {
			return err
		}
	}
}
