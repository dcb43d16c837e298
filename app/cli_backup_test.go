package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/id"
)

// houseAt is a database at some version of the schema, with the sealing key beside it.
func houseAt(t *testing.T, version int64) (url, dir string) {
	t.Helper()
	url, drop, err := db.Scratch(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(drop)
	if err := migrateTo(t.Context(), url, version); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "seal.key"), []byte("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return url, dir
}

func opened(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{URL: url, MaxConns: 4}, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func count(t *testing.T, url, sql string) (n int) {
	t.Helper()
	d := opened(t, url)
	defer d.Close()
	if err := d.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// previous is the schema that the release before had: what an upgrade starts from.
const previous = 51

// oldRows are rows that a house of the previous schema holds: they use no column that came later.
func oldRows(t *testing.T, url string) {
	t.Helper()
	d := opened(t, url)
	defer d.Close()
	for _, sql := range []string{
		`INSERT INTO hub.app (id, name, locale, zone, currency, created_at, updated_at) VALUES ('festival', 'River', 'en', 'Europe/London', 'GBP', now(), now())`,
		`INSERT INTO hub.credential (app_id, service, sealed, shown, pace, version, updated_at) VALUES ('festival', 'apns', '\x00', '{}', 0, 1, '2026-01-02')`,
		`INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data) SELECT '2030-01-01', n % 16, 't', 'k', 's', n::text, now(), now(), '{}' FROM generate_series(1, 200) n`,
		`INSERT INTO identity.person (id, role, created_at) VALUES ('` + id.New().String() + `', 'customer', now())`,
	} {
		if _, err := d.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func oldRowsAreThere(t *testing.T, url string) {
	t.Helper()
	for sql, want := range map[string]int{`SELECT count(*) FROM hub.app`: 1, `SELECT count(*) FROM stream.log`: 200, `SELECT count(*) FROM identity.person WHERE role = 'customer'`: 1,
		`SELECT count(*) FROM hub.credential WHERE stored_at = updated_at`: 1} {
		if n := count(t, url, sql); n != want {
			t.Errorf("%s: %d, want %d", sql, n, want)
		}
	}
}

// A house of the previous schema keeps its rows when it is brought to this one; one of a
// schema that is not known here is refused, and left alone.
func TestUpgradeFromThePreviousSchema(t *testing.T) {
	url, dir := houseAt(t, previous)
	oldRows(t, url)
	set := []string{"--set", "database.url=" + url, "--data-dir", dir}
	code, out, errs := usher(t, append([]string{"migrate"}, set...)...)
	if code != exitOK || !strings.Contains(out, "the schema is at version") {
		t.Fatal(code, out, errs)
	}
	oldRowsAreThere(t, url)
	d := opened(t, url)
	_, knows, err := db.Versions(t.Context(), d.SQL(), migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, knows+1); err != nil {
		t.Fatal(err)
	}
	d.Close()
	code, _, errs = usher(t, append([]string{"migrate"}, set...)...)
	if code != exitFailed || !strings.Contains(errs, "this binary knows only") || !strings.Contains(errs, "newer usher") {
		t.Error("a newer schema:", code, errs)
	}
	if code, out, _ = usher(t, append([]string{"doctor"}, set...)...); code != exitFailed || !strings.Contains(out, "FAIL  schema") {
		t.Error("doctor of a newer schema:", code, out)
	}
}

// A backup of the previous schema is restored by this version, which brings it up to date.
func TestABackupOfThePreviousSchemaIsRestored(t *testing.T) {
	from, dir := houseAt(t, previous)
	oldRows(t, from)
	file := filepath.Join(t.TempDir(), "house.usher")
	code, out, errs := usher(t, "backup", file, "--set", "database.url="+from, "--data-dir", dir)
	if code != exitOK || !strings.Contains(out, "seal.key") {
		t.Fatal(code, out, errs)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("others may read the backup", info, err)
	}
	if code, _, errs = usher(t, "backup", file, "--set", "database.url="+from, "--data-dir", dir); code != exitFailed || !strings.Contains(errs, "--force") {
		t.Error("a backup was written over another", code, errs)
	}
	code, out, errs = usher(t, "restore", "--verify", file, "--set", "database.url="+from, "--data-dir", dir)
	if code != exitOK || !strings.Contains(out, "Verified") || !strings.Contains(out, "books: 0 orders") || !strings.Contains(out, "unbroken chain") {
		t.Fatal(code, out, errs)
	}
	to, dropped, err := db.Scratch(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dropped)
	// Another sealing key could not read the credentials in it.
	if code, _, errs = usher(t, "restore", file, "--set", "database.url="+to, "--data-dir", t.TempDir()); code != exitFailed || !strings.Contains(errs, "seal.key") {
		t.Error("restored without the key:", code, errs)
	}
	if code, out, errs = usher(t, "restore", file, "--set", "database.url="+to, "--data-dir", dir); code != exitOK || !strings.Contains(out, "Restored") {
		t.Fatal(code, out, errs)
	}
	d := opened(t, to)
	defer d.Close()
	has, knows, err := db.Versions(t.Context(), d.SQL(), migrations.FS)
	if err != nil || has != knows {
		t.Error("the restored schema is", has, "of", knows, err)
	}
	if n := count(t, to, `SELECT count(*) FROM stream.log WHERE xid < pg_snapshot_xmin(pg_current_snapshot())`); n != 200 {
		t.Errorf("listeners would read %d of 200 facts", n)
	}
	if code, _, errs = usher(t, "restore", file, "--set", "database.url="+from, "--data-dir", dir); code != exitFailed || !strings.Contains(errs, "not empty") {
		t.Error("a house was overwritten:", code, errs)
	}
}

// A restored house lives: people's data is there, listeners go on where they were, and
// what was unread before is read.
func TestARestoredHouseGoesOn(t *testing.T) {
	h := newHouse(t)
	h.festival(200)
	sent := h.notify()
	file := filepath.Join(t.TempDir(), "house.usher")
	code, out, errs := usher(t, "backup", file, "--data-dir", h.dir) // beside the running one
	if code != exitOK {
		t.Fatal(code, out, errs)
	}
	other := newHouse(t)
	other.stop()
	key, err := os.ReadFile(filepath.Join(h.dir, "seal.key"))
	h.must(err)
	h.must(os.WriteFile(filepath.Join(other.dir, "seal.key"), key, 0o600))
	if code, out, errs = usher(t, "restore", "--force", file, "--data-dir", other.dir); code != exitOK {
		t.Fatal(code, out, errs)
	}
	other.start()
	var report struct{ Notification struct{ Audience int } }
	other.call("GET", "/v1/notifications/"+sent.ID.String(), nil, &report)
	if report.Notification.Audience != 200 {
		t.Errorf("the restored notification has an audience of %d", report.Notification.Audience)
	}
	var credentials struct{ Version int64 }
	other.call("GET", "/v1/apps/festival/credentials/apns", nil, &credentials)
	var listeners struct {
		Items []struct {
			Name   string
			Behind int
			Held   bool
		}
	}
	other.call("GET", "/v1/stream/listeners", nil, &listeners)
	for _, l := range listeners.Items {
		if l.Held {
			t.Errorf("%s is held back: the transaction counter was not counted on", l.Name)
		}
	}
}
