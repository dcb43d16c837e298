package identity

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// accountPages are a person's own.
func (s *Service) accountPages() []web.Route {
	return []web.Route{
		page("GET", "/account/sessions", web.Self, s.pageSessions),
		page("POST", "/account/sessions/:id/revoke", web.Self, s.pageRevokeSession),
		page("POST", "/account/sessions/revoke-others", web.Self, s.pageRevokeOthers),
		page("POST", "/account/logins/unlink", web.Self, s.pageUnlink),
	}
}

type sessionRow struct {
	ID       string
	Agent    string
	Provider string
	Here     bool // the one that looks at the page
	Signed   moment
	Seen     moment
}

type loginRow struct {
	Provider, Issuer, Subject string
	Name                      string // as the provider tells it, or the address
	Used                      moment
}

type sessionsPage struct {
	Viewer   viewer
	Sessions []sessionRow
	Logins   []loginRow
	Choices  []Choice // to link another
	Fresh    bool     // signed in a moment ago: may change how
	Wrong    *wrong
}

func (s *Service) pageSessions(c echo.Context) error { return s.showSessions(c, nil) }

func (s *Service) showSessions(c echo.Context, w *wrong) error {
	ctx := c.Request().Context()
	here, err := s.sessionOf(c)
	if err != nil {
		return err
	}
	p := sessionsPage{Viewer: viewerOf(c), Choices: s.Choices(), Fresh: here.Fresh(s.db.Now()), Wrong: w}
	list, err := s.Sessions(ctx, here.Person)
	if err != nil {
		return err
	}
	for _, x := range list {
		p.Sessions = append(p.Sessions, sessionRow{x.ID, orElse(x.Agent, "An unnamed browser"), x.Provider, x.ID == here.ID, moment{x.SignedAt}, moment{x.SeenAt}})
	}
	logins, err := s.Logins(ctx, here.Person)
	if err != nil {
		return err
	}
	for _, l := range logins {
		p.Logins = append(p.Logins, loginRow{l.Provider, l.Issuer, l.Subject, orElse(l.Name, l.Email), moment{l.UsedAt}})
	}
	return c.Render(w.status(), "identity/sessions", p)
}

func (s *Service) pageRevokeSession(c echo.Context) error {
	if err := s.RevokeSession(c.Request().Context(), me(c), c.Param("id")); err != nil {
		return err
	}
	return seeOther(c, "/account/sessions")
}

func (s *Service) pageRevokeOthers(c echo.Context) error {
	here, err := s.sessionOf(c)
	if err != nil {
		return err
	}
	if err := s.RevokeSessions(c.Request().Context(), here.Person, here.ID); err != nil {
		return err
	}
	return seeOther(c, "/account/sessions")
}

func (s *Service) pageUnlink(c echo.Context) error {
	here, err := s.sessionOf(c)
	if err != nil {
		return err
	}
	if err := s.Unlink(c.Request().Context(), here, c.FormValue("issuer"), c.FormValue("subject")); err != nil {
		w, err := wrongOf(err)
		if err != nil {
			return err
		}
		return s.showSessions(c, w)
	}
	return seeOther(c, "/account/sessions")
}

// Pages are those of a person's data: their own, and for admins anybody's.
func (p *PersonalData) Pages() []web.Route {
	mine := page("GET", "/account/data.ndjson", web.Self, p.getMine)
	theirs := page("GET", "/people/:id/data.ndjson", web.Admin, p.getTheirs)
	mine.Timeout, theirs.Timeout = 10*time.Minute, 10*time.Minute
	return []web.Route{
		page("GET", "/account/data", web.Self, p.pageData),
		mine, theirs,
		page("POST", "/account/erase", web.Self, p.pageEraseMe),
		page("POST", "/people/:id/erase", web.Admin, p.pageEraseThem),
	}
}

type dataPage struct {
	Viewer viewer
	Person Person
	Since  moment
	Gone   bool // it was asked for
	Wrong  *wrong
}

func (p *PersonalData) pageData(c echo.Context) error { return p.showData(c, nil) }

func (p *PersonalData) showData(c echo.Context, w *wrong) error {
	person, err := p.s.Person(c.Request().Context(), me(c))
	if err != nil {
		return err
	}
	return c.Render(w.status(), "identity/data", dataPage{Viewer: viewerOf(c), Person: person, Since: moment{person.CreatedAt}, Wrong: w})
}

// confirmed is the tick that keeps people from erasing somebody by a slip.
func confirmed(c echo.Context) error {
	if c.FormValue("confirm") == "" {
		return fault.BadField("identity.AskErasure", "confirm", "is not ticked", "tick the box: this cannot be undone")
	}
	return nil
}

func (p *PersonalData) pageEraseMe(c echo.Context) error {
	err := confirmed(c)
	if err == nil {
		err = p.s.within(c, func(tx *db.Tx) error { return p.AskErasure(tx, me(c)) })
	}
	if err != nil {
		w, err := wrongOf(err)
		if err != nil {
			return err
		}
		return p.showData(c, w)
	}
	p.s.dropCookie(c, cookieSession)
	return c.Render(http.StatusOK, "identity/data", dataPage{Gone: true})
}

func (p *PersonalData) pageEraseThem(c echo.Context) error {
	err := confirmed(c)
	if err == nil {
		err = p.s.within(c, func(tx *db.Tx) error { return p.AskErasure(tx, c.Param("id")) })
	}
	if err != nil {
		w, err := wrongOf(err)
		if err != nil {
			return err
		}
		return p.s.showPeople(c, peoplePage{Wrong: w})
	}
	return seeOther(c, "/people")
}
