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

// eventPages are the promoter's: staff look, admins change.
func (s *Service) eventPages() []web.Route {
	look := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "GET", Path: "/events" + path, Right: web.Staff, Handler: h}
	}
	change := func(path string, h echo.HandlerFunc) web.Route {
		return web.Route{Method: "POST", Path: "/events" + path, Right: web.Admin, Handler: h}
	}
	imported := change("/import", s.pageImported)
	imported.Timeout = 2 * time.Minute
	return []web.Route{
		look("", s.pageEvents),
		look("/new", s.pageNewEvent), change("/new", s.pageEventMade),
		look("/import", s.pageImport), imported,
		look("/:event", s.pageEvent), change("/:event/state", s.pageState), change("/:event/copy", s.pageCopied), change("/:event/delete", s.pageDeleted),
		look("/:event/details", s.pageDetails), change("/:event/details", s.pageDetailsChanged),
		look("/:event/categories", s.pageCategories),
		look("/:event/categories/new", s.pageCategory), change("/:event/categories/new", s.pageCategoryChanged),
		look("/:event/categories/:id", s.pageCategory), change("/:event/categories/:id", s.pageCategoryChanged),
		change("/:event/categories/:id/delete", s.pageCategoryRemoved),
		change("/:event/pools/new", s.pagePoolChanged), change("/:event/pools/:id", s.pagePoolChanged),
		look("/:event/codes", s.pageCodes), change("/:event/codes", s.pageCodeAdded), change("/:event/codes/:id/end", s.pageCodeEnded),
		look("/:event/waitlist", s.pageWaitlist), change("/:event/waitlist/:id/remove", s.pageWaitingRemoved),
		look("/:event/texts", s.pageTexts), change("/:event/texts", s.pageTextsChanged),
	}
}

// eventHead stands above every page of one event.
type eventHead struct {
	ID      id.ID
	Title   string
	Slug    string
	State   string // as stored, or "past", "sold out"
	Tab     string
	Version int64
	When    moment
	Zone    string
	Sandbox bool
	Shop    string // that sells it; "": we do
}

func (s *Service) head(e *Event, tab string) eventHead {
	h := eventHead{ID: e.ID, Title: e.Title(), Slug: e.Slug, State: e.State, Tab: tab, Version: e.Version, When: e.on(&e.StartsAt), Zone: e.Zone, Sandbox: e.Sandbox, Shop: e.Shop}
	if h.Title == "" {
		h.Title = e.Slug
	}
	if e.State == EventPublished {
		switch {
		case e.Past(s.db.Now()):
			h.State = "past"
		case e.SoldOut():
			h.State = "sold out"
		}
	}
	return h
}

// unchanged is the condition that the event still is what a form was made from.
func unchanged(version string) Condition {
	return func(current Event) error {
		if version == "" || version == versionText(current.Version) {
			return nil
		}
		return fault.E("sales.form", fault.Conflict, "somebody has changed the event since you opened this form", nil).
			WithFix("look at what is there now, then save again")
	}
}

// eventRowView is an event in the list.
type eventRowView struct {
	eventHead
	Venue    string
	Series   string
	Sold     web.Number
	Capacity web.Number
	Bar      stockBar
}

type eventsPage struct {
	Rows  []eventRowView
	Shown string // "coming" or "all"
	Next  string
	First bool
	Empty bool // there is no event at all
}

func (s *Service) pageEvents(c echo.Context) error {
	p := eventsPage{Shown: c.QueryParam("show"), First: c.QueryParam("cursor") == ""}
	q := EventQuery{Cursor: c.QueryParam("cursor"), Limit: 25}
	if p.Shown != "all" {
		p.Shown = "coming"
		yesterday := s.db.Now().Add(-24 * time.Hour)
		q.Going = &yesterday
	} else {
		q.Latest = true
	}
	events, next, err := s.Events(c.Request().Context(), q)
	if err != nil {
		return err
	}
	p.Next = next
	for i := range events {
		e := &events[i]
		row := eventRowView{eventHead: s.head(e, ""), Venue: e.Venue, Series: e.Series}
		var held int
		for j := range e.Categories {
			k := &e.Categories[j]
			row.Sold, row.Capacity, held = row.Sold+web.Number(k.Sold), row.Capacity+web.Number(k.Capacity), held+k.Held
		}
		row.Bar = newStockBar(int(row.Sold), held, int(row.Capacity))
		p.Rows = append(p.Rows, row)
	}
	if len(p.Rows) == 0 && p.First {
		some, _, err := s.Events(c.Request().Context(), EventQuery{Limit: 1})
		if err != nil {
			return err
		}
		p.Empty = len(some) == 0
	}
	return c.Render(http.StatusOK, "sales/events", p)
}

