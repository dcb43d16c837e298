// Package pgserver runs a private PostgreSQL as a child of this process: it finds
// the binaries, creates the cluster, starts, stops and takes over. Usher's
// built-in store (app/embedded) and the tests (kernel/dbtest) stand on it.
//
// The server listens on a Unix socket in a directory only its account may enter,
// and on no port; inside that directory everyone is trusted.
package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Superuser is the role that owns a cluster made by Init.
const Superuser = "usher"

// Home is a directory with one cluster in it, locked for this process:
//
//	lock          held for life; contains the holder's pid
//	data/         the cluster
//	run/          the socket
//	postgres.log  what the server says
type Home struct {
	dir     string // absolute, without symbolic links
	socket  string // directory of the socket
	account account
	bin     Binaries
	lock    *Lock
}

// Open makes the directory if need be, locks it, and finds the binaries that fit
// its data. As root it also decides which account the server runs under: the
// owner of the data, else postgres, else nobody. Close releases it.
//
// Errors: fault.Conflict when another process holds the directory or the data
// belongs to a PostgreSQL that is not installed, fault.NotFound when none is
// installed, fault.Invalid when the account cannot reach the directory,
// fault.Forbidden when the data belongs to somebody else.
func Open(ctx context.Context, dir string) (*Home, error) {
	const op = "pgserver.Open"
	if err := supported(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.E(op, fault.Invalid, "the data directory is not a path", err)
	}
	acct, err := accountFor(dir)
	if err != nil {
		return nil, err
	}
	if err := acct.mkdirAll(dir); err != nil {
		return nil, fault.E(op, fault.Invalid, "cannot make the data directory "+dir, err).
			WithFix("choose a directory this user may write to")
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fault.E(op, fault.Invalid, "cannot resolve the data directory", err)
	}
	if err := acct.mayEnter(dir); err != nil {
		return nil, err
	}
	h := &Home{dir: dir, account: acct}
	if h.lock, err = TryLock(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	if err := h.prepare(ctx); err != nil {
		_ = h.Close()
		return nil, err
	}
	return h, nil
}

// prepare does what needs the lock: binaries for the data, the socket directory.
func (h *Home) prepare(ctx context.Context) error {
	if err := h.account.own(h.lock.f.Name()); err != nil {
		return fault.E("pgserver.Open", fault.Internal, "cannot hand the lock to "+h.account.name, err)
	}
	major, err := h.major()
	if err != nil {
		return err
	}
	if h.bin, err = Find(ctx, major); err != nil {
		return err
	}
	h.socket, err = socketDir(h.dir, h.account)
	return err
}

// Close releases the directory. The server must have been stopped.
func (h *Home) Close() error {
	if h.socket != "" && filepath.Dir(h.socket) != h.dir {
		_ = os.Remove(h.socket) // the short one under /tmp; not if something is left in it
	}
	return h.lock.Unlock()
}

// Data is the cluster's directory.
func (h *Home) Data() string { return filepath.Join(h.dir, "data") }

// LogFile is where the server's messages go.
func (h *Home) LogFile() string { return filepath.Join(h.dir, "postgres.log") }

// Binaries is the PostgreSQL that fits the data.
func (h *Home) Binaries() Binaries { return h.bin }

// major is the version the data was made by, 0 when there is none yet.
func (h *Home) major() (int, error) {
	const op = "pgserver.Open"
	b, err := os.ReadFile(filepath.Join(h.Data(), "PG_VERSION"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fault.E(op, fault.Forbidden, "cannot read the data in "+h.Data(), err).
			WithFix("start usher as the user who owns the directory")
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n <= 0 {
		return 0, fault.E(op, fault.Conflict, h.Data()+" holds no PostgreSQL data that Usher understands", err).
			WithFix("restore the directory from a backup, or choose another one")
	}
	return n, nil
}
