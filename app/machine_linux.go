package app

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// freeBytes is what an ordinary account may still write below dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// unsynchronised reports that the kernel knows of nobody who keeps its clock right.
func unsynchronised() bool {
	state, err := unix.Adjtimex(&unix.Timex{})
	return err == nil && state == unix.TIME_ERROR
}
