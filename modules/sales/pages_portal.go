package sales

import (
	"errors"
	"net/http"
	"net/url"
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
	}
	return slices.Concat(pages, s.findPages(), s.widgetPages(), s.noticePages())
}

// portalHandler answers in a language.
type portalHandler func(c echo.Context, t *words.Tongue) error

const (
	langCookie = "usher_lang"
	cartCookie = "usher_cart"
)

// portal chooses the visitor's language and shows faults in it.
func (s *Service) portal(h portalHandler) echo.HandlerFunc {
	return func(c echo.Context) error {
		t := s.tongueOf(c)
		err := h(c, t)
		if err == nil || c.Response().Committed || !strings.Contains(c.Request().Header.Get("Accept"), "text/html") {
			return err
		}
		return s.shopWrong(c, t, err)
	}
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
	c.SetCookie(&http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
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
	Cart      string // of the visitor, "": none is open
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
	return f.Tongue.Lang
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
		f.Imprint = append([]string{f.Seller}, strings.Split(s.cfg.Seller.Address, "\n")...)
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
	if ref, ok := s.openCart(recalled(c, cartCookie)); ok && s.db.Now().Before(ref.Until) {
		f.Cart = "/shop/cart/" + s.CartToken(ref)
	}
	return f
}

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

// shopWrong shows a fault in words of the portal; what it was stays in the log.
func (s *Service) shopWrong(c echo.Context, t *words.Tongue, err error) error {
	status, key := web.Status(err), "wrong.other"
	switch {
	case status == http.StatusNotFound || status == http.StatusBadRequest:
		key = "wrong.not_found"
	case status == http.StatusTooManyRequests:
		key = "wrong.limited"
	case status == http.StatusServiceUnavailable:
		key = "wrong.transient"
	}
	p := wrongPage{frame: s.frame(c, t, t.Say(key)), Heading: t.Say(key), Text: t.Say(key + ".fix")}
	if p.Unlisted = true; status >= 500 {
		p.Reference = web.RequestID(c.Request().Context())
		s.log.Error("a page of the portal failed", "request_id", p.Reference, "route", c.Path(), "error", err)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.RetryAfter > 0 {
		c.Response().Header().Set("Retry-After", "1")
	}
	return c.Render(status, "portal/wrong", p)
}
