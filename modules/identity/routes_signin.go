package identity

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// signInRoutes lead a browser to a provider and back. They answer browsers, so
// they are mounted as pages.
func (s *Service) signInRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/auth/:provider", Right: web.Public, Handler: s.getAuth},
		{Method: "GET", Path: "/auth/:provider/link", Right: web.Self, Handler: s.getLink},
		{Method: "GET", Path: "/auth/:provider/callback", Right: web.Public, Handler: s.getCallback},
		{Method: "POST", Path: "/auth/:provider/callback", Right: web.Public, Handler: s.postCallback, Limit: 64 << 10},
		{Method: "POST", Path: "/sign-out", Right: web.Public, Handler: s.postSignOut},
	}
}

// CallbackPattern matches the requests that come back from a provider. They may
// come from its page; a state and a cookie say which browser began.
const CallbackPattern = "POST /auth/{provider}/callback"

// Cookies, by what they hold. Over TLS each is __Host-: set by this host alone,
// for this host alone.
const (
	cookieSession = "usher"         // the session's secret
	cookieSignIn  = "usher-sign-in" // what binds a sign-in to this browser
	cookieGrant   = "usher-grant"   // purpose and secret of the claim or invite that somebody follows
)

// origin is how this browser reaches us. Headers decide nothing about it, except
// on this machine itself, where http.public_url may be left out.
// Errors: fault.Invalid with what to configure.
func (s *Service) origin(c echo.Context) (string, error) {
	if o := strings.TrimRight(s.site.PublicURL, "/"); o != "" && (s.site.Secure || secureOrLocal(o)) {
		return o, nil
	}
	host := url.URL{Host: c.Request().Host}
	peer, err := netip.ParseAddrPort(c.Request().RemoteAddr)
	if s.site.PublicURL != "" || !loopbackName(host.Hostname()) || err != nil || !peer.Addr().Unmap().IsLoopback() {
		return "", fault.E("identity.SignIn", fault.Invalid, "nobody can sign in over an address that is not secure", nil).
			WithFix("set http.public_url to the https address that browsers use")
	}
	if s.site.Secure {
		return "https://" + host.Host, nil
	}
	return "http://" + host.Host, nil
}

func (s *Service) cookieName(name string) string {
	if s.site.Secure {
		return "__Host-" + name
	}
	return name
}

func (s *Service) setCookie(c echo.Context, name, value string, life time.Duration, same http.SameSite) {
	c.SetCookie(&http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), //nolint:gosec // G124: Secure as the site is, and no caller asks for None
		Secure: s.site.Secure, HttpOnly: true, SameSite: same})
}

func (s *Service) dropCookie(c echo.Context, name string) {
	c.SetCookie(&http.Cookie{Name: s.cookieName(name), Path: "/", MaxAge: -1, Secure: s.site.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}) //nolint:gosec // G124: Secure as the site is
}

func (s *Service) cookie(c echo.Context, name string) string {
	k, err := c.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return k.Value
}

// SessionCookie is the name of the cookie that holds a session.
func (s *Service) SessionCookie() string { return s.cookieName(cookieSession) }

// setSession gives the browser its new session's secret (see OpenSession).
func (s *Service) setSession(c echo.Context, secret string) {
	s.setCookie(c, cookieSession, secret, max(sessionLimit, s.cfg.Session), http.SameSiteLaxMode)
}

// setGrant keeps a claim's or invite's secret in the browser until its next
// sign-in, which then makes good on it.
func (s *Service) setGrant(c echo.Context, p Purpose, secret string) {
	s.setCookie(c, cookieGrant, string(p)+"."+secret, signInLimit, http.SameSiteLaxMode)
}

