package web

import (
	"bytes"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Frame is what the layout sees: the page's own data, who is looking at it and in
// which language. The blocks that a page defines are given Page alone.
type Frame struct {
	Page      any
	Caller    Caller
	Lang      string
	Languages []string // that there are
	Path      string   // of the request: where to come back to
}

// Renderer draws pages: templates/layout.html, given a Frame, around
// templates/<module>/<page>.html.
//
// A page is named "<module>/<page>" and defines the blocks that the layout asks
// for. "<module>/<page>#<block>" draws that block alone, for partial updates.
// Files whose name begins with "_" are parts that every page may use. A folder with a
// layout.html of its own has its pages drawn in that one instead.
//
// Templates are written in English; each language that has words/<language>/ gets a set
// of its own, translated before it is parsed.
type Renderer struct {
	sets  map[string]map[string]page // by language
	words map[string]*tongue
	tags  []language.Tag // the first is English
	match language.Matcher
}

const english = "en"

// page makes the template of a page when it is drawn first: each holds a copy of the
// layout and all parts, too much memory to have for pages that nobody opens.
type page func() (*template.Template, error)

// NewRenderer parses everything at once, so that a bad template stops the start
// and not a visitor. funcs are what templates may call, beside say (Text), retell
// (sentences that were put together in English) and who (an actor, as people call him:
// as it is, unless funcs know better). Errors: fault.Internal naming the file.
func NewRenderer(files fs.FS, funcs template.FuncMap) (*Renderer, error) {
	const op = "web.NewRenderer"
	names, err := fs.Glob(files, "templates/*/*.html")
	if err != nil {
		return nil, fault.E(op, fault.Internal, "cannot list the templates", err)
	}
	tongues, err := readWords(files)
	if err != nil {
		return nil, err
	}
	r := &Renderer{sets: map[string]map[string]page{}, words: map[string]*tongue{}}
	for _, w := range append([]*tongue{{lang: english}}, tongues...) {
		tag, err := language.Parse(w.lang)
		if err != nil {
			return nil, fault.E(op, fault.Internal, "words/"+w.lang+" is not named for a language", err)
		}
		if r.sets[w.lang], err = parseSet(files, names, funcs, w); err != nil {
			return nil, err
		}
		r.tags, r.words[w.lang] = append(r.tags, tag), w
	}
	r.match = language.NewMatcher(r.tags)
	return r, nil
}

// parseSet reads all pages in one language.
func parseSet(files fs.FS, names []string, funcs template.FuncMap, w *tongue) (map[string]page, error) {
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
	blank := template.New("layout.html").Funcs(template.FuncMap{"who": func(actor string) string { return actor }}).Funcs(funcs).Funcs(template.FuncMap{"say": w.say, "retell": w.retell}).Option("missingkey=error")
	layout := template.Must(blank.Clone())
	if err := parseInto(layout, files, w, append([]string{"templates/layout.html"}, parts...)...); err != nil {
		return nil, err
	}
	set := map[string]page{}
	for _, name := range pages {
		drawn := []string{name}
		if around, ok := own[path.Dir(name)]; ok {
			drawn = []string{around, name}
		}
		if err := parseInto(template.Must(blank.Clone()), files, w, drawn...); err != nil {
			return nil, err
		}
		set[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			page := template.Must(layout.Clone())
			return page, parseInto(page, files, w, drawn...)
		})
	}
	return set, nil
}

func parseInto(t *template.Template, files fs.FS, w *tongue, names ...string) error {
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err == nil {
			text := string(source)
			if len(w.texts) > 0 {
				text = translate(text, w.of)
			}
			into := t
			if base := path.Base(name); base != t.Name() { // New of its own name would empty it
				into = t.New(base)
			}
			_, err = into.Parse(text)
		}
		if err != nil {
			return fault.E("web.NewRenderer", fault.Internal, "cannot read "+name+" in "+w.lang, err)
		}
	}
	return nil
}

// Language is the one a request gets: what the person chose, what the browser asks for, or English.
func (r *Renderer) Language(c echo.Context) string {
	if c == nil {
		return english
	}
	chosen := ""
	if k, err := c.Cookie(LanguageCookie); err == nil {
		chosen = k.Value
	}
	return choose(r.tags, r.match, chosen, c.Request().Header.Get("Accept-Language"))
}

// Languages are those that there are, English first.
func (r *Renderer) Languages() []string {
	out := make([]string, len(r.tags))
	for i, t := range r.tags {
		out[i] = t.String()
	}
	return out
}

// A speaker is a page that says which language it is in, whatever the request asks for.
type speaker interface{ Spoken() string }

// Has reports whether there is such a page.
func (r *Renderer) Has(name string) bool { return r.sets[english][name] != nil }

// Render draws a page or one block of it; c.Render calls it. Nothing is sent
// when it fails, because echo renders into memory first.
func (r *Renderer) Render(w io.Writer, name string, data any, c echo.Context) error {
	const op = "web.Render"
	name, block, partial := strings.Cut(name, "#")
	lang := r.Language(c)
	if own, ok := data.(speaker); ok && r.sets[own.Spoken()] != nil {
		lang = own.Spoken()
	}
	made := r.sets[lang][name]
	if made == nil {
		return fault.E(op, fault.Internal, "no page "+name, nil)
	}
	page, err := made()
	if err != nil {
		return err
	}
	if !partial {
		frame := Frame{Page: data, Lang: lang, Languages: r.Languages()}
		if c != nil {
			frame.Caller, frame.Path = CallerOf(c.Request().Context()), c.Request().URL.RequestURI()
		}
		block, data = "layout.html", frame
	}
	var drawn bytes.Buffer
	if err := page.ExecuteTemplate(&drawn, block, data); err != nil {
		return fault.E(op, fault.Internal, "cannot draw "+name, err)
	}
	whole := drawn.Bytes()
	if lang != english {
		whole = r.words[lang].inTime(whole)
	}
	if _, err := w.Write(whole); err != nil {
		return fault.E(op, fault.Transient, "cannot write "+name, err)
	}
	return nil
}
