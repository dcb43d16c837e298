//go:build unix

package pgserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestASocketDirectoryOfSomebodyElse(t *testing.T) {
	dir := filepath.Join(newDir(t), "run")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Dir(dir)); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict: others may enter %s", err, dir)
	}
}

// Only root runs the server under another account, which must reach the directory.
func TestMayEnter(t *testing.T) {
	closed := filepath.Join(filepath.Dir(newDir(t)), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger := account{uid: os.Geteuid() + 1234, gid: os.Getegid() + 1234, name: "stranger", other: true}
	if err := stranger.mayEnter(closed); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), closed) {
		t.Errorf("got %v, want a fault that names %s", err, closed)
	}
	if err := os.Chmod(closed, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := stranger.mayEnter(closed); err != nil {
		t.Error(err)
	}
}