// grant is what setGrant kept, checked; nil for a plain sign-in.
func (s *Service) grant(c echo.Context) (p Purpose, hash []byte, err error) {
	name, secret, _ := strings.Cut(s.cookie(c, cookieGrant), ".")
	ctx := c.Request().Context()
	switch p = Purpose(name); p {
	case PurposeClaim:
		hash, err = s.checkClaim(ctx, secret)
	case PurposeInvite:
		hash, _, err = s.checkInvite(ctx, secret)
	default:
		return PurposeSignIn, nil, nil
	}
	if err != nil {
		s.dropCookie(c, cookieGrant)
	}
	return p, hash, err
}

// sessionOf is the session of the browser that asks. Errors: fault.Unauthenticated.
func (s *Service) sessionOf(c echo.Context) (Session, error) {
	x, _, err := s.session(c.Request().Context(), s.cookie(c, cookieSession))
	return x, err
}

func (s *Service) getAuth(c echo.Context) error {
	purpose, hash, err := s.grant(c)
	if err != nil {
		return err
	}
	return s.sendOn(c, beginning{purpose: purpose, grant: hash})
}

// getLink begins to link a further identity. It changes who may sign in, and a
// provider may answer without asking anybody, so another site must not begin it.
func (s *Service) getLink(c echo.Context) error {
	const op = "identity.Link"
	if c.Request().Header.Get("Sec-Fetch-Site") != "same-origin" {
		return fault.E(op, fault.Forbidden, "another site may not do this", nil).WithFix("use the button on your own page in Usher")
	}
	x, err := s.sessionOf(c)
	if err != nil {
		return err
	}
	if !x.Fresh(s.db.Now()) {
		return notFresh(op)
	}
	return s.sendOn(c, beginning{purpose: PurposeLink, session: x.ID})
}

func (s *Service) sendOn(c echo.Context, b beginning) (err error) {
	if b.origin, err = s.origin(c); err != nil {
		return err
	}
	b.provider, b.back = c.Param("provider"), c.QueryParam("return")
	to, err := s.beginSignIn(c.Request().Context(), b)
	if err != nil {
		return err
	}
	same := http.SameSiteLaxMode
	if to.formPost && s.site.Secure {
		same = http.SameSiteNoneMode // the answer is a POST from the provider's page
	}
	s.setCookie(c, cookieSignIn, to.browser, signInLimit, same)
	return c.Redirect(http.StatusSeeOther, to.address)
}

func (s *Service) getCallback(c echo.Context) error { return s.finish(c, c.QueryParams()) }

func (s *Service) postCallback(c echo.Context) error {
	if err := c.Request().ParseForm(); err != nil {
		return fault.E("identity.SignIn", fault.Invalid, "the provider's answer is not readable", err).WithFix("sign in again")
	}
	return s.finish(c, c.Request().PostForm)
}

// finish reads the values that an answer may have, each once, and nothing else.
func (s *Service) finish(c echo.Context, said url.Values) error {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(said[name]) > 1 {
			return notVouched("the answer says "+name+" twice", nil)
		}
	}
	at, err := s.origin(c)
	if err != nil {
		return err
	}
	done, err := s.finishSignIn(c.Request().Context(), callback{
		provider: c.Param("provider"), origin: at, state: said.Get("state"), browser: s.cookie(c, cookieSignIn),
		refused: said.Has("error"), answer: answer{code: said.Get("code"), issuer: said.Get("iss")},
		agent: c.Request().UserAgent(), previous: s.cookie(c, cookieSession),
	})
	s.dropCookie(c, cookieSignIn)
	if err != nil {
		return err
	}
	if done.session != "" {
		s.dropCookie(c, cookieGrant)
		s.setSession(c, done.session)
	}
	return c.Redirect(http.StatusSeeOther, done.back)
}

func (s *Service) postSignOut(c echo.Context) error {
	if err := s.EndSession(c.Request().Context(), s.cookie(c, cookieSession)); err != nil {
		return err
	}
	s.dropCookie(c, cookieSession)
	return c.Redirect(http.StatusSeeOther, "/sign-in")
}
