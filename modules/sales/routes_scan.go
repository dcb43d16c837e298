package sales

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// scanRoutes are the doors'. A scanner's key is for one event.
func (s *Service) scanRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/scans", Right: web.Scan, Handler: s.postScans,
			Doc: web.Doc{Says: "Checks tickets in, also those scanned while offline.", Takes: scanning{}, Gives: scanAnswer{}}},
		{Method: "POST", Path: "/v1/scans/received", Right: web.Scan, Handler: s.postReceivedAtDoor,
			Doc: web.Doc{Says: "Records money that was taken at the door for an order.", Takes: taking{}, Gives: taken{}, Repeatable: true}},
		{Method: "GET", Path: "/v1/scans/door", Right: web.Scan, Handler: s.getDoor,
			Doc: web.Doc{Says: "Tells what a scanner needs of an event: categories and the key that checks tickets.", Gives: Door{}, Query: []string{"event: its id"}}},
		{Method: "GET", Path: "/v1/scans/guests", Right: web.Scan, Handler: s.getGuests,
			Doc: web.Doc{Says: "Lists an event's guests.", Gives: web.Page[Guest]{}, Query: []string{"event: its id", "q: a part of the name, order or ticket", "which: in, or out for those who are not in yet", "by: order; by name without it", "cursor", "limit"}}},
		{Method: "GET", Path: "/v1/scans/snapshot", Right: web.Scan, Handler: s.getDoorSnapshot, Timeout: time.Minute,
			Doc: web.Doc{Says: "Tells every ticket's state, or what changed, for work without a network.", Gives: DoorSnapshot{}, Query: []string{"event: its id", "since: the snapshot's state that you have"}}},
		{Method: "GET", Path: "/v1/scans/counts", Right: web.Scan, Handler: s.getDoorCounts,
			Doc: web.Doc{Says: "Counts who is in, by category and door.", Gives: DoorCounts{}, Query: []string{"event: its id"}}},
		{Method: "GET", Path: "/v1/scans/doubles", Right: web.Scan, Handler: s.getDoubles,
			Doc: web.Doc{Says: "Lists tickets that were scanned twice while offline.", Gives: web.Page[Double]{}, Query: []string{"event: its id"}}},
		{Method: "GET", Path: "/v1/scans/invalid", Right: web.Scan, Handler: s.getInvalids,
			Doc: web.Doc{Says: "Lists the times that a scanner without a network let somebody in with a ticket that was void or handed on by then.", Gives: web.Page[Invalid]{}, Query: []string{"event: its id"}}},
		{Method: "POST", Path: "/v1/scans/undone", Right: web.Scan, Handler: s.postUndone,
			Doc: web.Doc{Says: "Takes back that somebody went in with a ticket: whoever comes with it next goes in.", Takes: undoing{}, Gives: web.Page[Use]{}, Repeatable: true}},
		{Method: "GET", Path: "/v1/scans/undone", Right: web.Scan, Handler: s.getUndones,
			Doc: web.Doc{Says: "Lists the times that were taken back, and by whom.", Gives: web.Page[Undone]{}, Query: []string{"event: its id"}}},
		{Method: "GET", Path: "/v1/scans/overpaid", Right: web.Scan, Handler: s.getOverpaid,
			Doc: web.Doc{Says: "Lists orders whose money was taken twice, by whom and when: one is to be given back.", Gives: web.Page[Overpaid]{}, Query: []string{"event: its id"}}},
	}
}

// scanning is what a device scanned at a door.
type scanning struct {
	Event  id.ID  `json:"event"`
	Device string `json:"device"`
	Scans  []Scan `json:"scans"`
}

// scanAnswer tells what came of each scan, in the order they were sent.
type scanAnswer struct {
	Results []Scanned `json:"results"`
}

// postScans needs no Idempotency-Key: each scan has an id of its own.
func (s *Service) postScans(c echo.Context) error {
	in, err := web.Bind[scanning](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.atDoor(c, in.Event); err != nil {
		return err
	}
	var out []Scanned
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		out, err = s.CheckIn(tx, in.Event, in.Device, in.Scans)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, scanAnswer{Results: out})
}

// undoing names the ticket with which nobody is in after all.
type undoing struct {
	Event id.ID `json:"event"`
	Order id.ID `json:"order"`
	N     int   `json:"n" validate:"min=1,max=1000"`
}

func (s *Service) postUndone(c echo.Context) error {
	in, err := web.Bind[undoing](c)
	if err != nil {
		return err
	}
	if err := s.atDoor(c, in.Event); err != nil {
		return err
	}
	return web.Idempotent(c, s.db, http.StatusOK, func(tx *db.Tx) (any, error) {
		uses, err := s.Undo(tx, in.Event, ticketName{in.Order, in.N}, deviceOf(web.CallerOf(tx.Ctx())))
		return web.Page[Use]{Items: uses}, err
	})
}

