//go:build !linux

package app

import "errors"

// freeBytes is not known here.
func freeBytes(string) (int64, error) {
	return 0, errors.New("the free space is not known on this system")
}

// unsynchronised is not known here: false.
func unsynchronised() bool { return false }
