package app

import (
	"bufio"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// What a send allocates is short-lived. Collecting it less often than Go would
// trades tens of megabytes for processor time; the limit keeps the whole process,
// its 60 MB of program included, under the 300 MB that a small machine has for it.
// On a smaller one Usher takes a quarter: PostgreSQL and the page cache need the rest.
const (
	gcPercent   = 400
	memoryLimit = 160 << 20
	leastLimit  = 48 << 20

	demoMemoryLimit = 600 << 20 // the simulated push services live in the same process
)

// tuneMemory trades memory for speed within a bound and what the machine has, unless
// the operator's GOGC or GOMEMLIMIT say otherwise.
func tuneMemory(limit int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryShare(limit, machineMemory(os.DirFS("/"))))
	}
}

// memoryShare is the limit, or less on a machine of so many bytes; 0: not known.
func memoryShare(limit, machine int64) int64 {
	if machine == 0 {
		return limit
	}
	return max(leastLimit, min(limit, machine/4))
}

// machineMemory is how much memory there is for everything, in bytes: the container's
// if it has a limit, else the machine's; 0 where neither says.
func machineMemory(root fs.FS) int64 {
	machine := memTotal(root)
	for _, file := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := fs.ReadFile(root, file)
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && bad == nil && n > 0 && (machine == 0 || n < machine) {
			return n // "max", and numbers beyond the machine, mean no limit
		}
	}
	return machine
}

// memTotal reads proc(5)'s meminfo; 0 where there is none.
func memTotal(root fs.FS) int64 {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "MemTotal:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