// stockBar is how much of a capacity is sold and held, in percent of it.
type stockBar struct {
	Sold, Held, Left  web.Number
	SoldEnd, HeldEnd  float64
	HeldWide, LeftPct float64
	Share             string
}

func newStockBar(sold, held, capacity int) stockBar {
	b := stockBar{Sold: web.Number(sold), Held: web.Number(held), Left: web.Number(max(capacity-sold-held, 0)), Share: "0 %"}
	if capacity <= 0 {
		return b
	}
	b.SoldEnd = 100 * float64(sold) / float64(capacity)
	b.HeldWide = 100 * float64(held) / float64(capacity)
	b.HeldEnd = b.SoldEnd + b.HeldWide
	b.LeftPct = max(100-b.HeldEnd, 0)
	b.Share = shareOf(sold, capacity)
	return b
}

// shareOf never claims all or nothing that is not so.
func shareOf(part, whole int) string {
	switch p := 100 * part / whole; {
	case part > 0 && p == 0:
		return "< 1 %"
	default:
		return web.Number(p).String() + " %"
	}
}

// categoryView is a category with its bar.
type categoryView struct {
	Category
	Title string
	Price string
	Bar   stockBar
	Pool  string // its pool's name, "" without
	Code  bool   // only with a code
}

func views(e *Event) []categoryView {
	out := make([]categoryView, len(e.Categories))
	for i := range e.Categories {
		c := &e.Categories[i]
		v := categoryView{Category: *c, Title: TextIn(c.Names, e.Locales, "").Title, Price: amountText(c.PriceMinor, e.Currency), Bar: newStockBar(c.Sold, c.Held, c.Capacity), Code: c.Hidden}
		if c.PriceMinor == 0 {
			v.Price = "free"
		}
		if c.FeeMinor > 0 {
			v.Price += " + " + priceText(c.FeeMinor, e.Currency)
		}
		if c.Pool != nil {
			v.Pool = e.Pool(*c.Pool).Name
		}
		v.Bar.Left = web.Number(max(c.Free, 0))
		out[i] = v
	}
	return out
}

type eventPage struct {
	Head       eventHead
	Categories []categoryView
	Sold, Held web.Number
	Revenue    string
	Left       web.Number
	Event      Event
	Doors      moment
	Ends       moment
	SaleFrom   moment
	SaleUntil  moment
	Waiting    web.Number
	Actions    []stateAction
	Seen       bool // people find it in the shop
	CopySlug   string
	CopyAt     string
	Wrong      []fault.Field
	Missing    []fault.Field // what publishing asks for
	Unpaid     bool          // it costs money, and nobody can pay
	ToRefund   *Outstanding  // of a cancelled event; nil: nothing
	Returns    string        // the amount of it
	Done       string        // what was done just now
	ToSend     web.Number    // orders with money that a person has to send back
	Reversed   web.Number    // orders of which money was taken back at the provider
	ToJudge    web.Number    // payments without an order that a person has to look at
	Strays     []Stray       // sales elsewhere of categories that we do not know
}

// stateAction is a button that changes the event's state.
type stateAction struct{ State, Name, Class string }

var stateActions = map[string][]stateAction{
	EventDraft:     {{EventPublished, "Publish", "primary"}},
	EventPublished: {{EventPaused, "Pause the sale", ""}},
	EventPaused:    {{EventPublished, "Go on selling", "primary"}},
}

func (s *Service) pageEvent(c echo.Context) error {
	return s.showOverview(c, http.StatusOK, nil, Copy{})
}

