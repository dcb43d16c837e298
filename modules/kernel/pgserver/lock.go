package pgserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Lock is a file held by one process at a time. The kernel lets go of it when the
// process ends, however it ends.
type Lock struct{ f *os.File }

// TryLock takes the lock and writes our pid into it.
// Errors: fault.Conflict, naming the holder's pid, when it is taken.
func TryLock(path string) (*Lock, error) {
	const op = "pgserver.TryLock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o644)
	if err != nil {
		return nil, fault.E(op, fault.Forbidden, "cannot open the lock "+path, err).
			WithFix("start usher as the user who owns " + filepath.Dir(path))
	}
	if err := flock(f); err != nil {
		holder := holderOf(f)
		_ = f.Close()
		return nil, fault.E(op, fault.Conflict, filepath.Dir(path)+" is in use by "+holder, err).
			WithFix("stop " + holder + ", or give this one a directory of its own")
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fault.E(op, fault.Internal, "cannot write the lock "+path, err)
	}
	return &Lock{f}, nil
}

// WaitLock takes the lock as soon as it is free.
// Errors: fault.Conflict when ctx ends first.
func WaitLock(ctx context.Context, path string) (*Lock, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err := TryLock(path)
		if !fault.Is(err, fault.Conflict) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// Unlock releases the lock. The file stays: removing it would let two processes
// hold two files of the same name.
func (l *Lock) Unlock() error { return l.f.Close() }

// holderOf is "process 123", or "another process" while it has not written its pid yet.
func holderOf(f *os.File) string {
	b, _ := io.ReadAll(io.LimitReader(f, 20))
	if pid := strings.TrimSpace(string(b)); pid != "" {
		return "process " + pid
	}
	return "another process"
}
