package app

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/app/demo"
	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

var (
	thorough = flag.Bool("thorough", false, "look at every page in each colour at each width, not in two of the four ways")
	tongue   = flag.String("language", "en", "of the pages")
	pictures = flag.String("pictures", "", "write a picture of each page into this `directory`, and an index beside it")
)

// unlinked are pages that no link leads to, because of what they are.
var unlinked = map[string]string{
	"/sign-in": "who is signed in goes on at once", "/claim": "people who are signed in do not need them", "/invite": "as /claim", "/auth/:provider": "leads to a provider", "/auth/:provider/callback": "a provider leads to it",
	"/auth/:provider/link": "leads to a provider", "/invoice/:token": "a buyer's, from a letter", "/invoices/:id": "the demo takes money at the door", "/shop/offers/:token": "a buyer's, from a letter",
	"/shop/events/:slug/seats/:id": "the demo has no numbered seats", "/shop/events/:slug/room": "the rush is over", "/shop/cart/:token": "a buyer's", "/pay/:token": "a buyer's", "/t/:token": "a buyer's", "/o/:token": "a buyer's",
	"/vouchers/:code": "a visitor's, from a push", "/notifications/audience": "a part of a page", "/stream/parked/:id": "nothing is parked", "/queries/:name": "there is no query yet", "/queries/:name/edit": "there is no query yet",
	"/webhooks/:id": "there is no webhook yet", "/shop/widget/:slug": "stands in other sites", "/detectors/series": "a detector may have learned nothing yet", "/scan": "leads to /scan/", "/scan/": "the offline page of a scanner",
	"/shop/events/:slug/cart": backToForm, "/shop/events/:slug/waitlist": backToForm, "/shop/cart/:token/release": backToForm, "/shop/cart/:token/checkout": backToForm, "/pay/:token/release": backToForm,
	"/o/:token/tickets/:n/transfer": backToForm, "/o/:token/resend": backToForm, "/t/:token/transfer": backToForm,
}

const backToForm = "leads back to a form's page"

