package sales

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/sales/admission"
)

// doorPages are for who stands at a door, and what staff looks at afterwards.
func (s *Service) doorPages() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/events/:event/door", Right: web.Scan, Handler: s.pageDoor},
		{Method: "POST", Path: "/events/:event/door/:order/:n", Right: web.Scan, Handler: s.pageAdmitted},
		{Method: "POST", Path: "/events/:event/door/:order/:n/undo", Right: web.Scan, Handler: s.pageUndone},
		{Method: "POST", Path: "/events/:event/door/:order/received", Right: web.Scan, Handler: s.pageReceived},
		{Method: "GET", Path: "/events/:event/door/print", Right: web.Scan, Handler: s.pageDoorPrint},
		{Method: "GET", Path: "/events/:event/doubles", Right: web.Staff, Handler: s.pageDoubles},
	}
}

const (
	guestsShown   = 50
	guestsPrinted = 2000 // on one sheet of the list; the next follows
)

// doorPage is the list of a door.
type doorPage struct {
	Head    eventHead
	Counts  DoorCounts
	Guests  []guestView
	Search  string
	Which   string
	By      string
	Cursor  string      // of this page: who lets somebody in stays on it
	Next    string      // address of the next page; "": none
	Print   string      // address of the list to print
	Done    *doneByHand // what became of who was let in by hand just now
	Staff   bool
	Exports map[string]string // what can be exported, by name; nil: the caller may not
	First   bool              // of a printed list: the first sheet
}

// guestView is a guest in words. A ticket that is not in and not void can be let in.
type guestView struct {
	Guest
	In moment
}

// Waits reports whether somebody may still come with it.
func (g guestView) Waits() bool { return !g.Void && g.Uses == 0 }

// Clock is when somebody went in, on the venue's clock.
func (g guestView) Clock() string { return g.In.local().Format("15:04") }

type doneByHand struct {
	Good bool
	Text web.Text
	Due  string // what is to be paid by whom was let in; "": nothing
	Fix  string
}

// doorEvent is the event of a page of a door, checked against the caller's key.
func (s *Service) doorEvent(c echo.Context) (Event, error) {
	e, err := s.pageOf(c)
	if err != nil {
		return e, err
	}
	return e, s.atDoor(c, e.ID)
}

func (s *Service) pageDoor(c echo.Context) error { return s.showDoor(c, http.StatusOK, nil) }

