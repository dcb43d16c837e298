// Package webtest is for tests alone: golden files, and a real Chromium that looks at pages.
package webtest

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/web"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Updating reports whether golden files are written instead of compared.
func Updating() bool { return *update }

// Files are templates and assets as they are on disk, seen from a package two folders
// below the root.
func Files() fs.FS { return os.DirFS(filepath.Join("..", "..", "web")) }

// Same compares what a test made with the golden file at path; with -update it writes it.
func Same(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, got, 0o644)); err != nil { //nolint:gosec // G306: a file of the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run make golden", err)
	}
	if bytes.Equal(got, want) {
		return
	}
	is, was := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(is), len(was)) {
		if i >= len(is) || i >= len(was) || is[i] != was[i] {
			t.Errorf("%s, line %d:\n got %s\nwant %s\nTo accept it: make golden, and look at the difference", path, i+1, lineOf(is, i), lineOf(was, i))
			return
		}
	}
}

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return lines[i]
}

// pageBlocks are what a page defines itself. The layout around them has a golden file of
// its own, so that a new entry of the menu does not touch every page's.
var pageBlocks = []string{"title", "head", "main", "foot"}

// Golden draws pages of a module from fixed data, each named "<page>-<state>", and compares
// them with testdata/pages/<name>.html.
func Golden(t *testing.T, module string, pages map[string]any) {
	t.Helper()
	renderer, err := web.NewRenderer(Files(), map[string]any{
		"asset": func(name string) string { return "/assets/" + name },
		"who":   func(actor string) string { return actor + " by name" }, // so that a golden file says where people are told by name
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			template, _, _ := strings.Cut(name, "-")
			if renderer.Has(module + "/" + name) {
				template = name
			}
			var drawn bytes.Buffer
			for _, block := range pageBlocks {
				if err := renderer.Render(&drawn, module+"/"+template+"#"+block, page, nil); err != nil {
					t.Fatal(err)
				}
				drawn.WriteByte('\n')
			}
			Same(t, filepath.Join("testdata", "pages", name+".html"), drawn.Bytes())
		})
	}
}

// Tried fails unless pages of Golden draw every template of a module, except those that
// another test draws: golden files hold what templates draw, not what was forgotten.
func Tried(t testing.TB, module string, pages map[string]any, except ...string) {
	t.Helper()
	for name := range pages {
		template, _, _ := strings.Cut(name, "-")
		except = append(except, template)
	}
	paths, err := fs.Glob(Files(), "templates/"+module+"/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".html")
		if !strings.HasPrefix(name, "_") && !slices.Contains(except, name) {
			t.Errorf("no golden page draws %s", path)
		}
	}
}

// Main is what stands inside the main element of a whole page.
func Main(page []byte) []byte {
	_, page, _ = bytes.Cut(page, []byte("<main id=\"main\" tabindex=\"-1\">"))
	page, _, _ = bytes.Cut(page, []byte("</main>"))
	return page
}
