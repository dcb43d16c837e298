package azure

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// apiVersion is the newest version of the protocol that is spoken.
const apiVersion = "2020-06"

// Front is what the program gives its listeners in common.
type Front struct {
	Address func(*http.Request) string // who is calling; nil: the peer
	Seen    func(web.Access)           // the log and the metrics
	Limits  web.LimitConfig
	Clock   clock.Clock
}

// operations is the one table of what the protocol offers and the right it takes.
// Source of the rights: "Notification Hubs security", claims.
func (s *Service) operations() []web.Route {
	const installation, registration, job = "/:hub/installations/:id", "/:hub/registrations/:id", "/:hub/jobs/:id"
	return []web.Route{
		{Method: "PUT", Path: installation, Right: web.Listen, Handler: s.putInstallation, Limit: maxDescription},
		{Method: "GET", Path: installation, Right: web.Listen, Handler: s.getInstallation},
		{Method: "PATCH", Path: installation, Right: web.Listen, Handler: s.patchInstallation, Limit: maxDescription},
		{Method: "DELETE", Path: installation, Right: web.Listen, Handler: s.deleteInstallation},

		{Method: "POST", Path: "/:hub/registrationids", Right: web.Listen, Handler: s.postRegistrationID},
		{Method: "POST", Path: "/:hub/registrations", Right: web.Listen, Handler: s.postRegistration, Limit: maxDescription},
		{Method: "PUT", Path: registration, Right: web.Listen, Handler: s.putRegistration, Limit: maxDescription},
		{Method: "GET", Path: registration, Right: web.Listen, Handler: s.getRegistration},
		{Method: "DELETE", Path: registration, Right: web.Listen, Handler: s.deleteRegistration},
		{Method: "GET", Path: "/:hub/registrations", Right: web.Listen, Handler: s.getRegistrations}, // without $filter: manage
		{Method: "GET", Path: "/:hub/tags/:tag/registrations", Right: web.Manage, Handler: s.getTagged},

		{Method: "POST", Path: "/:hub/messages", Right: web.Send, Handler: s.postMessage},
		{Method: "POST", Path: "/:hub/messages/$batch", Right: web.Send, Handler: s.postBatch, Limit: 4 << 20},
		{Method: "GET", Path: "/:hub/messages/:id", Right: web.Send, Handler: s.getMessage},
		{Method: "POST", Path: "/:hub/schedulednotifications", Right: web.Send, Handler: s.postScheduled},
		{Method: "DELETE", Path: "/:hub/schedulednotifications/:id", Right: web.Send, Handler: s.deleteScheduled},

		{Method: "POST", Path: "/:hub/jobs", Right: web.Manage, Handler: s.postJob},
		{Method: "GET", Path: "/:hub/jobs", Right: web.Manage, Handler: s.getJobs},
		{Method: "GET", Path: job, Right: web.Manage, Handler: s.getJob},
		{Method: "GET", Path: "/:hub/feedbackcontainer", Right: web.Manage, Handler: s.getFeedbackURL},
		{Method: "GET", Path: "/:hub/feedback", Right: web.Public, Handler: s.getFeedbackList},       // by a signed URL
		{Method: "GET", Path: "/:hub/feedback/:blob", Right: web.Public, Handler: s.getFeedbackBlob}, // by a signed URL

		{Method: "POST", Path: "/:hub/$import", Right: web.Manage, Handler: s.postImport, Limit: 8 << 20, Timeout: 2 * time.Minute}, // Usher's own
	}
}

// maxDescription is the size of the largest installation or registration.
const maxDescription = 256 << 10

// Handler serves the protocol.
func (s *Service) Handler(f Front) http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	if f.Address != nil {
		e.IPExtractor = f.Address
	}
	e.HTTPErrorHandler = s.answerError
	e.Pre(plainPath)
	e.Use(web.Identify, web.Observe(f.Clock, f.Seen), web.Recover, s.track, knownVersion)
	m := web.Mounter{Echo: e, Guard: guard{s}, Limiter: web.NewLimiter(f.Limits, f.Clock)}
	m.Routes(s.operations()...)
	return e
}