func (s *Service) showDoor(c echo.Context, status int, done *doneByHand) error {
	e, err := s.doorEvent(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	p, err := s.doorList(c, &e, guestsShown)
	if err != nil {
		return err
	}
	if p.Counts, err = s.DoorCounts(ctx, e.ID); err != nil {
		return err
	}
	p.Done, p.Staff = done, web.Require(c, web.Staff) == nil
	if web.Require(c, web.Manage) == nil {
		p.Exports = exportsOffered()
	}
	return c.Render(status, "sales/door", p)
}

// doorList is a page of the list as the address asks for it.
func (s *Service) doorList(c echo.Context, e *Event, limit int) (doorPage, error) {
	p := doorPage{Head: s.head(e, "door"), Search: c.FormValue("q"), Which: c.FormValue("which"), By: c.FormValue("by"), Cursor: c.FormValue("cursor")}
	p.First = p.Cursor == ""
	found, next, err := s.Guests(c.Request().Context(), e, GuestQuery{Search: p.Search, Which: p.Which, By: p.By, Cursor: p.Cursor, Limit: limit})
	if err != nil {
		return p, err
	}
	for _, g := range found {
		p.Guests = append(p.Guests, guestView{g, e.on(g.InAt)})
	}
	there := "/events/" + e.ID.String() + "/door"
	asked := url.Values{"q": {p.Search}, "which": {p.Which}, "by": {p.By}}
	p.Print = there + "/print?" + asked.Encode()
	if next != "" {
		asked.Set("cursor", next)
		p.Next = "?" + asked.Encode()
	}
	return p, nil
}

// pageAdmitted lets somebody in by hand and shows the list again, as it was searched.
func (s *Service) pageAdmitted(c echo.Context) error {
	e, t, err := s.doorTicket(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	got, err := s.AdmitByHand(ctx, e.ID, t.order, t.n, deviceOf(web.CallerOf(ctx)))
	if err != nil {
		return err
	}
	done := &doneByHand{Good: got.Verdict == admission.Admitted, Text: web.T("Ticket %d of %s: %v", t.n, orderRef(t.order), verdictText(got, &e))}
	if got.DueMinor > 0 {
		done.Due = got.Due()
	}
	return s.showDoor(c, http.StatusOK, done)
}

// doorTicket is doorEvent, and the ticket of the address. Errors: also fault.NotFound.
func (s *Service) doorTicket(c echo.Context) (e Event, t ticketName, err error) {
	if e, err = s.doorEvent(c); err != nil {
		return e, t, err
	}
	order, err := id.Parse(c.Param("order"))
	n, wrong := strconv.Atoi(c.Param("n"))
	if err != nil || wrong != nil || n < 1 || n > maxQty {
		return e, t, fault.E("sales.Door", fault.NotFound, "there is no such ticket", err)
	}
	return e, ticketName{order, n}, nil
}

// pageUndone takes back that somebody went in and shows the list again, as it was searched.
func (s *Service) pageUndone(c echo.Context) error {
	e, t, err := s.doorTicket(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = s.UndoByHand(ctx, e.ID, t, deviceOf(web.CallerOf(ctx)))
	switch {
	case err == nil:
		return s.showDoor(c, http.StatusOK, &doneByHand{Good: true, Text: web.T("Ticket %d of %s: not in any more. Whoever comes with it next goes in.", t.n, orderRef(t.order))})
	case fault.Is(err, fault.Conflict):
		return s.showDoor(c, http.StatusConflict, &doneByHand{Text: web.T("Ticket %d of %s: nobody is in with it.", t.n, orderRef(t.order))})
	}
	return err
}

// pageReceived records what was paid at the door for an order. The amount is the one the
// list showed: if less is due by now, who took the money is told.
func (s *Service) pageReceived(c echo.Context) error {
	e, err := s.doorEvent(c)
	if err != nil {
		return err
	}
	order, err := id.Parse(c.Param("order"))
	minor, wrong := strconv.ParseInt(c.FormValue("amount_minor"), 10, 64)
	if err != nil || wrong != nil {
		return fault.E("sales.ReceiveAtDoor", fault.NotFound, "there is no such order", err)
	}
	ctx, t := c.Request().Context(), taking{Event: e.ID, Order: order, AmountMinor: minor}
	var p Payment
	err = s.notBooked(ctx, t, s.db.InTx(ctx, func(tx *db.Tx) error {
		p, err = s.ReceiveAtDoor(tx, t)
		return err
	}))
	switch {
	case err == nil:
		got := Owed{p.PaidMinor, p.Currency}
		return s.showDoor(c, http.StatusOK, &doneByHand{Good: true, Text: web.T("%v received for %s.", web.Told(got.Due()), orderRef(order))})
	case mended(err):
		_, wrong := placed(err)
		return s.showDoor(c, http.StatusUnprocessableEntity, &doneByHand{Text: web.T("%s: %v", orderRef(order), web.Told(wrong[0].Problem)), Fix: wrong[0].Fix})
	}
	return err
}

// verdictText says what became of a scan.
func verdictText(got Scanned, e *Event) web.Text {
	switch got.Verdict {
	case admission.Admitted:
		return web.T("let in.")
	case admission.AlreadyUsed:
		if len(got.Uses) > 0 {
			return web.T("was used already, at %s by %s.", e.on(&got.Uses[0].At).local().Format("15:04:05"), got.Uses[0].Device)
		}
		return web.T("was used already.")
	case admission.Void:
		return web.T("is void: it was refunded or cancelled.")
	case admission.WrongEvent:
		return web.T("is for another event.")
	}
	return web.T("is not known here.")
}

func (s *Service) pageDoorPrint(c echo.Context) error {
	e, err := s.doorEvent(c)
	if err != nil {
		return err
	}
	p, err := s.doorList(c, &e, guestsPrinted)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "sales/door_print", p)
}

// doublesPage is what went otherwise than it should at a door: tickets that let in more than
// one, those that were no good, orders that were paid twice, and who was taken back.
type doublesPage struct {
	Head     eventHead
	Rows     []doubleView
	Invalid  []invalidView
	Overpaid []overpaidView
	Undone   []undoneView
}

type invalidView struct {
	N    int
	Ref  string
	Said web.Text
	Use  useView
}

type undoneView struct {
	N       int
	Ref     string
	Use, By useView
}

type overpaidView struct {
	Ref     string
	Takings []takenView
}

type takenView struct {
	Device, Amount string
	Booked         bool
	Exactly        string // on the venue's clock, to the second
}

type doubleView struct {
	N    int
	Ref  string
	Uses []useView
}

type useView struct {
	At      moment
	Device  string
	Offline bool
	Exactly string // on the venue's clock, to the second
}

func (s *Service) pageDoubles(c echo.Context) error {
	e, err := s.doorEvent(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	found, err := s.Doubles(ctx, e.ID)
	if err != nil {
		return err
	}
	p := doublesPage{Head: s.head(&e, "door")}
	for _, d := range found {
		v := doubleView{N: d.N, Ref: orderRef(d.Order)}
		for _, u := range d.Uses {
			v.Uses = append(v.Uses, u.shown(&e))
		}
		p.Rows = append(p.Rows, v)
	}
	if p.Overpaid, err = s.overpaidViews(ctx, &e); err != nil {
		return err
	}
	if p.Invalid, err = s.invalidViews(ctx, &e); err != nil {
		return err
	}
	if p.Undone, err = s.undoneViews(ctx, &e); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "sales/doubles", p)
}

func (u Use) shown(e *Event) useView {
	at := e.on(&u.At)
	return useView{at, u.Device, u.Offline, at.toSecond()}
}

func (s *Service) invalidViews(ctx context.Context, e *Event) (out []invalidView, err error) {
	found, err := s.Invalids(ctx, e.ID)
	for _, u := range found {
		said := web.T("refunded or cancelled")
		if u.Verdict == admission.WrongVersion {
			said = web.T("handed on")
		}
		out = append(out, invalidView{u.N, orderRef(u.Order), said, u.shown(e)})
	}
	return out, err
}

func (s *Service) undoneViews(ctx context.Context, e *Event) (out []undoneView, err error) {
	found, err := s.Undones(ctx, e.ID)
	for _, u := range found {
		out = append(out, undoneView{u.N, orderRef(u.Order), u.shown(e), Use{Device: u.By, At: u.UndoneAt}.shown(e)})
	}
	return out, err
}

func (s *Service) overpaidViews(ctx context.Context, e *Event) (out []overpaidView, err error) {
	found, err := s.Overpaid(ctx, e.ID)
	for _, o := range found {
		v := overpaidView{Ref: orderRef(o.Order)}
		for _, t := range o.Takings {
			v.Takings = append(v.Takings, takenView{t.Device, Owed{t.AmountMinor, t.Currency}.Due(), t.Booked, e.on(&t.At).toSecond()})
		}
		out = append(out, v)
	}
	return out, err
}
