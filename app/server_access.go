package app

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Doorkeeper knows who is asking. *identity.Service is one.
type Doorkeeper interface {
	// Authenticate judges what a request shows. Errors: fault.Unauthenticated.
	Authenticate(ctx context.Context, shown identity.Shown) (identity.Asking, error)
	// SessionCookie is the name of the cookie that people show.
	SessionCookie() string
}

// guard asks the doorkeeper for each request. Nothing but what is shown counts:
// neither the address a request comes from, nor what it says about itself.
type guard struct{ door Doorkeeper }

// askingKey keeps what the doorkeeper said for the rest of the request.
const askingKey = "app.asking"

type asked struct {
	identity.Asking
	err error
}

// Allow is web.Guard's. Public is for everyone, but whoever says who they are is
// known there too.
func (g guard) Allow(c echo.Context, right web.Right) error {
	a, ok := c.Get(askingKey).(asked)
	if !ok {
		a = g.ask(c)
		c.Set(askingKey, a)
	}
	switch {
	case right == web.Public:
		return nil
	case a.err != nil:
		return a.err
	case !a.May(right):
		return fault.E("app.Guard", fault.Forbidden, "you may not do this: it needs the right "+string(right), nil).WithFix(fixOf(a.Caller, right))
	}
	return nil
}

func (g guard) ask(c echo.Context) asked {
	req := c.Request()
	var a asked
	a.Asking, a.err = g.door.Authenticate(req.Context(), identity.Shown{Bearer: bearerOf(req), Session: cookieOf(req, g.door.SessionCookie())})
	if a.err == nil {
		c.SetRequest(req.WithContext(web.WithCaller(req.Context(), a.Caller)))
	}
	return a
}

func fixOf(c web.Caller, right web.Right) string {
	if c.Person != "" {
		return "ask an owner for a role that may"
	}
	return "use a key with the right " + string(right) + ", or sign in if it is for people alone"
}

func bearerOf(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

func cookieOf(r *http.Request, name string) string {
	k, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return k.Value
}

// signInFirst is where a browser goes that asked for a page without being signed
// in; "" when the error page is the better answer.
func signInFirst(r *http.Request, p web.Problem) string {
	if p.Status != http.StatusUnauthorized || r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/auth/") {
		return ""
	}
	return "/sign-in?" + url.Values{"return": {r.URL.RequestURI()}}.Encode()
}
