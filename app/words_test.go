package app

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/web"
	files "github.com/usherhq/usher/web"
)

// TestEveryTextIsThereInGerman finds every text of the dashboard: what stands in templates, and
// what Go says by web.T.
func TestEveryTextIsThereInGerman(t *testing.T) {
	wanted := wantedWords(t)
	if len(wanted) < 300 {
		t.Fatalf("only %d texts were found", len(wanted))
	}
	said := saidWords(t, "de")
	for _, english := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := said[english]; !ok {
			t.Errorf("%s: not in web/words/de: %s", wanted[english], asJSON(english))
		}
	}
}

// values are what a text must keep: its blanks, its values and its tags.
var values = regexp.MustCompile(`\{\{.*?\}\}|<[^>]*>|%(?:\[\d\])?[-+.0-9]*[a-z%]`)

func TestGermanKeepsWhatIsFilledIn(t *testing.T) {
	for english, german := range saidWords(t, "de") {
		if strings.Contains(german, "%[") {
			continue // the order is another
		}
		count := func(s string) map[string]int {
			n := map[string]int{}
			for _, v := range values.FindAllString(s, -1) {
				n[v]++
			}
			return n
		}
		if want, got := count(english), count(german); !maps.Equal(want, got) {
			t.Errorf("%q fills in %v, %q %v", english, want, german, got)
		}
	}
}

// wantedWords are the texts of the dashboard with the file that each stands in.
func wantedWords(t *testing.T) map[string]string {
	t.Helper()
	wanted := map[string]string{}
	pages, err := fs.Glob(files.Files, "templates/*/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(pages, "templates/layout.html") {
		if _, err := fs.Stat(files.Files, filepath.Dir(name)+"/layout.html"); err == nil && name != "templates/layout.html" {
			continue // pages for buyers have words of their own
		}
		source, err := fs.ReadFile(files.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range web.Messages(string(source)) {
			wanted[m] = name
		}
	}
	for _, dir := range []string{".", "demo", "../modules"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, english := range textsOf(t, path) {
				wanted[english] = path
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return wanted
}

// textsOf are what a Go file says by web.T, and what it calls the inputs of forms.
func textsOf(t *testing.T, path string) (found []string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(source), "web.T(") && !strings.Contains(string(source), "web.Inputs{") {
		return nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if label := labelOf(n); label != "" {
			found = append(found, label)
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "T" {
			return true
		}
		if lit, ok := call.Args[0].(*ast.BasicLit); ok {
			if english, err := strconv.Unquote(lit.Value); err == nil && speaks.MatchString(values.ReplaceAllString(english, "")) {
				found = append(found, english)
			}
		}
		return true
	})
	return found
}

// labelOf is how a web.Inputs calls an input; "" for all else.
func labelOf(n ast.Node) (english string) {
	if pair, ok := n.(*ast.KeyValueExpr); ok {
		key, named := pair.Key.(*ast.Ident)
		lit, said := pair.Value.(*ast.BasicLit)
		if named && said && key.Name == "Label" {
			english, _ = strconv.Unquote(lit.Value)
		}
	}
	return english
}

var speaks = regexp.MustCompile(`\pL`)

// saidWords are the texts of a language.
func saidWords(t *testing.T, lang string) map[string]string {
	t.Helper()
	said := map[string]string{}
	names, err := fs.Glob(files.Files, "words/"+lang+"/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(files.Files, name)
		if err == nil {
			err = json.Unmarshal(raw, &said)
		}
		if err != nil {
			t.Fatal(name, err)
		}
	}
	return said
}

func asJSON(s string) string {
	b := &strings.Builder{}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSpace(b.String())
}

// TestScriptsSpeakGerman: what scripts say themselves stands in say.js in every language.
func TestScriptsSpeakGerman(t *testing.T) {
	dictionary, err := fs.ReadFile(files.Files, "assets/say.js")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := fs.Glob(files.Files, "assets/*.js")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`\bsay\("([^"]+)"`)
	n := 0
	for _, name := range scripts {
		source, err := fs.ReadFile(files.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllSubmatch(source, -1) {
			if n++; !strings.Contains(string(dictionary), `"`+string(m[1])+`": `) {
				t.Errorf("%s: %q is not in say.js", name, m[1])
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d texts were found", n)
	}
}
