package web

import (
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Frame is what the layout sees: the page's own data and who is looking at it. The
// blocks that a page defines are given Page alone.
type Frame struct {
	Page   any
	Caller Caller
}

// Renderer draws pages: templates/layout.html, given a Frame, around
// templates/<module>/<page>.html.
//
// A page is named "<module>/<page>" and defines the blocks that the layout asks
// for. "<module>/<page>#<block>" draws that block alone, for partial updates.
// Files whose name begins with "_" are parts that every page may use. A folder with a
// layout.html of its own has its pages drawn in that one instead.
type Renderer struct{ pages map[string]*template.Template }

// NewRenderer parses everything at once, so that a bad template stops the start
// and not a visitor. funcs are what templates may call. Errors: fault.Internal naming the file.
func NewRenderer(files fs.FS, funcs template.FuncMap) (*Renderer, error) {
	const op = "web.NewRenderer"
	names, err := fs.Glob(files, "templates/*/*.html")
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot list the templates", err)
	}
	var parts, pages []string
	own := map[string]string{} // the layouts of folders that have one
	for _, name := range names {
		switch {
		case strings.HasPrefix(path.Base(name), "_"):
			parts = append(parts, name)
		case path.Base(name) == "layout.html":
			own[path.Dir(name)] = name
		default:
			pages = append(pages, name)
		}
	}
	layout, err := template.New("layout.html").Funcs(funcs).Option("missingkey=error").
		ParseFS(files, append([]string{"templates/layout.html"}, parts...)...)
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot read the layout", err)
	}
	r := &Renderer{pages: map[string]*template.Template{}}
	for _, name := range pages {
		drawn := []string{name}
		if around, ok := own[path.Dir(name)]; ok {
			drawn = []string{around, name}
		}
		page, err := template.Must(layout.Clone()).ParseFS(files, drawn...)
		if err != nil {
			return nil, fault.E(op, fault.Internal, "cannot read "+name, err)
		}
		r.pages[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = page
	}
	return r, nil
}

// Has reports whether there is such a page.
func (r *Renderer) Has(name string) bool { return r.pages[name] != nil }

// Render draws a page or one block of it; c.Render calls it. Nothing is sent
// when it fails, because echo renders into memory first.
func (r *Renderer) Render(w io.Writer, name string, data any, c echo.Context) error {
	const op = "web.Render"
	name, block, partial := strings.Cut(name, "#")
	page, ok := r.pages[name]
	if !ok {
		return fault.E(op, fault.Internal, "no page "+name, nil)
	}
	if !partial {
		frame := Frame{Page: data}
		if c != nil {
			frame.Caller = CallerOf(c.Request().Context())
		}
		block, data = "layout.html", frame
	}
	if err := page.ExecuteTemplate(w, block, data); err != nil {
		return fault.E(op, fault.Internal, "cannot draw "+name, err)
	}
	return nil
}