func (s *Service) showOverview(c echo.Context, status int, wrong error, how Copy) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	p := eventPage{Head: s.head(&e, "overview"), Categories: views(&e), Event: e, Doors: e.on(e.DoorsAt), Ends: e.on(e.EndsAt), SaleFrom: e.on(e.SaleFrom), SaleUntil: e.on(e.SaleUntil),
		Actions: stateActions[e.State], CopySlug: how.Slug}
	p.Unpaid = s.unpaid(&e)
	p.Seen = e.Shop == "" && (e.State == EventPublished || e.State == EventPaused)
	if !how.StartsAt.IsZero() {
		p.CopyAt = e.on(&how.StartsAt).Input()
	}
	for _, k := range p.Categories {
		p.Sold, p.Held = p.Sold+web.Number(k.Sold), p.Held+web.Number(k.Held)
	}
	p.Left = web.Number(e.left())
	waiting, err := s.countWaiting(c.Request().Context(), e.ID)
	if err != nil {
		return err
	}
	p.Waiting = web.Number(waiting)
	p.Done = doneWords[c.QueryParam("done")]
	if err := s.fillMoney(c.Request().Context(), &p, &e); err != nil {
		return err
	}
	if p.Strays, err = s.strays(c.Request().Context(), &e); err != nil {
		return err
	}
	if e.State == EventDraft {
		p.Missing = fieldsOfFault(collect("", func(bad complaint) { e.checkComplete(bad); e.checkTimely(bad, s.db.Now()) }))
	}
	if wrong != nil {
		_, p.Wrong = placed(wrong)
		p.Wrong = eventInputs.Tell(p.Wrong)
	}
	return c.Render(status, "sales/event", p)
}

// fillMoney adds what came in, and what waits for a person to send it or to judge it.
func (s *Service) fillMoney(ctx context.Context, p *eventPage, e *Event) error {
	revenue, err := s.takings(ctx, e.ID)
	if err != nil {
		return err
	}
	waits, err := s.moneyWaiting(ctx, e.ID)
	if err != nil {
		return err
	}
	p.Revenue, p.ToSend, p.Reversed, p.ToJudge = amountText(revenue, e.Currency), web.Number(waits.send), web.Number(waits.reversed), web.Number(waits.loose)
	if e.State != EventCancelled {
		return nil
	}
	out, err := s.outstanding(ctx, e)
	if err == nil && out.Orders > 0 {
		p.ToRefund, p.Returns = &out, amountText(out.AmountMinor, out.Currency)
	}
	return err
}

// pageOf reads the event in the address.
func (s *Service) pageOf(c echo.Context) (Event, error) {
	event, err := eventOf(c)
	if err != nil {
		return Event{}, err
	}
	return s.Event(c.Request().Context(), event)
}

func (s *Service) pageState(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	e, err := s.SetState(c.Request().Context(), event, c.FormValue("state"), unchanged(c.FormValue("version")))
	if err != nil {
		if mended(err) {
			return s.showOverview(c, http.StatusUnprocessableEntity, err, Copy{})
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+e.ID.String())
}

func (s *Service) pageCopied(c echo.Context) error {
	e, err := s.pageOf(c)
	if err != nil {
		return err
	}
	how := Copy{Slug: c.FormValue("slug"), Codes: c.FormValue("codes") != ""}
	if how.StartsAt, err = readMoment(c.FormValue("starts_at"), e.Zone); err != nil {
		return s.showOverview(c, http.StatusUnprocessableEntity, fault.BadField("sales.copy", "starts_at", "is no date and time", "when the copy starts, on the venue's clock"), how)
	}
	ctx := c.Request().Context()
	var made Event
	err = s.db.InTx(ctx, func(tx *db.Tx) error { made, err = s.CopyEvent(tx, e.ID, how, web.Actor(ctx)); return err })
	if err != nil {
		if mended(err) {
			return s.showOverview(c, http.StatusUnprocessableEntity, err, how)
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events/"+made.ID.String())
}

func (s *Service) pageDeleted(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	if err := s.DeleteEvent(c.Request().Context(), event, unchanged(c.FormValue("version"))); err != nil {
		if mended(err) {
			return s.showOverview(c, http.StatusUnprocessableEntity, err, Copy{})
		}
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/events")
}
