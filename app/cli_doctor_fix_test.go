package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/migrations"
	"github.com/usherhq/usher/modules/kernel/db"
)

// doctor --fix mends what needs no decision, keeps every row, and has nothing left to do
// when it is asked again.
func TestDoctorMendsWhatNeedsNoDecision(t *testing.T) {
	url, dir := houseAt(t, previous)
	oldRows(t, url)
	key := filepath.Join(dir, "seal.key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) (int, string, string) {
		return usher(t, append([]string{"doctor", "--set", "database.url=" + url, "--data-dir", dir, "--listen", "127.0.0.1:0"}, args...)...)
	}
	if code, out, _ := ask(); code != exitFailed || !strings.Contains(out, "FAIL  seal") || !strings.Contains(out, "usher doctor --fix") || !strings.Contains(out, "warn  schema") {
		t.Error("before:", code, out)
	}
	code, out, errs := ask("--fix")
	if code != exitOK || strings.Count(errs, "mended: ") != 2 || !strings.Contains(errs, "brought the schema from ") || !strings.Contains(out, "ok    seal") || !strings.Contains(out, "ok    schema") {
		t.Error("--fix:", code, out, errs)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("the key may be read by others:", info.Mode(), err)
	}
	oldRowsAreThere(t, url)
	if code, _, errs = ask("--fix"); code != exitOK || strings.Contains(errs, "mended") {
		t.Error("again:", code, errs)
	}
	made := filepath.Join(dir, "new", "house")
	if code, _, errs = usher(t, "doctor", "--fix", "--data-dir", made, "--listen", "127.0.0.1:0"); code != exitOK || errs != "mended: made "+made+"\n" {
		t.Error("a data directory:", code, errs)
	}
}

// What cannot be mended does not keep doctor from the rest, and from saying what is wrong;
// a schema of a newer Usher is left as it is.
func TestDoctorGoesOnAfterWhatItCannotMend(t *testing.T) {
	url, _ := houseAt(t, previous)
	args := []string{"doctor", "--fix", "--set", "database.url=" + url, "--data-dir", "/dev/null/x", "--listen", "127.0.0.1:0"}
	code, out, errs := usher(t, args...)
	if code != exitFailed || !strings.Contains(errs, "not mended: cannot make /dev/null/x") || !strings.Contains(errs, "mended: brought the schema") || !strings.Contains(out, "FAIL  data") {
		t.Error(code, out, errs)
	}
	d := opened(t, url)
	defer d.Close()
	_, knows, err := db.Versions(t.Context(), d.SQL(), migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, knows+1); err != nil {
		t.Fatal(err)
	}
	if code, out, errs = usher(t, args...); code != exitFailed || strings.Contains(errs, "schema") || !strings.Contains(out, "FAIL  schema") {
		t.Error("a newer schema:", code, out, errs)
	}
	code, out, _ = usher(t, "doctor", "--fix", "--set", "database.url=postgres://127.0.0.1:1/x", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(out, "FAIL  database") {
		t.Error("no database:", code, out)
	}
}
