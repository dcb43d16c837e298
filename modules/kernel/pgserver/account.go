package pgserver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxSocketPath keeps clear of sun_path's size: 104 bytes on macOS, 108 on Linux.
const maxSocketPath = 100

const socketName = ".s.PGSQL.5432"

// account is who the server runs as. PostgreSQL refuses to be root.
type account struct {
	uid, gid int
	name     string
	other    bool // not the account of this process: files and children are handed over
}

// accountFor decides the account for a home: ourselves, or, when we are root, the
// owner of what is there, else postgres, else nobody.
func accountFor(dir string) (account, error) {
	const op = "pgserver.Open"
	self := os.Geteuid()
	data := filepath.Join(dir, "data")
	if self != 0 {
		if uid, _, ok := ownerOf(data); ok && uid != self {
			return account{}, fault.E(op, fault.Forbidden, data+" belongs to "+nameOf(uid)+", not to "+nameOf(self), nil).
				WithFix("start usher as " + nameOf(uid) + ", or choose another directory")
		}
		return account{uid: self, gid: os.Getegid(), name: nameOf(self)}, nil
	}
	for _, path := range []string{data, dir} {
		if uid, gid, ok := ownerOf(path); ok && uid != 0 {
			return account{uid: uid, gid: gid, name: nameOf(uid), other: true}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		return account{uid: uid, gid: gid, name: name, other: true}, nil
	}
	return account{}, fault.E(op, fault.NotFound, "PostgreSQL may not run as root, and there is neither a user postgres nor nobody", nil).
		WithFix("adduser --system --group postgres, or start usher as an ordinary user")
}

func nameOf(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("user %d", uid)
}

// own hands a path that we created to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// mkdir makes a private directory of the account. One that exists stays as it is.
func (a account) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	return a.own(path)
}

// mkdirAll makes dir for the account; missing parents belong to us and are open to pass through.
func (a account) mkdirAll(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	return a.mkdir(dir)
}

// mayEnter checks that the account can reach dir: as root we may make a directory
// below one that is closed to everybody else.
func (a account) mayEnter(dir string) error {
	if !a.other {
		return nil
	}
	for path := dir; ; path = filepath.Dir(path) {
		fi, err := os.Stat(path)
		if err != nil {
			return fault.E("pgserver.Open", fault.Invalid, "cannot look at "+path, err)
		}
		bit := os.FileMode(0o001)
		if uid, gid, _ := ownerOf(path); uid == a.uid {
			bit = 0o100
		} else if gid == a.gid {
			bit = 0o010
		}
		if fi.Mode()&bit == 0 {
			return fault.E("pgserver.Open", fault.Invalid, "PostgreSQL runs as "+a.name+", who may not enter "+path, nil).
				WithFix("choose a directory such as /var/lib/usher, or chmod o+x " + path)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// socketDir makes the directory of the socket: home/run, or, when that path is
// too long for a socket or reads as two in a URL, a short one under /tmp named
// after the home.
func socketDir(home string, a account) (string, error) {
	const op = "pgserver.Open"
	dir := filepath.Join(home, "run")
	if len(filepath.Join(dir, socketName)) > maxSocketPath || strings.Contains(dir, ",") {
		sum := sha256.Sum256([]byte(home))
		dir = fmt.Sprintf("/tmp/usher-%x", sum[:8])
	}
	if err := a.mkdir(dir); err != nil {
		return "", fault.E(op, fault.Internal, "cannot make the socket directory "+dir, err)
	}
	// Whoever may write there could pose as the database: under /tmp anybody may
	// have made it before us.
	fi, err := os.Lstat(dir)
	if err != nil {
		return "", fault.E(op, fault.Internal, "cannot look at the socket directory "+dir, err)
	}
	uid, _, _ := ownerOf(dir)
	if !fi.IsDir() || fi.Mode().Perm() != 0o700 || uid != a.uid {
		return "", fault.E(op, fault.Conflict, dir+" is not a private directory of "+a.name, nil).
			WithFix("remove " + dir + " and start again")
	}
	return dir, nil
}
