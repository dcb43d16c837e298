package app

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const ours = "github.com/usherhq/usher/"

// source is what the rules want to know of one Go file.
type source struct {
	file       string // from the root, with slashes
	test       bool
	imports    map[string]int // import path → line
	texts      map[int][]string
	schemas    map[int]string // pgx.Identifier{"schema", …} by line
	clock      []int          // lines that read the machine's time
	facts      []string       // types with a FactType method
	namesFacts []string       // facts.X mentioned
}

func (s *source) dir() string { return path.Dir(s.file) }

// module is the module the file belongs to, "kernel" and "facts" included; "" outside modules/.
func (s *source) module() string { return moduleOf(s.file) }

func moduleOf(file string) string {
	parts := strings.Split(file, "/")
	if parts[0] != "modules" || len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// repo is everything the rules look at.
type repo struct {
	modules    []string
	files      []source
	migrations map[string]string // file → SQL
	used       map[exemption]bool
}

// readRepo parses every Go file and migration below the folders that have a place in the tree.
func readRepo(root fs.FS) (*repo, error) {
	r := &repo{migrations: map[string]string{}, used: map[exemption]bool{}}
	entries, err := fs.ReadDir(root, "modules")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "kernel" && e.Name() != "facts" {
			r.modules = append(r.modules, e.Name())
		}
	}
	for _, top := range []string{"main.go", "main_test.go", "app", "modules", "migrations", "web"} {
		err := fs.WalkDir(root, top, func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && file == top {
				return nil
			}
			if err != nil || d.IsDir() {
				return skip(d, err)
			}
			return r.read(root, file)
		})
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *repo) read(root fs.FS, file string) error {
	isGo, isSQL := strings.HasSuffix(file, ".go"), path.Dir(file) == "migrations" && strings.HasSuffix(file, ".sql")
	if !isGo && !isSQL {
		return nil
	}
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return err
	}
	if isSQL {
		r.migrations[file] = string(text)
		return nil
	}
	s, err := parseSource(file, text)
	r.files = append(r.files, s)
	return err
}

// skip leaves out what is not ours.
func skip(d fs.DirEntry, err error) error {
	if err == nil && d.IsDir() && slices.Contains([]string{"node_modules", "testdata", ".git", ".cache", "bin"}, d.Name()) {
		return fs.SkipDir
	}
	return err
}

// countGo counts the Go files by another way than readRepo goes.
func countGo(t *testing.T, root fs.FS) (n int) {
	t.Helper()
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(file, ".go") {
			n++
		}
		return skip(d, err)
	})
	if err != nil || n == 0 {
		t.Fatalf("counted %d files: %v", n, err)
	}
	return n
}

// parseSource reads the imports first, so that a file with a fault further down
// is still held to rule 1.
func parseSource(file string, text []byte) (source, error) {
	s := source{file: file, test: strings.HasSuffix(file, "_test.go"), imports: map[string]int{}, texts: map[int][]string{}, schemas: map[int]string{}}
	set := token.NewFileSet()
	head, err := parser.ParseFile(set, file, text, parser.ImportsOnly)
	if err != nil {
		return s, err
	}
	names := map[string]string{} // local name → import path
	for _, i := range head.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		s.imports[p] = set.Position(i.Pos()).Line
		names[path.Base(p)] = p
		if i.Name != nil {
			names[i.Name.Name] = p
		}
	}
	body, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return s, err
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if n != nil {
			s.note(n, set.Position(n.Pos()).Line, names)
		}
		return true
	})
	return s, nil
}

func (s *source) note(n ast.Node, line int, names map[string]string) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
			s.texts[line] = append(s.texts[line], text)
		}
	case *ast.CompositeLit:
		if sel, ok := n.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Identifier" && len(n.Elts) > 1 {
			if lit, ok := n.Elts[0].(*ast.BasicLit); ok {
				s.schemas[line], _ = strconv.Unquote(lit.Value)
			}
		}
	case *ast.SelectorExpr:
		pkg, ok := n.X.(*ast.Ident)
		switch {
		case !ok:
		case names[pkg.Name] == "time" && slices.Contains([]string{"Now", "Since", "Until"}, n.Sel.Name):
			s.clock = append(s.clock, line)
		case names[pkg.Name] == ours+"modules/facts":
			s.namesFacts = append(s.namesFacts, n.Sel.Name)
		}
	case *ast.FuncDecl:
		if n.Name.Name == "FactType" && n.Recv != nil {
			s.facts = append(s.facts, strings.TrimPrefix(typeName(n.Recv.List[0].Type), "*"))
		}
	}
}

func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		return typeName(star.X)
	}
	return fmt.Sprint(e)
}

var (
	statement = regexp.MustCompile(`\b(SELECT|FROM|JOIN|INTO|UPDATE|DELETE|TABLE|WHERE|REFERENCES|COPY|LOCK|TRUNCATE)\b|(?i)^\s*(select|insert|update|delete|with|create|alter|drop|copy|lock|truncate)\s`)
	bareTable = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)
	qualified = regexp.MustCompile(`\b"?([a-z_]+)"?\s*\.\s*"?[a-z_*]`)
	comment   = regexp.MustCompile(`--[^\n]*`)
	quoted    = regexp.MustCompile(`'[^']*'`)
)

// schemasIn lists the known schemas that a piece of SQL names.
func schemasIn(sql string, known []string) (found []string) {
	sql = quoted.ReplaceAllString(comment.ReplaceAllString(sql, ""), "''")
	for _, m := range qualified.FindAllStringSubmatch(sql, -1) {
		if slices.Contains(known, m[1]) && !slices.Contains(found, m[1]) {
			found = append(found, m[1])
		}
	}
	return found
}
