package proximity

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// venueRoutes manage venues and the events that take place there. Apps that carry the
// right to listen may read them: they need the beacons' codes to look for.
func (s *Service) venueRoutes() []web.Route {
	manage := func(method, path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: method, Path: path, Right: web.Manage, Handler: h, Doc: doc}
	}
	listen := func(path string, h echo.HandlerFunc, doc web.Doc) web.Route {
		return web.Route{Method: "GET", Path: path, Right: web.Listen, Handler: h, Doc: doc}
	}
	plan := manage("PUT", "/v1/venues/:venue/plan", s.putPlan,
		web.Doc{Says: "Stores a venue's floor plan, an SVG or PNG.", Takes: web.Media("image/svg+xml, image/png"), Gives: Venue{}, Query: []string{"width: what the whole picture measures, in metres"}})
	plan.Limit = maxPlan + 1024
	return []web.Route{
		listen("/v1/venues", s.getVenues,
			web.Doc{Says: "Lists venues.", Gives: web.Page[Venue]{}}),
		manage("POST", "/v1/venues", s.postVenue,
			web.Doc{Says: "Makes a venue.", Takes: Venue{}, Gives: Venue{}, Status: 201}),
		listen("/v1/venues/:venue", s.getVenue,
			web.Doc{Says: "Tells a venue with its zones and beacons.", Gives: Venue{}}),
		manage("PUT", "/v1/venues/:venue", s.putVenue,
			web.Doc{Says: "Changes a venue.", Takes: Venue{}, Gives: Venue{}}),
		manage("DELETE", "/v1/venues/:venue", s.deleteVenueRoute,
			web.Doc{Says: "Removes a venue."}),
		plan,
		listen("/v1/venues/:venue/plan", s.getPlan,
			web.Doc{Says: "Shows a venue's floor plan.", Gives: web.Media("image/svg+xml, image/png")}),
		listen("/v1/venue-events", s.getVenueEvents,
			web.Doc{Says: "Lists the events that take place at venues.", Gives: web.Page[Event]{}, Query: []string{"venue: at this venue"}}),
		listen("/v1/venue-events/:event", s.getVenueEvent,
			web.Doc{Says: "Tells an event at a venue.", Gives: Event{}}),
		manage("PUT", "/v1/venue-events/:event", s.putVenueEvent,
			web.Doc{Says: "Says that an event takes place at a venue, and when.", Takes: Event{}, Gives: Event{}, Also: 201}),
		manage("DELETE", "/v1/venue-events/:event", s.deleteVenueEvent,
			web.Doc{Says: "Removes an event from its venue."}),
	}
}

// venueState is what a venue's ETag stands for.
type venueState struct {
	ID      id.ID
	Version int64
}

func (s *Service) getVenues(c echo.Context) error {
	all, err := s.Venues(c.Request().Context())
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Venue]{Items: all})
}

func (s *Service) postVenue(c echo.Context) error {
	v, err := web.Bind[Venue](c)
	if err != nil {
		return err
	}
	if v, err = s.CreateVenue(c.Request().Context(), v); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/v1/venues/"+v.ID.String())
	return tell(c, http.StatusCreated, v)
}

// tell answers with a venue and its tag.
func tell(c echo.Context, status int, v Venue) error {
	tag, err := web.Tag(venueState{v.ID, v.Version})
	if err != nil {
		return err
	}
	c.Response().Header().Set("ETag", tag)
	return c.JSON(status, v)
}

func (s *Service) getVenue(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	v, err := s.Venue(c.Request().Context(), venue)
	if err != nil {
		return err
	}
	same, err := web.ETag(c, venueState{v.ID, v.Version})
	if err != nil {
		return err
	}
	if same {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(http.StatusOK, v)
}

func (s *Service) putVenue(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	given, err := web.Bind[Venue](c)
	if err != nil {
		return err
	}
	v, err := s.ChangeVenue(c.Request().Context(), venue, func(v *Venue) error {
		if err := web.IfMatch(c, venueState{v.ID, v.Version}); err != nil {
			return err
		}
		*v = given
		return nil
	})
	if err != nil {
		return err
	}
	return tell(c, http.StatusOK, v)
}

func (s *Service) deleteVenueRoute(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	if err := s.DeleteVenue(c.Request().Context(), venue); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) putPlan(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	width, err := metres(c.QueryParam("width"))
	if err != nil {
		return err
	}
	picture, err := web.Body(c)
	if err != nil {
		return err
	}
	v, err := s.PutPlan(c.Request().Context(), venue, picture, width)
	if err != nil {
		return err
	}
	return tell(c, http.StatusOK, v)
}

// metres reads a length; "" is 0.
func metres(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	m, err := strconv.ParseFloat(s, 64)
	if err != nil || !(m > 0 && m <= maxSide) {
		return 0, fault.BadField("proximity", "width", "is no length", "metres that the whole picture measures, such as 120")
	}
	return m, nil
}

// planPolicy keeps whatever an SVG holds from doing anything, also when somebody
// opens the picture by itself.
const planPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"

func (s *Service) getPlan(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	p, picture, err := s.Picture(c.Request().Context(), venue)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", planPolicy)
	h.Set("Cache-Control", "private, max-age=60")
	if same, err := web.ETag(c, p.Tag); err != nil || same {
		if err != nil {
			return err
		}
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, p.Type, picture)
}

func (s *Service) getVenueEvents(c echo.Context) error {
	venue := id.Nil
	if v := c.QueryParam("venue"); v != "" {
		var err error
		if venue, err = id.Parse(v); err != nil {
			return fault.BadField("proximity", "venue", "is no id of a venue", "GET /v1/venues lists them")
		}
	}
	all, err := s.Events(c.Request().Context(), venue)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Event]{Items: all})
}

func (s *Service) getVenueEvent(c echo.Context) error {
	e, err := s.Event(c.Request().Context(), c.Param("event"))
	if err != nil {
		return err
	}
	return web.Fresh(c, e)
}

func (s *Service) putVenueEvent(c echo.Context) error {
	e, err := web.Bind[Event](c)
	if err != nil {
		return err
	}
	if e.Name != "" && e.Name != c.Param("event") {
		return fault.BadField("proximity", "event", "is not the one in the address", "leave it out of the body")
	}
	e.Name = c.Param("event")
	e, created, err := s.PutEvent(c.Request().Context(), e)
	if err != nil {
		return err
	}
	if created {
		return c.JSON(http.StatusCreated, e)
	}
	return c.JSON(http.StatusOK, e)
}

func (s *Service) deleteVenueEvent(c echo.Context) error {
	if err := s.DeleteEvent(c.Request().Context(), c.Param("event")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
