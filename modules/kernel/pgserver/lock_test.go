//go:build unix

package pgserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestTheHomeIsLocked(t *testing.T) {
	dir := newDir(t)
	h := openHome(t, dir)
	_, err := Open(t.Context(), dir)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v, want a conflict that names process %d", err, os.Getpid())
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	openHome(t, dir)
}

// A device can be locked, but holds no pid.
func TestALockWithoutAPidIsNone(t *testing.T) {
	if _, err := TryLock(os.DevNull); !fault.Is(err, fault.Internal) {
		t.Errorf("got %v, want a fault: the next process could not say who holds the lock", err)
	}
}

// The directory may belong to an account that would like root to write elsewhere.
func TestLinksAreNotFollowed(t *testing.T) {
	precious := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(precious, []byte("root"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &Home{dir: t.TempDir()}
	for _, link := range []string{filepath.Join(h.dir, "lock"), h.LogFile()} {
		if err := os.Symlink(precious, link); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := TryLock(filepath.Join(h.dir, "lock")); err == nil {
		t.Error("the lock follows a link")
	}
	if _, err := h.openLog(); err == nil {
		t.Error("the log follows a link")
	}
	if b, _ := os.ReadFile(precious); string(b) != "root" {
		t.Errorf("the file says %q", b)
	}
}

func TestWaitLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := WaitLock(ended, path); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	got := make(chan error)
	go func() {
		second, err := WaitLock(t.Context(), path)
		if err == nil {
			err = second.Unlock()
		}
		got <- err
	}()
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the lock was not handed over")
	}
}
