package pgserver

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// MinMajor is the oldest PostgreSQL Usher runs on.
const MinMajor = 15

// Binaries is one installed PostgreSQL.
type Binaries struct {
	Dir     string // holds postgres, initdb, pg_dump, …
	Major   int    // such as 15
	Version string // what `postgres --version` prints
}

// Path is the full path of one of its programs, such as "pg_dump".
func (b Binaries) Path(program string) string { return filepath.Join(b.Dir, program) }

// Find looks for an installed PostgreSQL: on PATH first, then where Debian, Red
// Hat, Homebrew and Postgres.app put it, newest first. major 0 means any from
// MinMajor on; otherwise only that one will do, because data belongs to a major.
//
// Errors: fault.NotFound when none is installed, fault.Conflict when only other
// majors are; both say which command installs the right one.
func Find(ctx context.Context, major int) (Binaries, error) {
	const op = "pgserver.Find"
	found := installed(ctx, candidates())
	i := slices.IndexFunc(found, func(b Binaries) bool {
		return b.Major == major || major == 0 && b.Major >= MinMajor
	})
	switch {
	case i >= 0:
		return found[i], nil
	case major == 0:
		return Binaries{}, fault.E(op, fault.NotFound, fmt.Sprintf("PostgreSQL %d or newer is not installed", MinMajor), nil).
			WithFix(howToInstall("") + ", or set DATABASE_URL to a server you run yourself")
	}
	return Binaries{}, fault.E(op, fault.Conflict,
		fmt.Sprintf("the data belongs to PostgreSQL %d, but installed is %s; the data was not touched", major, majors(found)), nil).
		WithFix(howToInstall(strconv.Itoa(major)) + "; to move to a newer PostgreSQL, `usher backup` with the old one and `usher restore` with the new")
}

// candidates are the directories that may hold PostgreSQL's programs, best first.
func candidates() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil { // initdb stands beside the true file
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	var others []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // Red Hat
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		m, _ := filepath.Glob(pattern)
		others = append(others, m...)
	}
	slices.SortStableFunc(others, func(a, b string) int { return cmp.Compare(numberIn(b), numberIn(a)) })
	return append(dirs, others...)
}

var number = regexp.MustCompile(`\d+`)

// numberIn is the last number in a path: the major version in all known layouts.
func numberIn(path string) int {
	all := number.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

// installed asks each directory's postgres for its version and keeps those that
// can both run and create a cluster.
func installed(ctx context.Context, dirs []string) []Binaries {
	var found []Binaries
	for _, dir := range dirs {
		if slices.ContainsFunc(found, func(b Binaries) bool { return b.Dir == dir }) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		if major := parseMajor(string(out)); major > 0 {
			found = append(found, Binaries{Dir: dir, Major: major, Version: strings.TrimSpace(string(out))})
		}
	}
	return found
}

var version = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// parseMajor reads "postgres (PostgreSQL) 15.14 (Debian …)" or "… 18beta1"; 0 when it is neither.
func parseMajor(out string) int {
	m := version.FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func majors(found []Binaries) string {
	var s []string
	for _, b := range found {
		s = append(s, fmt.Sprintf("%d (%s)", b.Major, b.Dir))
	}
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}

// howToInstall is the command for this system; major "" means the usual one.
func howToInstall(major string) string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@" + cmp.Or(major, "17")
	}
	if major != "" {
		major = "-" + major
	}
	return "apt-get install postgresql" + major
}
