package sales

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/sales/words"
)

const (
	roomCookie   = "usher_room" // the number somebody holds
	passCookie   = "usher_pass" // that he was let in
	roomLife     = 24 * time.Hour
	leastRefresh = 2 * time.Second
)

// roomPage is the waiting room.
type roomPage struct {
	frame
	E       shownEvent
	Self    string // its own address, with what was chosen
	Ticket  string // where a script asks how it stands; "": no place yet
	Ahead   string
	Wait    string
	Again   string
	Seconds int
}

// mustWait reports whether this visitor must pass the event's waiting room first.
func (s *Service) mustWait(c echo.Context, event id.ID) (bool, error) {
	err := s.hall.admit(c.Request().Context(), event, recalled(c, passCookie))
	if fault.Is(err, fault.Forbidden) {
		return true, nil
	}
	return false, err
}

// passLeft is how long the visitor's pass lets him in; 0 without one.
func (s *Service) passLeft(c echo.Context, event id.ID) time.Duration {
	until, err := s.hall.number(event, "pass", recalled(c, passCookie))
	if err != nil {
		return 0
	}
	return max(time.Unix(int64(until), 0).Sub(s.db.Now()), 0)
}

// shopRoom says how the visitor stands, and lets him in when it is his turn. A browser
// without scripts looks again when the room says so; no sooner helps anybody.
func (s *Service) shopRoom(c echo.Context, t *words.Tongue) error {
	ctx := c.Request().Context()
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	chosen := chosenIn(c)
	p := roomPage{frame: s.frame(c, t, t.Say("room.title")), E: e.shown(t, s.db.Now())}
	p.Self = withQuery(p.E.URL+"/room", chosen)
	p.Unlisted = true
	wait, err := s.mustWait(c, e.ID)
	if err != nil {
		return err
	}
	if !wait {
		return s.fromRoom(c, &e, chosen)
	}
	ticket := recalled(c, roomCookie)
	if ticket == "" {
		return c.Render(http.StatusOK, "portal/room", p)
	}
	stand, err := s.hall.ask(ctx, e.ID, ticket)
	if fault.Is(err, fault.Invalid) {
		s.remember(c, roomCookie, "", p.E.URL, 0)
		return c.Render(http.StatusOK, "portal/room", p)
	}
	if err != nil {
		return err
	}
	if stand.Pass != "" {
		s.remember(c, passCookie, stand.Pass, p.E.URL, passLife)
		s.remember(c, roomCookie, "", p.E.URL, 0)
		return s.fromRoom(c, &e, chosen)
	}
	p.tell(stand, chosen)
	c.Response().Header().Set("Retry-After", strconv.Itoa(p.Seconds))
	if c.QueryParam("part") != "" {
		return c.Render(http.StatusOK, "portal/room#room", p)
	}
	return c.Render(http.StatusOK, "portal/room", p)
}

// tell says how somebody stands, and when to ask again.
func (p *roomPage) tell(stand Stand, chosen url.Values) {
	chosen.Set("part", "yes")
	chosen.Set("lang", p.Lang)
	again := max(stand.Ask, leastRefresh)
	p.Ticket, p.Ahead, p.Wait, p.Again = withQuery(p.E.URL+"/room", chosen), p.Say("number", int(stand.Ahead)), p.Span(stand.Wait), p.Span(again)
	p.Seconds = int((again + time.Second - 1) / time.Second)
}

// fromRoom leads to the tickets. A script is told where to go, for it would follow by itself.
func (s *Service) fromRoom(c echo.Context, e *Event, chosen url.Values) error {
	chosen.Set("said", "in")
	there := withQuery("/shop/events/"+e.Slug, chosen)
	if c.QueryParam("part") != "" {
		c.Response().Header().Set("Location", there)
		return c.NoContent(http.StatusNoContent)
	}
	return c.Redirect(http.StatusSeeOther, there)
}

func withQuery(page string, q url.Values) string {
	if asked := q.Encode(); asked != "" {
		return page + "?" + asked
	}
	return page
}

// shopRoomJoined takes a place, unless the visitor has one.
func (s *Service) shopRoomJoined(c echo.Context, _ *words.Tongue) error {
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	chosen := chosenIn(c)
	there := "/shop/events/" + e.Slug
	room := withQuery(there+"/room", chosen)
	if _, err := s.hall.number(e.ID, "ticket", recalled(c, roomCookie)); err == nil {
		return c.Redirect(http.StatusSeeOther, room)
	}
	stand, err := s.hall.join(c.Request().Context(), e.ID)
	if fault.Is(err, fault.NotFound) {
		return c.Redirect(http.StatusSeeOther, withQuery(there, chosen))
	}
	if err != nil {
		return err
	}
	s.remember(c, roomCookie, stand.Ticket, there, roomLife)
	return c.Redirect(http.StatusSeeOther, room)
}

func (s *Service) shopRoomLeft(c echo.Context, _ *words.Tongue) error {
	there := "/shop/events/" + c.Param("slug")
	s.remember(c, roomCookie, "", there, 0)
	return c.Redirect(http.StatusSeeOther, there)
}
