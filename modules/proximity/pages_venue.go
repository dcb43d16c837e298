package proximity

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) venuePages() []web.Route {
	plan := alter("/venues/:venue/plan", s.pagePlanPut)
	plan.Limit = maxPlan + 64<<10
	return []web.Route{
		look("/venues", s.pageVenues), alter("/venues", s.pageVenueMade),
		look("/venues/:venue", s.pageVenue), alter("/venues/:venue", s.pageVenueChanged), alter("/venues/:venue/delete", s.pageVenueDeleted),
		look("/venues/:venue/plan", s.getPlan), plan,
		alter("/venues/:venue/events", s.pageEventPut),
	}
}

// venuesPage lists venues, and the events at them.
type venuesPage struct {
	Venues []Venue
	Events []eventLine
	Form   venueForm
	Wrong  []fault.Field
}

// venueForm is a venue as it is typed.
type venueForm struct{ Name, Width, Height, Lat, Lon, Bearing string }

// eventLine is an event in a list.
type eventLine struct {
	Event
	Place      string // name of the venue
	Opens, End moment
	State      string // coming, going on, over
}

func (s *Service) pageVenues(c echo.Context) error {
	return s.showVenues(c, http.StatusOK, venueForm{}, nil)
}

func (s *Service) showVenues(c echo.Context, status int, typed venueForm, wrong error) error {
	p := venuesPage{Form: typed, Wrong: wrongs(wrong)}
	var err error
	if p.Venues, err = s.Venues(c.Request().Context()); err != nil {
		return err
	}
	if p.Events, err = s.eventLines(c.Request().Context(), id.Nil, p.Venues); err != nil {
		return err
	}
	return c.Render(status, "proximity/venues", p)
}

func (s *Service) eventLines(ctx context.Context, venue id.ID, venues []Venue) ([]eventLine, error) {
	all, err := s.Events(ctx, venue)
	if err != nil {
		return nil, err
	}
	lines := make([]eventLine, len(all))
	for i, e := range all {
		lines[i] = eventLine{Event: e, Opens: moment{e.OpensAt}, End: moment{e.EndsAt}, State: e.state(s)}
		for _, v := range venues {
			if v.ID == e.Venue {
				lines[i].Place = v.Name
			}
		}
	}
	return lines, nil
}

func (e *Event) state(s *Service) string {
	switch now := s.db.Now(); {
	case now.Before(e.OpensAt):
		return "coming"
	case now.Before(e.EndsAt):
		return "going on"
	}
	return "over"
}

func readVenueForm(f *formReader) venueForm {
	return venueForm{f.Get("name"), f.Get("width"), f.Get("height"), f.Get("lat"), f.Get("lon"), f.Get("bearing")}
}

// into writes the form over a venue.
func (t venueForm) into(f *formReader, v *Venue) error {
	v.Name, v.Width, v.Height = t.Name, f.number("width"), f.number("height")
	if v.Origin = nil; t.Lat != "" || t.Lon != "" {
		v.Origin = &Origin{f.number("lat"), f.number("lon"), f.number("bearing")}
	}
	return f.err()
}

