package identity

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// Pages are identity's part of the dashboard, and the ways in. Every page is
// complete without JavaScript.
func (s *Service) Pages() []web.Route {
	return slices.Concat(s.signInRoutes(), s.wayInPages(), s.accountPages(), s.peoplePages(), s.keyPages(), s.auditPages())
}

func page(method, path string, right web.Right, h echo.HandlerFunc) web.Route {
	return web.Route{Method: method, Path: path, Right: right, Handler: h}
}

// wrong is what a form is told when it was not accepted; what was written stays in it.
type wrong struct {
	Message string
	Fix     string
}

// wrongOf is the caller's mistake in words; other errors stay errors.
func wrongOf(err error) (*wrong, error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.Invalid && f.Code != fault.Conflict && f.Code != fault.Forbidden {
		return nil, err
	}
	return &wrong{Message: f.Message, Fix: f.Fix}, nil
}

// status is 200 for a page without a mistake in it.
func (w *wrong) status() int {
	if w == nil {
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}

// seeOther leads to a page after a form was accepted.
func seeOther(c echo.Context, path string) error { return c.Redirect(http.StatusSeeOther, path) }

// moment is a point in time as people read it, in UTC.
type moment struct{ time.Time }

// momentOf is the moment of t; the zero moment for nil.
func momentOf(t *time.Time) moment {
	if t == nil {
		return moment{}
	}
	return moment{*t}
}

// HTML is a time element: for people to the minute, for programs exactly.
func (m moment) HTML() template.HTML {
	if m.IsZero() {
		return "–"
	}
	t := m.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2 Jan 2006, 15:04") + ` UTC</time>`) //nolint:gosec // digits and letters only
}

// viewer is who looks at a page and which parts of it are theirs.
type viewer struct {
	ID    string
	Role  Role
	Team  bool // may open the dashboard
	Owner bool
}

func viewerOf(c echo.Context) viewer {
	who := web.CallerOf(c.Request().Context())
	role := Role(who.Role)
	return viewer{ID: who.Person, Role: role, Team: slices.Contains(rightsOfRole[role], web.Staff), Owner: role == RoleOwner}
}
