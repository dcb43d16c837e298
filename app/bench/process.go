package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticks is how many times a second Linux counts in /proc/<pid>/stat (USER_HZ,
// proc(5)); it is 100 on every platform Go runs on.
const ticks = 100

// stat is what /proc/<pid>/stat says of a process.
type stat struct {
	parent int
	own    time.Duration // user and system time
	waited time.Duration // that of children which have ended
}

func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name in parentheses may hold anything: fields are counted behind it, so
	// that f[0] is field 3 of proc(5).
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(f) < 15 {
		return stat{}, errors.New("short line in /proc/pid/stat")
	}
	n := func(i int) time.Duration {
		v, _ := strconv.ParseInt(f[i], 10, 64)
		return time.Duration(v) * time.Second / ticks
	}
	parent, err := strconv.Atoi(f[1])
	return stat{parent: parent, own: n(11) + n(12), waited: n(13) + n(14)}, err
}

// childrenOf lists a process's live children.
func childrenOf(pid int) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var out []int
	for _, d := range dirs {
		child, _ := strconv.Atoi(filepath.Base(d))
		if s, err := readStat(child); err == nil && s.parent == pid {
			out = append(out, child)
		}
	}
	return out
}

// cpu is what the parts of a run have used since they started; machine is all that
// was used on it, by whomever.
type cpu struct{ usher, postgres, services, harness, machine time.Duration }

func (c cpu) minus(b cpu) cpu {
	return cpu{c.usher - b.usher, c.postgres - b.postgres, c.services - b.services, c.harness - b.harness, c.machine - b.machine}
}

func (c cpu) plus(b cpu) cpu {
	return cpu{c.usher + b.usher, c.postgres + b.postgres, c.services + b.services, c.harness + b.harness, c.machine + b.machine}
}

// each is microseconds a message: usher, PostgreSQL, services.
func (c cpu) each(messages int64) string {
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(messages) }
	return fmt.Sprintf("CPU µs each: usher %.1f, PostgreSQL %.1f, services %.1f", us(c.usher), us(c.postgres), us(c.services))
}

// others is the part of the cores that work of other people took meanwhile, 0 … 1.
func (c cpu) others(took time.Duration) float64 {
	foreign := c.machine - c.usher - c.postgres - c.services - c.harness
	return max(0, foreign.Seconds()/took.Seconds()/float64(runtime.NumCPU()))
}

// machineCPU is the time all cores were not idle: the first line of /proc/stat
// (proc(5)) without its fourth and fifth figure, idle and waiting for disks.
func machineCPU() time.Duration {
	fields := strings.Fields(firstLine("/proc/stat"))
	busy := int64(0)
	for i, f := range fields[:min(len(fields), 9)] { // the guests' time behind it is counted already
		if n, err := strconv.ParseInt(f, 10, 64); err == nil && i != 4 && i != 5 {
			busy += n
		}
	}
	return time.Duration(busy) * time.Second / ticks
}

// familyCPU is a process's time with that of its children, ended or not.
func familyCPU(pid int) time.Duration {
	s, err := readStat(pid)
	if err != nil {
		return 0
	}
	sum := s.own + s.waited
	for _, c := range childrenOf(pid) {
		if child, err := readStat(c); err == nil {
			sum += child.own + child.waited
		}
	}
	return sum
}

func ownCPU(pid int) time.Duration {
	s, _ := readStat(pid)
	return s.own
}

// memory reads one figure of /proc/<pid>/status, such as VmRSS, in bytes.
func memory(pid int, name string) int64 {
	return kilobytes(fmt.Sprintf("/proc/%d/status", pid), name)
}

// proportional is what a process adds to the machine's used memory: pages shared
// with others count in parts (PSS).
func proportional(pid int) int64 {
	return kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss")
}

func kilobytes(file, name string) int64 {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// forgetPeak starts VmHWM over (proc(5), clear_refs).
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