func (s *Service) pageVenueMade(c echo.Context) error {
	values, err := formOf(c)
	if err != nil {
		return err
	}
	f := &formReader{Values: values}
	typed, v := readVenueForm(f), Venue{}
	if err = typed.into(f, &v); err == nil {
		v, err = s.CreateVenue(c.Request().Context(), v)
	}
	if err != nil {
		if mended(err) {
			return s.showVenues(c, http.StatusUnprocessableEntity, typed, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/venues/"+v.ID.String())
}

// venuePage is one venue: its plan, and a form for each thing on it.
type venuePage struct {
	Venue   Venue
	Plan    drawing
	Form    venueForm
	Zones   []zoneForm
	Beacons []beaconForm
	Stalls  []stallForm
	Kinds   []string
	Events  []eventLine
	Wrong   []fault.Field
	Tried   string // the form that was refused
}

// Forms of a row; the last of each list is a new one, without a Was.
type (
	zoneForm   struct{ Was, Name, Kind, Outline, Width string }
	beaconForm struct{ Was, Code, Zone, X, Y string }
	stallForm  struct {
		Was, Name, Zone, X, Y, Servers, QueueHigh, Tills string
		Pinned                                           bool
	}
)

func (s *Service) pageVenue(c echo.Context) error {
	return s.showVenue(c, http.StatusOK, &formReader{}, nil)
}

func (s *Service) showVenue(c echo.Context, status int, typed *formReader, wrong error) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	v, err := s.Venue(c.Request().Context(), venue)
	if err != nil {
		return err
	}
	p := venuePage{Venue: v, Plan: drawingOf(&v), Kinds: zoneKinds, Wrong: wrongs(wrong), Form: formOfVenue(&v)}
	for _, z := range v.Zones {
		p.Zones = append(p.Zones, zoneForm{z.Name, z.Name, z.Kind, cornersText(z.Outline), orEmptyNumber(z.Width)})
	}
	for _, b := range v.Beacons {
		p.Beacons = append(p.Beacons, beaconForm{b.Code, b.Code, b.Zone, short(b.X), short(b.Y)})
	}
	for _, t := range v.Stalls {
		p.Stalls = append(p.Stalls, stallForm{t.Name, t.Name, t.Zone, short(t.X), short(t.Y), strconv.Itoa(t.Servers), strconv.Itoa(t.QueueHigh), strings.Join(t.Tills, ", "), t.Pinned})
	}
	p.Zones, p.Beacons, p.Stalls = append(p.Zones, zoneForm{Kind: KindArea}), append(p.Beacons, beaconForm{}), append(p.Stalls, stallForm{Servers: "1", QueueHigh: "20"})
	if wrong != nil {
		p.retype(typed)
	}
	if p.Events, err = s.eventLines(c.Request().Context(), v.ID, []Venue{v}); err != nil {
		return err
	}
	return c.Render(status, "proximity/venue", p)
}

func formOfVenue(v *Venue) venueForm {
	f := venueForm{Name: v.Name, Width: short(v.Width), Height: short(v.Height)}
	if o := v.Origin; o != nil {
		f.Lat, f.Lon, f.Bearing = short(o.Lat), short(o.Lon), short(o.Bearing)
	}
	return f
}

func orEmptyNumber(n float64) string {
	if n == 0 {
		return ""
	}
	return short(n)
}

// retype puts what was typed back into the row it belongs to.
func (p *venuePage) retype(f *formReader) {
	p.Tried = f.Get("what")
	was := f.Get("was")
	switch p.Tried {
	case "venue":
		p.Form = readVenueForm(f)
	case "zone":
		if i := slices.IndexFunc(p.Zones, func(z zoneForm) bool { return z.Was == was }); i >= 0 {
			p.Zones[i] = readZoneForm(f)
		}
	case "beacon":
		if i := slices.IndexFunc(p.Beacons, func(b beaconForm) bool { return b.Was == was }); i >= 0 {
			p.Beacons[i] = readBeaconForm(f)
		}
	case "stall":
		if i := slices.IndexFunc(p.Stalls, func(t stallForm) bool { return t.Was == was }); i >= 0 {
			p.Stalls[i] = readStallForm(f)
		}
	}
}

func readZoneForm(f *formReader) zoneForm {
	return zoneForm{f.Get("was"), f.Get("name"), f.Get("kind"), f.Get("outline"), f.Get("width")}
}

func readBeaconForm(f *formReader) beaconForm {
	return beaconForm{f.Get("was"), f.Get("code"), f.Get("zone"), f.Get("x"), f.Get("y")}
}

func readStallForm(f *formReader) stallForm {
	return stallForm{f.Get("was"), f.Get("name"), f.Get("zone"), f.Get("x"), f.Get("y"), f.Get("servers"), f.Get("queue_high"), f.Get("tills"), f.Get("pinned") != ""}
}

func (s *Service) pageVenueChanged(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	values, err := formOf(c)
	if err != nil {
		return err
	}
	f := &formReader{Values: values}
	_, err = s.ChangeVenue(c.Request().Context(), venue, func(v *Venue) error { return v.apply(f) })
	if err != nil {
		if mended(err) {
			return s.showVenue(c, http.StatusUnprocessableEntity, f, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/venues/"+venue.String()+"#"+f.Get("what")+"s")
}

func (s *Service) pageVenueDeleted(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	if err := s.DeleteVenue(c.Request().Context(), venue); err != nil {
		if mended(err) {
			return s.showVenue(c, http.StatusUnprocessableEntity, &formReader{}, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/venues")
}

func (s *Service) pagePlanPut(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	file, err := c.FormFile("plan")
	if err != nil {
		return s.showVenue(c, http.StatusUnprocessableEntity, &formReader{}, fault.BadField("proximity.PutPlan", "plan", "is missing", "choose an SVG or PNG file"))
	}
	in, err := file.Open()
	if err != nil {
		return fault.E("proximity.PutPlan", fault.Invalid, "the file cannot be read", err)
	}
	defer in.Close()
	picture, err := io.ReadAll(io.LimitReader(in, maxPlan+1))
	if err != nil {
		return fault.E("proximity.PutPlan", fault.Invalid, "the file ended before it was complete", err)
	}
	width, err := metres(c.FormValue("width"))
	if err == nil {
		_, err = s.PutPlan(c.Request().Context(), venue, picture, width)
	}
	if err != nil {
		if mended(err) {
			return s.showVenue(c, http.StatusUnprocessableEntity, &formReader{}, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/venues/"+venue.String())
}

func (s *Service) pageEventPut(c echo.Context) error {
	venue, err := idOf(c, "venue")
	if err != nil {
		return err
	}
	values, err := formOf(c)
	if err != nil {
		return err
	}
	f := &formReader{Values: values}
	e := Event{Name: f.Get("event"), Title: f.Get("title"), Venue: venue, OpensAt: f.instant("opens_at"), EndsAt: f.instant("ends_at"), Attendance: f.whole("attendance")}
	if err = f.err(); err == nil {
		_, _, err = s.PutEvent(c.Request().Context(), e)
	}
	if err != nil {
		if mended(err) {
			return s.showVenue(c, http.StatusUnprocessableEntity, f, err)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/venues/"+venue.String()+"#events")
}
