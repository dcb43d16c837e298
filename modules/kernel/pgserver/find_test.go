package pgserver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestParseMajor(t *testing.T) {
	for out, want := range map[string]int{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 17.2 (Homebrew)":                  17,
		"postgres (PostgreSQL) 18beta1":                          18,
		"postgres (EnterpriseDB) 15":                             0,
		"":                                                       0,
	} {
		if got := parseMajor(out); got != want {
			t.Errorf("%q is major %d, want %d", out, got, want)
		}
	}
}

func TestNumberIn(t *testing.T) {
	for path, want := range map[string]int{
		"/usr/lib/postgresql/15/bin":                              15,
		"/opt/homebrew/opt/postgresql@17/bin":                     17,
		"/Applications/Postgres.app/Contents/Versions/16/bin":     16,
		"/Applications/Postgres.app/Contents/Versions/latest/bin": 0,
		"/home/linuxbrew/.linuxbrew/opt/postgresql@9/bin":         9,
	} {
		if got := numberIn(path); got != want {
			t.Errorf("%s says %d, want %d", path, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	newest, err := Find(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"postgres", "initdb", "pg_dump"} {
		if _, err := os.Stat(newest.Path(program)); err != nil {
			t.Error(err)
		}
	}
	if same, err := Find(t.Context(), newest.Major); err != nil || same.Major != newest.Major {
		t.Errorf("Find(%d) is %+v, %v", newest.Major, same, err)
	}
	_, err = Find(t.Context(), 9)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.Conflict || !strings.Contains(f.Fix, "install postgresql") {
		t.Errorf("for PostgreSQL 9 got %v, want a conflict that says what to install", err)
	}
}

// Of several majors, the data's own is taken, though it is neither first nor newest.
func TestInstalledAndChosen(t *testing.T) {
	root := t.TempDir()
	var dirs []string
	for _, v := range []string{"16.1", "17.0", "15.3"} {
		dirs = append(dirs, fakePostgres(t, filepath.Join(root, v), v))
	}
	dirs = append(dirs, dirs[0], filepath.Join(root, "nothing here"))
	found := installed(t.Context(), dirs)
	if got := majors(found); strings.Count(got, ",") != 2 || !strings.HasPrefix(got, "16 (") {
		t.Errorf("found %s, want 16, 17 and 15 once each, in this order", got)
	}
}

func fakePostgres(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func FuzzParseMajor(f *testing.F) {
	f.Add("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n")
	f.Add("postgres (PostgreSQL) 99999999999999999999")
	f.Fuzz(func(t *testing.T, out string) {
		if parseMajor(out) < 0 {
			t.Errorf("%q is a negative major", out)
		}
	})
}
