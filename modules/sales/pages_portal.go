package sales

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/words"
)

// portalPages are the attendee's: all of them work without scripts, in each of the
// portal's languages.
func (s *Service) portalPages() []web.Route {
	open := func(method, path string, h portalHandler) web.Route {
		return web.Route{Method: method, Path: "/shop" + path, Right: web.Public, Handler: s.portal(h)}
	}
	live := open("GET", "/events/:slug/live", s.shopLive)
	live.Timeout = -1
	pages := []web.Route{
		open("GET", "", s.shopList), open("GET", "/calendar", s.shopCalendar),
		open("GET", "/events/:slug", s.shopEventPage), live,
		open("GET", "/events/:slug/seats/:id", s.shopSeats),
		open("POST", "/events/:slug/cart", s.shopHold),
		open("POST", "/events/:slug/waitlist", s.shopWait),
		open("GET", "/events/:slug/room", s.shopRoom), open("POST", "/events/:slug/room", s.shopRoomJoined), open("POST", "/events/:slug/room/leave", s.shopRoomLeft),
		open("GET", "/offers/:token", s.shopOffer),
		open("GET", "/cart/:token", s.shopCart), open("POST", "/cart/:token/release", s.shopReleased), open("POST", "/cart/:token/checkout", s.shopCheckout),
		open("GET", "/mine", s.shopMine),
		open("GET", "/events/:slug/cart", backToForm), open("GET", "/events/:slug/waitlist", backToForm),
		open("GET", "/cart/:token/release", backToForm), open("GET", "/cart/:token/checkout", backToForm),
	}
	nothing := open("GET", "/*", func(echo.Context, *words.Tongue) error {
		return fault.E("sales.portal", fault.NotFound, "there is nothing at this address", nil)
	})
	return slices.Concat(pages, s.findPages(), s.widgetPages(), s.noticePages(), []web.Route{nothing})
}

// backToForm leads whoever opens the address of a form to the page it stands on: the answer
// that tells what is wrong is at that address, and so are its links to other languages.
func backToForm(c echo.Context, _ *words.Tongue) error {
	page := path.Dir(c.Request().URL.EscapedPath())
	if n := c.Param("n"); n != "" { // of a ticket
		page = strings.TrimSuffix(page, "/tickets/"+n)
	}
	return c.Redirect(http.StatusSeeOther, page+keptLanguage(c))
}

// keptLanguage is the language that an address asks for, for the next one.
func keptLanguage(c echo.Context) string {
	if lang := c.QueryParam("lang"); lang != "" {
		return "?lang=" + url.QueryEscape(lang)
	}
	return ""
}

// portalHandler answers in a language.
type portalHandler func(c echo.Context, t *words.Tongue) error

const (
	langCookie = "usher_lang"
	cartCookie = "usher_cart"
)

// portal chooses the visitor's language.
func (s *Service) portal(h portalHandler) echo.HandlerFunc {
	return func(c echo.Context) error { return h(c, s.tongueOf(c)) }
}

// tongueOf is what the address asks for, and from then on remembered; else what was
// remembered, else what the browser prefers.
func (s *Service) tongueOf(c echo.Context) *words.Tongue {
	if asked := c.QueryParam("lang"); asked != "" {
		t := words.In(asked)
		s.remember(c, langCookie, t.Lang, "/", 365*24*time.Hour)
		return t
	}
	return words.In(recalled(c, langCookie), c.Request().Header.Get("Accept-Language"))
}

// remember keeps a value in the visitor's browser; life 0 forgets it.
func (s *Service) remember(c echo.Context, name, value, path string, life time.Duration) {
	age := int(life.Seconds())
	if age == 0 {
		age = -1
	}
	c.SetCookie(&http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, //nolint:gosec // G124: Secure as the site is
		Secure: strings.HasPrefix(s.origin(c), "https:")})
}

func recalled(c echo.Context, name string) string {
	if k, err := c.Cookie(name); err == nil {
		return k.Value
	}
	return ""
}

// frame is what the portal's layout needs of every page.
type frame struct {
	*words.Tongue
	Title     string
	About     string // for search engines
	Place     string // the entry of the menu that is this page
	Canonical string
	Unlisted  bool // search engines are to leave it out
	Framed    bool // drawn inside another site
	Seller    string
	Imprint   []string
	Tongues   []tongueLink
	Carts     []link // of the visitor, which are open
	Person    string // what the signed-in person is called
	SignIn    string
	Notices   string // where a browser says what it wants to hear
	Data      any    // schema.org
}

// Spoken is the language of the page, whatever the dashboard's is.
func (f frame) Spoken() string {
	if f.Tongue == nil {
		return ""
	}
	return f.Lang
}

// tongueLink leads to this page in another language.
type tongueLink struct {
	Lang, Name, URL, Full string
	Current               bool
}

func (s *Service) frame(c echo.Context, t *words.Tongue, title string) frame {
	req := c.Request()
	f := frame{Tongue: t, Title: title, Canonical: s.origin(c) + req.URL.Path, Seller: s.cfg.Seller.Name, SignIn: "/sign-in?return=" + url.QueryEscape(req.URL.Path), Notices: "/shop/notices"}
	if f.Seller != "" {
		f.Imprint = append([]string{f.Seller}, inLines(s.cfg.Seller.Address)...)
	}
	if who := web.CallerOf(req.Context()); who.Person != "" {
		f.Person = who.Label
	}
	for _, other := range words.All() {
		link := tongueLink{Lang: other.Lang, Name: other.Say("name"), Current: other == t}
		q := req.URL.Query()
		q.Set("lang", other.Lang)
		link.URL, link.Full = req.URL.Path+"?"+q.Encode(), f.Canonical+"?lang="+other.Lang
		f.Tongues = append(f.Tongues, link)
	}
	f.Carts = s.cartLinks(req.Context(), t, s.carts(c))
	return f
}

// inLines are the lines of a text of config.yaml, which may end with a line break.
func inLines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// link is a button that leads somewhere.
type link struct{ URL, Name string }

// said is what a page tells its visitor first: what happened, and what to do.
type said struct {
	Kind  string // good, warn, bad
	Title string
	Text  string
	More  []string
	Link  *link
}

// wrongPage tells of a fault.
type wrongPage struct {
	frame
	Heading, Text, Reference string
}

// shopWrong shows what went wrong in words of the portal, whoever refused.
func (s *Service) shopWrong(c echo.Context, problem web.Problem) error {
	t, key := s.tongueOf(c), "wrong.other"
	switch problem.Status {
	case http.StatusNotFound, http.StatusBadRequest:
		key = "wrong.not_found"
	case http.StatusTooManyRequests:
		key = "wrong.limited"
	case http.StatusServiceUnavailable:
		key = "wrong.transient"
	}
	p := wrongPage{frame: s.frame(c, t, t.Say(key)), Heading: t.Say(key), Text: t.Say(key + ".fix")}
	if p.Unlisted = true; problem.Status >= 500 {
		p.Reference = problem.RequestID
	}
	return c.Render(problem.Status, "portal/wrong", p)
}
