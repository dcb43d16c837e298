package app

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// check lists every breach of the rules, as "file:line: what. Instead: …".
func (r *repo) check() (breaches []string) {
	for _, s := range r.files {
		breaches = append(breaches, r.checkImports(s)...)
		breaches = append(breaches, checkDoors(s)...)
		breaches = append(breaches, r.checkSQL(s)...)
		breaches = append(breaches, r.checkClock(s)...)
	}
	breaches = append(breaches, r.checkMigrations()...)
	breaches = append(breaches, r.checkFacts()...)
	slices.Sort(breaches)
	return breaches
}

func breach(file string, line int, what, instead string) string {
	return fmt.Sprintf("%s:%d: %s. Instead: %s", file, line, what, instead)
}

// exempt reports whether one of the exemptions covers dir (and what), and notes its use.
func (r *repo) exempt(list []exemption, dir, what string) bool {
	for _, e := range list {
		if (dir == e.where || strings.HasPrefix(dir, e.where+"/")) && e.what == what {
			r.used[e] = true
			return true
		}
	}
	return false
}

// stale lists the exemptions that nothing needed, and those without a reason.
func (r *repo) stale() (out []string) {
	for _, e := range slices.Concat(importExemptions, clockExemptions, sqlExemptions, unheard) {
		if !r.used[e] {
			out = append(out, fmt.Sprintf("the exemption for %s %s is no longer needed: remove it from arch_test.go", e.where, e.what))
		}
		if e.reason == "" {
			out = append(out, fmt.Sprintf("the exemption for %s %s gives no reason", e.where, e.what))
		}
	}
	return out
}

// checkImports is rule 1: main → app → modules/* → facts → kernel.
func (r *repo) checkImports(s source) (out []string) {
	for imported, line := range s.imports {
		target, isOurs := strings.CutPrefix(imported, ours)
		if !isOurs {
			continue
		}
		instead := r.wrongWay(s, target)
		if instead != "" && !r.exempt(importExemptions, s.dir(), target) {
			out = append(out, breach(s.file, line, s.dir()+" imports "+target, instead))
		}
	}
	return out
}

// wrongWay says what to do instead of importing target; "" when it is right.
func (r *repo) wrongWay(s source, target string) string {
	mine, top := s.module(), strings.Split(s.file, "/")[0]
	theirs := moduleOf(target + "/x.go")
	switch {
	case top == "main.go" || top == "main_test.go":
		if target != "app" {
			return "main only starts app"
		}
	case top == "web" || top == "migrations":
		return "web and migrations import nothing of ours; pass values in from app"
	case top == "app", theirs == "kernel":
	case theirs == "":
		return "nothing below app imports it; let app pass in what is needed (an fs.FS, a function)"
	case mine == "kernel":
		return "the kernel imports only the kernel; move it to the module, or what it needs to the kernel"
	case theirs == "facts", mine == theirs:
	case mine == "facts":
		return "facts are plain structs; they import only the kernel"
	default:
		return "no module imports another: declare a narrow interface in " + mine + ".go and let wire.go pass the neighbour in, or announce a fact"
	}
	return ""
}

// checkDoors is rule 7.
func checkDoors(s source) (out []string) {
	for imported, line := range s.imports {
		for _, d := range doors {
			if (imported == d.library || strings.HasPrefix(imported, d.library+"/")) && !d.open(s.file) {
				out = append(out, breach(s.file, line, imported+" is imported outside its door", d.instead))
			}
		}
	}
	return out
}

// schemas are all the schemas there may be.
func (r *repo) schemas() []string { return slices.Concat(kernelSchemas, r.modules) }

// ownSchema is the schema of the file's module, or of its package in the kernel.
func (s *source) ownSchema() string {
	if s.module() == "kernel" {
		return strings.Split(s.file, "/")[2]
	}
	return s.module()
}

// checkSQL is rule 6, for statements in Go.
func (r *repo) checkSQL(s source) (out []string) {
	named := map[int][]string{}
	for line, texts := range s.texts {
		for _, text := range texts {
			if statement.MatchString(text) || bareTable.MatchString(text) && strings.HasPrefix(path.Base(s.file), "store") {
				named[line] = append(named[line], schemasIn(text, r.schemas())...)
			}
		}
	}
	for line, schema := range s.schemas {
		if slices.Contains(r.schemas(), schema) {
			named[line] = append(named[line], schema)
		}
	}
	for line, schemas := range named {
		for _, schema := range schemas {
			if schema != s.ownSchema() && !r.mayLook(s, schema) && !r.exempt(sqlExemptions, s.dir(), schema) {
				out = append(out, breach(s.file, line, "SQL names the schema "+schema, "ask its module through an interface, or keep what you need from its facts in tables of your own"))
			}
		}
	}
	return out
}

// mayLook: a test may see what was announced and enqueued, and app's tests see the whole house.
func (r *repo) mayLook(s source, schema string) bool {
	return s.test && (strings.HasPrefix(s.file, "app/") || slices.Contains(kernelSchemas, schema))
}

var migrationName = regexp.MustCompile(`^migrations/\d{4}_([a-z]+)_[a-z_]+\.sql$`)

// checkMigrations is rule 6, for the schema: a file changes one module's tables only.
func (r *repo) checkMigrations() (out []string) {
	for file, sql := range r.migrations {
		m := migrationName.FindStringSubmatch(file)
		if m == nil || m[1] != "kernel" && !slices.Contains(r.modules, m[1]) {
			out = append(out, breach(file, 1, "the file names no module", "NNNN_<module>_<verb>.sql"))
			continue
		}
		for _, schema := range schemasIn(sql, r.schemas()) {
			if schema != m[1] && (m[1] != "kernel" || !slices.Contains(kernelSchemas, schema)) {
				out = append(out, breach(file, 1, "it names the schema "+schema, "one migration for each module, and no foreign key across schemas"))
			}
		}
	}
	return out
}

// checkClock: modules read kernel/clock, so that tests can set the time.
func (r *repo) checkClock(s source) (out []string) {
	if s.module() == "" || s.test {
		return nil
	}
	for _, line := range s.clock {
		if !r.exempt(clockExemptions, s.dir(), "") {
			out = append(out, breach(s.file, line, "it asks the machine for the time", "use tx.Now(), db.Now() or a clock.Clock"))
		}
	}
	return out
}

// checkFacts: what is announced should be heard.
func (r *repo) checkFacts() (out []string) {
	heard := map[string]bool{}
	for _, s := range r.files {
		if strings.HasPrefix(path.Base(s.file), "listen") && !s.test {
			for _, name := range s.namesFacts {
				heard[name] = true
			}
		}
	}
	for _, s := range r.files {
		for _, fact := range s.facts {
			if s.module() == "facts" && !heard[fact] && !r.exempt(unheard, fact, "") {
				out = append(out, breach(s.file, 1, "nobody listens to facts."+fact, "handle it in a module's listen.go, or say in arch_test.go why it is announced"))
			}
		}
	}
	return out
}
