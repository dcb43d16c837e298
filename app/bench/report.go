package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// verdict is whether a figure reaches its goal.
type verdict string

const (
	met         verdict = "met"
	missed      verdict = "**missed**"
	failed      verdict = "**failed**"
	notMeasured verdict = "not measured"
	noGoal      verdict = ""
)

func verdictOf(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// figure is one line of the result.
type figure struct {
	what, value, goal string
	verdict           verdict
}

// result is what a run found, in order.
type result struct {
	sections []section
}

type section struct {
	title, about string
	figures      []figure
}

func (r *result) section(title, about string) {
	r.sections = append(r.sections, section{title: title, about: about})
	say("%s", title)
}

func (r *result) add(what, value, goal string, v verdict) {
	s := &r.sections[len(r.sections)-1]
	s.figures = append(s.figures, figure{what, value, goal, v})
	say("  %s: %s  %s %s", what, value, goal, v)
}

func (r *result) tell(what, format string, args ...any) {
	r.add(what, fmt.Sprintf(format, args...), "", noGoal)
}

func (r *result) fail(err error) {
	r.add("this scenario ended", strings.ReplaceAll(err.Error(), "\n", " "), "", failed)
}

// failures are the sections that ended before they had their figures.
func (r *result) failures() (n int) {
	for _, s := range r.sections {
		for _, f := range s.figures {
			if f.verdict == failed {
				n++
			}
		}
	}
	return n
}

// write makes the page.
func (r *result) write(w io.Writer, m machine) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Benchmarks\n\nWritten by `make bench` on %s; every figure below was measured in that one run. Do not edit.\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(out, "## Machine and conditions\n\n%s\n", m)
	for _, s := range r.sections {
		fmt.Fprintf(out, "## %s\n\n", s.title)
		if s.about != "" {
			fmt.Fprintf(out, "%s\n\n", s.about)
		}
		fmt.Fprint(out, "| what | figure | goal | |\n|---|---|---|---|\n")
		for _, f := range s.figures {
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", f.what, f.value, f.goal, f.verdict)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// machine is where and how the run was made.
type machine struct {
	cpu, kernel, memory, postgres, usher, dir, load string
	n                                               int
}

func describe(binary, dir string, n int) machine {
	load := strings.Fields(firstLine("/proc/loadavg"))
	m := machine{
		cpu: "unknown processor", kernel: firstLine("/proc/sys/kernel/osrelease"), dir: dir, n: n,
		memory:   fmt.Sprintf("%.0f GB", float64(kilobytes("/proc/meminfo", "MemTotal"))/1e9),
		postgres: output("postgres", "--version"), usher: output(binary, "version"),
	}
	if len(load) > 0 {
		m.load = load[0]
	}
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.cpu = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// String is a list for people.
func (m machine) String() string {
	lines := []string{
		fmt.Sprintf("%s, %d cores, %s of memory, Linux %s; %s, %s; %s", m.cpu, runtime.NumCPU(), m.memory, m.kernel, m.postgres, runtime.Version(), m.usher),
		"load average when the run began: " + m.load + " (above 0.5 there was other work on the same cores; each figure says how much)",
		fmt.Sprintf("%d installations a scenario, five languages, data under %s", m.n, m.dir),
		"`usher serve` as it is shipped, built-in PostgreSQL (fsync on) and built-in queue, default settings but for the rate limit of callers (lifted) and the log (warnings); FCM's pace of 10,000 messages a second, Google's default quota, is lifted by the credential's `pace`",
		fmt.Sprintf("usher, PostgreSQL, the simulated push services (HTTP/2 over TLS; they check every request's form and token, and the encryption of every %dth Web Push message) and the harness share the cores", decryptEvery),
		"only the public API is used; every notification is personal (`$(name)`), from a server-side template in the reader's language; time runs from the POST until the report says finished",
		"after each send to everybody the services must have counted as many acceptances; the list of outcomes, read back at the end of a fan-out scenario, must hold each installation exactly once",
	}
	return "- " + strings.Join(lines, "\n- ") + "\n"
}

func firstLine(file string) string {
	raw, _ := os.ReadFile(file)
	line, _, _ := strings.Cut(string(raw), "\n")
	return line
}

func output(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return program + " (version unknown)"
	}
	return strings.TrimSpace(string(out))
}

// megabytes for people.
func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

// perMillion is how long a million messages take at a rate.
func perMillion(rate float64) time.Duration {
	return time.Duration(1e6 / rate * float64(time.Second)).Round(100 * time.Millisecond)
}