// TestEveryPage plays a small festival, then opens every page that is mounted, light and
// dark, on a phone and on a desk: none is wider than the window, axe-core finds nothing,
// the console is quiet. Pages with a blank in their address are found by following links.
func TestEveryPage(t *testing.T) {
	cfg := Defaults()
	cfg.DataDir, cfg.HTTP.Listen = newHome(t), "127.0.0.1:0"
	cfg.Limits.PerSecond, cfg.Limits.Burst = 10_000, 100_000
	speed := 100.0
	if *pictures != "" {
		speed = 4 // there is more to see
	}
	var out bytes.Buffer
	opt := demo.Options{Installations: 300, Seed: 1, Speed: speed, For: 10 * time.Minute, Out: &out}
	if _, err := demoThen(t.Context(), cfg, opt, quiet(), func(ctx context.Context, u *Usher) error {
		w := newWalker(t, ctx, u)
		w.walk()
		return nil
	}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

// walker is an owner who goes through every page.
type walker struct {
	*testing.T
	u      *Usher
	secret string
	found  map[string]string // an address for each route
	body   map[string]string
	file   map[string]bool   // routes that answer something else than a page
	blanks map[string]string // a value for each blank of the routes found
}

func newWalker(t *testing.T, ctx context.Context, u *Usher) *walker {
	t.Helper()
	w := &walker{T: t, u: u, found: map[string]string{}, body: map[string]string{}, file: map[string]bool{}, blanks: map[string]string{}}
	person := id.New()
	if _, err := u.db.Pool().Exec(ctx, `INSERT INTO identity.person (id, role, name, created_at) VALUES ($1, 'owner', 'Ana', now())`, person); err != nil {
		t.Fatal(err)
	}
	err := u.db.InTx(ctx, func(tx *db.Tx) (err error) {
		w.secret, err = u.people.OpenSession(tx, identity.Opening{Person: person.String(), Provider: "demo"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var hrefs = regexp.MustCompile(`(?:href|action)="(/[^"#]*)`)

// walk finds an address for every page, and looks at each.
func (w *walker) walk() {
	w.find()
	var paths []string
	for _, r := range w.routes() {
		switch at, ok := w.found[r.Path]; {
		case ok:
			paths = append(paths, at)
		case unlinked[r.Path] == "" && !w.file[r.Path]:
			w.Errorf("no link leads to %s", r.Path)
		}
	}
	if len(paths) < 45 {
		w.Errorf("only %d pages were found: %v", len(paths), paths)
	}
	slices.Sort(paths)
	if *pictures != "" {
		w.takePictures(paths)
		return
	}
	w.speakGerman(paths)
	for batch := range slices.Chunk(paths, 12) {
		b := w.browser()
		for _, path := range batch {
			w.look(b, path)
		}
		b.Quiet()
	}
}

// look looks at a page in two of four ways, and at its neighbours in the other two.
func (w *walker) look(b *webtest.Browser, path string) {
	w.Helper()
	if *thorough {
		b.Look(path)
		return
	}
	schemes := []string{"light", "dark"}
	if len(path)%2 == 0 {
		slices.Reverse(schemes)
	}
	b.LookAs(path, 390, schemes[0])
	b.LookAs(path, 1280, schemes[1])
}

// routes are the pages: what answers HTML to GET.
func (w *walker) routes() (pages []web.Route) {
	for _, r := range append(w.u.pages, web.Route{Method: http.MethodGet, Path: "/docs/api"}) { // the server's own
		if r.Method == http.MethodGet && r.Timeout >= 0 && !strings.ContainsAny(r.Path[strings.LastIndex(r.Path, "/")+1:], ".*") {
			pages = append(pages, r)
		}
	}
	return pages
}

// find follows links from the pages without a blank, until no new route comes up.
func (w *walker) find() {
	var open []string
	for _, r := range w.routes() {
		if !strings.Contains(r.Path, ":") {
			open = append(open, r.Path)
		}
	}
	for len(open) > 0 {
		at := open[0]
		open = append(open[1:], w.visit(at)...)
	}
	for _, r := range w.routes() { // pages that are linked only now and then
		at := blank.ReplaceAllStringFunc(r.Path, func(name string) string { return cmp.Or(w.blanks[name], name) })
		if _, seen := w.found[r.Path]; !seen && unlinked[r.Path] == "" && !strings.Contains(at, ":") {
			w.visit(at)
		}
	}
}

var blank = regexp.MustCompile(`:\w+`)

// visit reads a page of a route that was not found yet, and says where it leads.
func (w *walker) visit(at string) (links []string) {
	route := w.routeOf(at)
	if _, seen := w.found[route]; route == "" || seen {
		return nil
	}
	status, kind, body := w.get(at)
	if status >= 500 {
		w.Errorf("%s: %d", at, status)
	}
	if status != http.StatusOK || !strings.HasPrefix(kind, "text/html") || !strings.Contains(body, "<html") {
		w.file[route] = w.file[route] || status == http.StatusOK
		return nil
	}
	w.found[route], w.body[at] = at, body
	parts := strings.Split(strings.SplitN(at, "?", 2)[0], "/")
	for i, part := range strings.Split(route, "/") {
		if strings.HasPrefix(part, ":") && w.blanks[part] == "" {
			w.blanks[part] = parts[i]
		}
	}
	for _, m := range hrefs.FindAllStringSubmatch(body, -1) {
		links = append(links, strings.ReplaceAll(m[1], "&amp;", "&"))
	}
	return links
}

// routeOf is the pattern of a path; "" for none of the pages.
func (w *walker) routeOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	best := ""
	for _, r := range w.routes() {
		pattern := "^" + blank.ReplaceAllString(regexp.QuoteMeta(r.Path), `[^/]+`) + "$"
		if ok, _ := regexp.MatchString(pattern, path); ok && (best == "" || strings.Count(r.Path, ":") < strings.Count(best, ":")) {
			best = r.Path
		}
	}
	return best
}

func (w *walker) get(path string) (status int, kind, body string) { return w.getIn(*tongue, path) }

// getIn is get in a language.
func (w *walker) getIn(lang, path string) (status int, kind, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.u.URL()+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: w.u.people.SessionCookie(), Value: w.secret})
	req.AddCookie(&http.Cookie{Name: web.LanguageCookie, Value: lang})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(path, err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), string(raw)
}

// browser is one that is signed in.
func (w *walker) browser() *webtest.Browser {
	w.Helper()
	b := webtest.NewBrowserUp(w.T, w.u.URL(), "..")
	_, err := chromedp.Call(b.Ctx, network.SetCookie, network.SetCookieParams{Name: w.u.people.SessionCookie(), Value: w.secret, URL: w.u.URL()})
	if err == nil {
		_, err = chromedp.Call(b.Ctx, network.SetCookie, network.SetCookieParams{Name: web.LanguageCookie, Value: *tongue, URL: w.u.URL()})
	}
	if err != nil {
		w.Fatal(err)
	}
	return b
}

var title = regexp.MustCompile(`<title>(.*?) · Usher</title>`)

// takePictures writes a picture of each page, and the index of them.
func (w *walker) takePictures(paths []string) {
	w.Helper()
	area := regexp.MustCompile(`<li><a href="[^"]*" aria-current="(?:true|page)">(\w+)</a></li>`)
	byArea := map[string][]string{}
	for batch := range slices.Chunk(paths, 12) {
		b := w.browser()
		for _, path := range batch {
			name := "page" + strings.NewReplacer("/", "-", ":", "").Replace(strings.TrimRight(w.routeOf(path), "/"))
			file := cmp.Or(strings.TrimSuffix(name, "-"), "page") + ".png"
			if path == "/" {
				file = "page-now.png"
			}
			b.Dress(1280, "light")
			b.Open(path)
			time.Sleep(300 * time.Millisecond) // charts draw themselves
			b.Picture(filepath.Join(*pictures, file))
			in, what := "Everything else", path
			if m := area.FindStringSubmatch(w.body[path]); m != nil {
				in = m[1]
			}
			if m := title.FindStringSubmatch(w.body[path]); m != nil {
				what = m[1]
			}
			byArea[in] = append(byArea[in], fmt.Sprintf("### %s\n\n`%s`\n\n![%s](images/%s)\n", what, w.routeOf(path), what, file))
		}
	}
	var tour strings.Builder
	tour.WriteString("# A tour of Usher\n\nEvery page, after the demo festival. `make screenshots` takes the pictures and writes this index.\n")
	for _, in := range []string{"Now", "Events", "Notify", "Venue", "Offers", "Prices", "People", "System", "Everything else"} {
		if len(byArea[in]) > 0 {
			tour.WriteString("\n## " + in + "\n\n" + strings.Join(byArea[in], "\n"))
		}
	}
	if err := os.WriteFile(filepath.Join(*pictures, "..", "tour.md"), []byte(tour.String()), 0o644); err != nil {
		w.Fatal(err)
	}
}
