package pgserver

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// childAttr makes the kernel stop the child, with the signal for a fast shutdown,
// when we die.
func childAttr(a account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT, Credential: credential(a)}
}

// serves reports whether pid is alive and a PostgreSQL on data, which is the
// working directory of all its processes.
func serves(pid int, data string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil || cwd != data {
		return false
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(comm), "postgres")
}