// plainPath brings the ways in which clients write a path into one: no slash at its
// end, and the collection's name in lower case.
func plainPath(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		u.Path, u.RawPath = plain(u.Path), plain(u.RawPath)
		return next(c)
	}
}

func plain(path string) string {
	if len(path) > 1 {
		path = strings.TrimRight(path, "/")
	}
	parts := strings.SplitN(path, "/", 4)
	if len(parts) > 2 {
		parts[1], parts[2] = strings.ToLower(parts[1]), strings.ToLower(parts[2])
	}
	return strings.Join(parts, "/")
}

// track gives every answer the ids that the reference's support would ask for.
func (s *Service) track(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("TrackingId", id.New().String())
		correlation := c.Request().Header.Get("x-ms-correlation-request-id")
		if _, err := id.Parse(correlation); err != nil {
			correlation = h.Get("X-Request-Id")
		}
		h.Set("x-ms-correlation-request-id", correlation)
		h.Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

// knownVersion refuses versions of the protocol that came after ours: they could
// mean something else by the same words.
func knownVersion(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := query(c, "api-version")
		if v == "" {
			return next(c)
		}
		if _, err := time.Parse("2006-01", v); err != nil || v > apiVersion {
			return fault.BadField("azure.Version", "api-version", "is not spoken here", apiVersion+" or an earlier one")
		}
		return next(c)
	}
}

// guard lets echo ask for the caller's shared access signature.
type guard struct{ s *Service }

// Allow is web.Guard's. A missing right is answered with 401, as the reference does.
func (g guard) Allow(c echo.Context, right web.Right) error {
	if right == web.Public {
		return nil
	}
	req := c.Request()
	t, err := parseToken(req.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	p, err := g.s.keys.verify(t, hubOf(c), g.s.hosts(req), req.URL.Path, g.s.db.Now())
	if err != nil {
		return err
	}
	c.SetRequest(req.WithContext(web.WithCaller(req.Context(), web.Caller{Name: "sas:" + hubOf(c) + "/" + p.Name, App: hubOf(c)})))
	if !p.allows(string(right)) && !p.allows("manage") {
		return fault.E("azure.Guard", fault.Unauthenticated, strings.ToUpper(string(right[:1]))+string(right[1:])+" claim is required for this operation.", nil)
	}
	return nil
}

// hosts are the names by which a client may know us.
func (s *Service) hosts(req *http.Request) []string {
	return []string{req.Host, s.cfg.PublicHost, s.cfg.TLS.ACMEHost}
}

// hubOf is the app that the path names.
func hubOf(c echo.Context) string { return c.Param("hub") }

// base is the hub's address as clients know it: https, since they speak nothing else.
func (s *Service) base(c echo.Context) string {
	host := s.cfg.PublicHost
	if host == "" {
		host = c.Request().Host
	}
	return "https://" + host + "/" + hubOf(c)
}

// query is a parameter by its name in any case.
func query(c echo.Context, name string) string {
	for key, values := range c.QueryParams() {
		if strings.EqualFold(key, name) {
			return values[0]
		}
	}
	return ""
}

// has reports whether a parameter is there, with or without a value.
func has(c echo.Context, name string) bool {
	for key := range c.QueryParams() {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// located tells where a thing lies.
func (s *Service) located(c echo.Context, below string) {
	address := s.base(c) + below + "?api-version=" + apiVersion
	c.Response().Header().Set("Location", address)
	c.Response().Header().Set("Content-Location", address)
}

// Media types of answers.
const (
	typeEntry = "application/atom+xml;type=entry;charset=utf-8"
	typeFeed  = "application/atom+xml;type=feed;charset=utf-8"
	typeXML   = "application/xml; charset=utf-8"
)
