package identity

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// A second use of a refresh token waits for the first, and then finds it spent:
// not only by luck of timing.
func TestASecondUseWaitsForTheFirst(t *testing.T) {
	d := newDoorway(t)
	app := d.app("ana")
	second := make(chan error, 1)
	d.must(func(tx *db.Tx) error {
		f, spent, err := lockRefresh(tx, hashOf(app.Refresh), tx.Now())
		if err != nil || spent {
			t.Fatalf("the first finds it spent: %v, %v", spent, err)
		}
		go func() { _, err := d.Refresh(t.Context(), app.Refresh); second <- err }()
		for waiting := false; !waiting && len(second) == 0; {
			if err := d.db.Pool().QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting); err != nil {
				return err
			}
		}
		if len(second) > 0 {
			t.Error("the second did not wait")
		}
		if err := spendToken(tx, hashOf(app.Refresh)); err != nil {
			return err
		}
		_, err = issue(tx, f)
		return err
	})
	wantCode(t, "the second", <-second, fault.Unauthenticated)
}
