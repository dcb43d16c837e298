//go:build !unix

package pgserver

import (
	"errors"
	"os"
	"syscall"

	"github.com/usherhq/usher/modules/kernel/fault"
)

const noFollow = 0

// supported refuses before anything is touched: the supervisor needs signals,
// flock and Unix sockets.
func supported() error {
	return fault.E("pgserver.Open", fault.Invalid, "the built-in PostgreSQL runs on Linux and macOS only", nil).
		WithFix("set DATABASE_URL to a PostgreSQL server, or run usher in Docker or WSL")
}

func flock(*os.File) error { return errors.ErrUnsupported }

func ownerOf(string) (uid, gid int, ok bool) { return 0, 0, false }

func childAttr(account) *syscall.SysProcAttr { return nil }

func serves(int, string) bool { return false }
