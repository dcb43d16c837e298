//go:build unix

package pgserver

import (
	"os"
	"syscall"
)

// noFollow opens no symbolic link: the directory may belong to a less privileged
// account, which must not make root write elsewhere.
const noFollow = syscall.O_NOFOLLOW

func supported() error { return nil }

func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// ownerOf is who a path belongs to; not ok when it does not exist.
func ownerOf(path string) (uid, gid int, ok bool) {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0, 0, false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(st.Uid), int(st.Gid), true
}

func credential(a account) *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}
