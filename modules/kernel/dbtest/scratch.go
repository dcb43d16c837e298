package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/usherhq/usher/modules/kernel/pgserver"
)

// workspace is a directory for what one test process's servers write. The lock
// marks it as in use; the kernel lets go of it when the process ends.
type workspace struct {
	dir  string
	lock *pgserver.Lock
}

// scratch is this process's workspace. Nothing runs at the end of a test process
// that could remove it, so each process first sweeps those of processes that are gone.
var scratch = sync.OnceValues(func() (workspace, error) {
	return newWorkspace(filepath.Join(os.TempDir(), fmt.Sprintf("usher-test-%d", os.Geteuid())))
})

// newWorkspace sweeps root and makes a workspace in it.
func newWorkspace(root string) (workspace, error) {
	if err := os.MkdirAll(root, 0o711); err != nil { // PostgreSQL's account passes through
		return workspace{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Between making a directory and locking it, a sweep would take it for abandoned.
	all, err := pgserver.WaitLock(ctx, filepath.Join(root, "lock"))
	if err != nil {
		return workspace{}, err
	}
	defer all.Unlock()
	sweep(ctx, root)
	dir, err := os.MkdirTemp(root, "")
	if err != nil {
		return workspace{}, err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return workspace{}, err
	}
	lock, err := pgserver.TryLock(filepath.Join(dir, "lock"))
	return workspace{dir, lock}, err
}

// sweep removes the directories that nobody holds, and what still runs in them.
func sweep(ctx context.Context, root string) {
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(root, e.Name())
		lock, err := pgserver.TryLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue // its process lives
		}
		for _, home := range []string{"pg", "template"} {
			_ = pgserver.StopOrphan(ctx, filepath.Join(dir, home))
		}
		_ = os.RemoveAll(dir)
		_ = lock.Unlock()
	}
}
