package identity

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// wayInPages are how somebody who is not signed in gets in.
func (s *Service) wayInPages() []web.Route {
	return []web.Route{
		page("GET", "/sign-in", web.Public, s.pageSignIn),
		page("GET", "/claim", web.Public, s.pageClaim),
		page("POST", "/claim", web.Public, s.pageClaimed),
		page("GET", "/invite", web.Public, s.pageInvite),
		page("POST", "/invite", web.Public, s.pageInvited),
	}
}

type signInPage struct {
	Choices []Choice
	Return  string // where to go afterwards; a path of ours
	Promise string // what the claim or invite gives that came before; "": none
}

func (s *Service) pageSignIn(c echo.Context) error {
	p := signInPage{Choices: s.Choices(), Return: localPath(c.QueryParam("return"))}
	purpose, _, err := s.grant(c)
	switch {
	case fault.Is(err, fault.Transient), fault.Is(err, fault.Internal):
		return err
	case err != nil: // a link that no longer works promises nothing
	case purpose == PurposeClaim:
		p.Promise = "become the owner of this Usher"
	case purpose == PurposeInvite:
		p.Promise = "accept the invite"
	}
	return c.Render(http.StatusOK, "identity/sign_in", p)
}

// linkPage is where a link with a secret behind its # leads. A script puts the
// secret into the form; without scripts people paste it.
type linkPage struct {
	Claim bool // an invite otherwise
	Wrong *wrong
}

func (s *Service) pageClaim(c echo.Context) error {
	return c.Render(http.StatusOK, "identity/link", linkPage{Claim: true})
}

func (s *Service) pageInvite(c echo.Context) error {
	return c.Render(http.StatusOK, "identity/link", linkPage{})
}

func (s *Service) pageClaimed(c echo.Context) error {
	secret := pasted(c.FormValue("secret"))
	hash, err := s.checkClaim(c.Request().Context(), secret)
	if err != nil {
		return refusedLink(c, true, err)
	}
	if len(s.cfg.Providers) > 0 {
		s.setGrant(c, PurposeClaim, secret)
		return seeOther(c, "/sign-in")
	}
	return s.enterHere(c, true, RoleOwner, func(tx *db.Tx, person string) error { return s.acceptClaim(tx, hash, person) })
}

func (s *Service) pageInvited(c echo.Context) error {
	secret := pasted(c.FormValue("secret"))
	hash, role, err := s.checkInvite(c.Request().Context(), secret)
	if err != nil {
		return refusedLink(c, false, err)
	}
	if len(s.cfg.Providers) > 0 {
		s.setGrant(c, PurposeInvite, secret)
		return seeOther(c, "/sign-in")
	}
	return s.enterHere(c, false, role, func(tx *db.Tx, person string) error { return s.acceptInvite(tx, hash, person) })
}

// pasted is the secret of a link, or of a pasted whole link.
func pasted(text string) string {
	return strings.TrimSpace(text[strings.LastIndex(text, "#")+1:])
}

func refusedLink(c echo.Context, claim bool, err error) error {
	w, err := wrongOf(err)
	if err != nil {
		return err
	}
	return c.Render(http.StatusForbidden, "identity/link", linkPage{Claim: claim, Wrong: w})
}

// thisMachine is the issuer of people who came in by a link on the machine itself,
// where no provider is configured. No provider has such an issuer: theirs are URLs.
const thisMachine = "this machine"

var errElsewhere = errors.New("not on this machine")

// enterHere lets somebody in by a link alone: where no provider is configured, and
// on this very machine, where whoever reads our terminal could read our files too.
// Each role has one such person, who comes back with the next link of that role.
func (s *Service) enterHere(c echo.Context, claim bool, role Role, accept func(tx *db.Tx, person string) error) error {
	const op = "identity.Enter"
	if !onThisMachine(c.Request()) {
		return refusedLink(c, claim, fault.E(op, fault.Forbidden, "no sign-in provider is configured, so this link works only in a browser on the machine that Usher runs on", errElsewhere).
			WithFix("configure a provider under identity.providers, or open the link on that machine"))
	}
	var session string
	err := s.db.InTx(c.Request().Context(), func(tx *db.Tx) error {
		p, err := s.welcome(tx, Vouched{Provider: "claim", Issuer: thisMachine, Subject: string(role), Name: strings.ToUpper(string(role)[:1]) + string(role)[1:]})
		if err != nil {
			return err
		}
		if p.Role.above(role) { // promoted since: a link of the lower role must not open it
			return badInvite()
		}
		session, err = s.OpenSession(tx, Opening{Person: p.ID, Provider: "claim", Agent: c.Request().UserAgent(), Previous: s.cookie(c, cookieSession)})
		if err != nil {
			return err
		}
		return accept(tx, p.ID)
	})
	if err != nil {
		return refusedLink(c, claim, err)
	}
	s.setSession(c, session)
	return seeOther(c, start)
}

// onThisMachine reports whether a browser on this machine is asking. Not a proxy on
// it (which adds forwarding headers), nor a foreign page whose name was made to
// resolve to us (which keeps its own name as host).
func onThisMachine(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "Via" || name == "X-Real-Ip" {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return loopbackName(strings.ToLower(strings.Trim(host, "[]")))
}