// taken is the payment as far as a door may know of it: nothing of the buyer.
type taken struct {
	Order     id.ID  `json:"order"`
	PaidMinor int64  `json:"paid_minor"`
	Currency  string `json:"currency"`
}

// postReceivedAtDoor is the one thing about money that the right to scan allows.
func (s *Service) postReceivedAtDoor(c echo.Context) error {
	in, err := web.Bind[taking](c)
	if err != nil {
		return err
	}
	if err := s.atDoor(c, in.Event); err != nil {
		return err
	}
	err = web.Idempotent(c, s.db, http.StatusOK, func(tx *db.Tx) (any, error) {
		p, err := s.ReceiveAtDoor(tx, in)
		return taken{Order: in.Order, PaidMinor: p.PaidMinor, Currency: p.Currency}, err
	})
	return s.notBooked(c.Request().Context(), in, err)
}

// atDoor checks that the event exists and that the caller's key is not another
// event's. Errors: fault.Forbidden, fault.NotFound.
func (s *Service) atDoor(c echo.Context, event id.ID) error {
	ctx := c.Request().Context()
	e, err := s.snapshot(ctx, event)
	if err != nil {
		return err
	}
	if scope := web.CallerOf(ctx).Event; scope != "" && scope != event.String() && scope != e.Slug {
		return fault.E("sales.scan", fault.Forbidden, "this scanner is for another event", nil).WithFix("enrol it for this one")
	}
	return nil
}

// doorAsked is the event of the query. Errors: as atDoor, and fault.Invalid.
func (s *Service) doorAsked(c echo.Context) (id.ID, error) {
	event, err := web.QueryID(c, "event")
	if err != nil {
		return event, err
	}
	return event, s.atDoor(c, event)
}

func (s *Service) getDoorSnapshot(c echo.Context) error {
	event, err := s.doorAsked(c)
	if err != nil {
		return err
	}
	var since time.Time
	if text := c.QueryParam("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return fault.BadField("sales.DoorSnapshot", "since", "is no moment", "taken_at of the snapshot before, or leave it out")
		}
	}
	out, err := s.DoorSnapshot(c.Request().Context(), event, since)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Service) getDoorCounts(c echo.Context) error {
	event, err := s.doorAsked(c)
	if err != nil {
		return err
	}
	out, err := s.DoorCounts(c.Request().Context(), event)
	if err != nil {
		return err
	}
	return web.Fresh(c, out)
}

// foundAtDoor is what find finds at the door of the event asked for.
func foundAtDoor[T any](c echo.Context, s *Service, find func(context.Context, id.ID) ([]T, error)) ([]T, error) {
	event, err := s.doorAsked(c)
	if err != nil {
		return nil, err
	}
	return find(c.Request().Context(), event)
}

func (s *Service) getDoubles(c echo.Context) error {
	found, err := foundAtDoor(c, s, s.Doubles)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Double]{Items: found})
}

func (s *Service) getInvalids(c echo.Context) error {
	found, err := foundAtDoor(c, s, s.Invalids)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Invalid]{Items: found})
}

func (s *Service) getUndones(c echo.Context) error {
	found, err := foundAtDoor(c, s, s.Undones)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Undone]{Items: found})
}

func (s *Service) getOverpaid(c echo.Context) error {
	found, err := foundAtDoor(c, s, s.Overpaid)
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Overpaid]{Items: found})
}

// getDoor tells a scanner for which event its key is.
func (s *Service) getDoor(c echo.Context) error {
	ctx := c.Request().Context()
	scope := web.CallerOf(ctx).Event
	if scope == "" {
		if scope = c.QueryParam("event"); scope == "" {
			return fault.BadField("sales.Door", "event", "is missing", "the event's id: your key is for no event in particular")
		}
	}
	d, err := s.doorOf(ctx, scope)
	if err != nil {
		return err
	}
	return web.Fresh(c, d)
}

func (s *Service) getGuests(c echo.Context) error {
	event, err := s.doorAsked(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	limit, err := web.Limit(c, 50, 500)
	if err != nil {
		return err
	}
	e, err := s.Event(ctx, event)
	if err != nil {
		return err
	}
	found, next, err := s.Guests(ctx, &e, GuestQuery{Search: c.QueryParam("q"), Which: c.QueryParam("which"), By: c.QueryParam("by"), Cursor: c.QueryParam("cursor"), Limit: limit})
	if err != nil {
		return err
	}
	return web.Fresh(c, web.Page[Guest]{Items: found, Next: next})
}
