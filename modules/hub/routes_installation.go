package hub

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) installationRoutes() []web.Route {
	const one = "/v1/installations/:id"
	return []web.Route{
		{Method: "PUT", Path: one, Right: web.Listen, Handler: s.putInstallation, Limit: maxLine,
			Doc: web.Doc{Says: "Registers or refreshes an installation.", Takes: Installation{}, Gives: Put{}, Also: 201}},
		{Method: "GET", Path: one, Right: web.Listen, Handler: s.getInstallation,
			Doc: web.Doc{Says: "Tells an installation.", Gives: Installation{}, Query: []string{"app"}}},
		{Method: "PATCH", Path: one, Right: web.Listen, Handler: s.patchInstallation, Limit: maxLine,
			Doc: web.Doc{Says: "Changes parts of an installation (JSON Patch).", Takes: []PatchOp{}, Gives: Put{}, Query: []string{"app"}}},
		{Method: "DELETE", Path: one, Right: web.Listen, Handler: s.deleteInstallation,
			Doc: web.Doc{Says: "Removes an installation.", Query: []string{"app"}}},
		{Method: "GET", Path: "/v1/installations", Right: web.Manage, Handler: s.getInstallations,
			Doc: web.Doc{Says: "Lists installations, also those that a tag expression reaches.", Gives: web.Page[Installation]{}, Query: []string{"app", "tags: a tag expression", "service: apns, fcm or webpush", "status: active, retired or quarantined", "cursor", "limit"}}},
	}
}

// installationID is the id in the address. Echo hands it over as it was sent when its
// escapes are unusual, such as %3A for a colon.
func installationID(c echo.Context) (string, error) {
	given := c.Param("id")
	if c.Request().URL.RawPath == "" {
		return given, nil
	}
	plain, err := url.PathUnescape(given)
	if err != nil {
		return "", fault.BadField("hub.Installation", "id", "is not well escaped", "escape it as a part of a path (RFC 3986)")
	}
	return plain, nil
}

func (s *Service) putInstallation(c echo.Context) error {
	in, err := web.Bind[Installation](c)
	if err != nil {
		return err
	}
	name, err := installationID(c)
	if err != nil {
		return err
	}
	if err := sameName("id", &in.ID, name); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.ownedBy(c, &in); err != nil {
		return err
	}
	var p Put
	if len(c.Request().Header.Values("If-Match")) > 0 {
		p, err = s.PutIf(ctx, &in, unchangedSince(c))
	} else {
		p, err = s.Put(ctx, &in)
	}
	if err != nil {
		return err
	}
	return answerPut(c, p)
}

// ownedBy settles whose the installation is. An app with its person's token
// registers it for that person. A device that shows nobody's token keeps whom it
// belonged to: that it does not know is no reason to forget; who signs out deletes
// the installation. Only who may manage says anybody, or nobody.
func (s *Service) ownedBy(c echo.Context, in *Installation) error {
	ctx := c.Request().Context()
	who := web.CallerOf(ctx)
	if err := mayName(c, in.User != "" && in.User != who.Person); err != nil || in.User != "" {
		return err
	}
	if web.Require(c, web.Manage) == nil {
		return nil
	}
	if in.User = who.Person; in.User != "" {
		return nil
	}
	known, err := s.Installation(ctx, in.App, in.ID)
	if err == nil {
		in.User = known.User
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return nil // a new one, or no such app: Put will say
	}
	return err
}

// mayName refuses a caller that says whose installation it is without holding
// Manage: a device must not subscribe to somebody else's messages.
func mayName(c echo.Context, names bool) error {
	if !names {
		return nil
	}
	if err := web.Require(c, web.Manage); err != nil {
		return &fault.Error{
			Op: "hub.mayName", Code: fault.CodeOf(err), Message: "a device may not say whose it is", Err: err,
			Fix:    "leave user out, or let your back end register the installation with a manage key",
			Fields: []fault.Field{{Name: "user", Problem: "needs the right manage", Fix: "leave it out"}},
		}
	}
	return nil
}

// state is what an ETag stands for.
type state struct {
	App, ID string
	Version int64
}

// unchangedSince is the condition that a request's If-Match states.
func unchangedSince(c echo.Context) func(*Installation) error {
	return func(current *Installation) error {
		if current == nil {
			return web.IfMatch(c, state{}) // matches nothing that was ever told, save *
		}
		return web.IfMatch(c, state{current.App, current.ID, current.Version})
	}
}

func answerPut(c echo.Context, p Put) error {
	if _, err := web.ETag(c, state{p.App, p.ID, p.Version}); err != nil {
		return err
	}
	return c.JSON(createdOrOK(p.Result == Created), p)
}

func (s *Service) getInstallation(c echo.Context) error {
	name, err := installationID(c)
	if err != nil {
		return err
	}
	in, err := s.Installation(c.Request().Context(), c.QueryParam("app"), name)
	if err != nil {
		return err
	}
	same, err := web.ETag(c, state{in.App, in.ID, in.Version})
	if err != nil {
		return err
	}
	if same {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(http.StatusOK, in)
}

func (s *Service) patchInstallation(c echo.Context) error {
	ops, err := web.Bind[[]PatchOp](c)
	if err != nil {
		return err
	}
	name, err := installationID(c)
	if err != nil {
		return err
	}
	if err := mayName(c, slices.ContainsFunc(ops, func(o PatchOp) bool { return o.Path == "" || strings.EqualFold(o.Path, "/user") })); err != nil {
		return err
	}
	p, err := s.Patch(c.Request().Context(), c.QueryParam("app"), name, ops, unchangedSince(c))
	if err != nil {
		return err
	}
	return answerPut(c, p)
}

func (s *Service) deleteInstallation(c echo.Context) error {
	name, err := installationID(c)
	if err != nil {
		return err
	}
	if err := s.DeleteInstallation(c.Request().Context(), c.QueryParam("app"), name); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func selectionOf(c echo.Context) Selection {
	return Selection{App: c.QueryParam("app"), Tags: c.QueryParam("tags"), Status: c.QueryParam("status"), Service: push.Service(c.QueryParam("service"))}
}

func (s *Service) getInstallations(c echo.Context) error {
	ctx := c.Request().Context()
	limit, err := web.Limit(c, 100, 1000)
	if err != nil {
		return err
	}
	after, err := web.DecodeCursor[installationPlace](c.QueryParam("cursor"))
	if err != nil {
		return err
	}
	sel, err := s.resolve(ctx, selectionOf(c))
	if err != nil {
		return err
	}
	items, next, err := s.installations(ctx, sel, after, limit)
	if err != nil {
		return err
	}
	page := web.Page[Installation]{Items: append([]Installation{}, items...)}
	if next != nil {
		page.Next = web.EncodeCursor(*next)
	}
	return c.JSON(http.StatusOK, page)
}
