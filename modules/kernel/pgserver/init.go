package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// InitOptions is how a new cluster is made.
type InitOptions struct {
	Args []string // more arguments for initdb, such as --wal-segsize=1
	Conf string   // appended to postgresql.conf
}

// Init creates the cluster unless there is one; created says whether it did. It
// works in a directory of another name and renames that when all is on disk, so
// that a cluster is there whole or not at all.
//
// Errors: fault.Conflict when data/ holds something else, fault.Internal with
// initdb's own words.
func (h *Home) Init(ctx context.Context, opt InitOptions) (created bool, err error) {
	const op = "pgserver.Init"
	if major, err := h.major(); err != nil || major > 0 {
		return false, err
	}
	if left, _ := os.ReadDir(h.Data()); len(left) > 0 {
		return false, fault.E(op, fault.Conflict, h.Data()+" is not empty and holds no PostgreSQL data", nil).
			WithFix("move what is in it elsewhere, or choose another directory")
	}
	h.removeUnfinished()
	// A name of its own each time: an initdb that outlived a killed usher cannot
	// write into the next one's cluster.
	fresh, err := os.MkdirTemp(h.dir, "data.new-")
	if err == nil {
		err = h.account.own(fresh)
	}
	if err != nil {
		return false, fault.E(op, fault.Internal, "cannot make a directory in "+h.dir, err)
	}
	defer os.RemoveAll(fresh) // a no-op once it is renamed
	if err := h.initdb(ctx, fresh, opt); err != nil {
		return false, err
	}
	if err := os.Rename(fresh, h.Data()); err != nil {
		return false, fault.E(op, fault.Internal, "cannot put the new cluster in place", err)
	}
	if err := syncDir(h.dir); err != nil {
		return false, fault.E(op, fault.Internal, "cannot write the new cluster to disk", err)
	}
	return true, nil
}

// removeUnfinished deletes what an interrupted Init left behind.
func (h *Home) removeUnfinished() {
	left, _ := filepath.Glob(filepath.Join(h.dir, "data.new-*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
}

// initdb fills dir and writes everything to disk.
func (h *Home) initdb(ctx context.Context, dir string, opt InitOptions) error {
	const op = "pgserver.Init"
	args := []string{"-D", dir, "-U", Superuser, "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"}
	args = append(args, localeArgs(h.bin.Major)...)
	cmd := exec.CommandContext(ctx, h.bin.Path("initdb"), append(args, opt.Args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Dir, cmd.Env = dir, childEnv()
	child, err := startChild(cmd, h.account)
	if err == nil {
		err = child.Wait()
	}
	if err != nil {
		return fault.E(op, fault.Internal, "cannot create the database cluster in "+h.dir,
			errors.Join(err, errors.New(lastLines(out.Bytes()))))
	}
	if err := appendFile(filepath.Join(dir, "postgresql.conf"), opt.Conf); err != nil {
		return fault.E(op, fault.Internal, "cannot write postgresql.conf", err)
	}
	return nil
}

// Takes tells whether the server was built for a setting's value, such as a method of
// compression. Init comes before.
func (h *Home) Takes(ctx context.Context, setting, value string) bool {
	cmd := exec.CommandContext(ctx, h.bin.Path("postgres"), "-C", setting, "-c", setting+"="+value, "-D", h.Data())
	cmd.Dir, cmd.Env = "/", childEnv()
	child, err := startChild(cmd, h.account)
	return err == nil && child.Wait() == nil
}

// localeArgs sort by code point, the same on every system and libc. From 17 on
// PostgreSQL brings that locale itself.
func localeArgs(major int) []string {
	if major >= 17 {
		return []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}
	}
	return []string{"--locale=C.UTF-8"}
}

// childEnv holds what PostgreSQL needs and none of our secrets; LC_ALL keeps the
// messages we look for in English.
func childEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, key := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return env
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
