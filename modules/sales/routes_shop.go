package sales

import (
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

// shopRoutes are what the portal, the widget and the promoter's own site read.
func (s *Service) shopRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/v1/shop/events", Right: web.Public, Handler: s.getShopEvents,
			Doc: web.Doc{Says: "Lists the events on sale.", Gives: web.Page[ShopEvent]{}, Query: []string{"series: of this series", "cursor", "limit"}}},
		{Method: "GET", Path: "/v1/shop/events/:slug", Right: web.Public, Handler: s.getShopEvent,
			Doc: web.Doc{Says: "Tells an event on sale with its live prices.", Gives: ShopEvent{}}},
		{Method: "GET", Path: "/v1/shop/events/:slug/seats/:id", Right: web.Public, Handler: s.getShopSeats,
			Doc: web.Doc{Says: "Lists a category's seats and which are free.", Gives: web.Page[shopSeat]{}}},
		{Method: "POST", Path: "/v1/shop/events/:slug/waitlist", Right: web.Public, Handler: s.postWaitlist,
			Doc: web.Doc{Says: "Joins an event's waiting list.", Takes: joining{}, Gives: queuedUp{}, Status: 201, Repeatable: true}},
		{Method: "GET", Path: "/v1/shop/offers/:token", Right: web.Public, Handler: s.getOffer,
			Doc: web.Doc{Says: "Tells the cart that a waiting-list offer holds.", Gives: cartAnswer{}}},
		{Method: "DELETE", Path: "/v1/shop/offers/:token", Right: web.Public, Handler: s.deleteOffer,
			Doc: web.Doc{Says: "Declines a waiting-list offer."}},
	}
}

// ShopEvent is an event as buyers may see it: no numbers of what was sold, nothing
// hidden.
type ShopEvent struct {
	ID         id.ID           `json:"id"`
	Slug       string          `json:"slug"`
	Series     string          `json:"series,omitempty"`
	Names      map[string]Text `json:"names"`
	Locales    []string        `json:"locales"`
	Venue      string          `json:"venue,omitempty"`
	Zone       string          `json:"zone"`
	Currency   string          `json:"currency"`
	Sandbox    bool            `json:"sandbox,omitempty"`
	StartsAt   time.Time       `json:"starts_at"`
	EndsAt     *time.Time      `json:"ends_at,omitempty"`
	DoorsAt    *time.Time      `json:"doors_at,omitempty"`
	SaleFrom   *time.Time      `json:"sale_from,omitempty"`
	SaleUntil  time.Time       `json:"sale_until"`
	Status     string          `json:"status"` // on_sale, not_yet, ended, paused, cancelled, sold_out
	Categories []ShopCategory  `json:"categories"`
}

// ShopCategory is a category as buyers may see it.
type ShopCategory struct {
	ID           id.ID           `json:"id"`
	Names        map[string]Text `json:"names"`
	PriceMinor   int64           `json:"price_minor"`
	FeeMinor     int64           `json:"fee_minor,omitempty"`
	PriceVersion int64           `json:"price_version"`
	TaxPermille  int             `json:"tax_permille,omitempty"`
	MinPerOrder  int             `json:"min_per_order"`
	MaxPerOrder  int             `json:"max_per_order"`
	SaleFrom     *time.Time      `json:"sale_from,omitempty"`
	SaleUntil    *time.Time      `json:"sale_until,omitempty"`
	Seated       bool            `json:"seated,omitempty"`
	Status       string          `json:"status"`         // on_sale, not_yet, ended, sold_out
	Left         int             `json:"left,omitempty"` // told when few are left, and then truly
	Waitlist     bool            `json:"waitlist,omitempty"`
}

// fewLeft is from when on the true number of what is left is told.
const fewLeft = 20

// ShopView is the event as buyers see it at that moment.
func (e *Event) ShopView(now time.Time) ShopEvent {
	v := ShopEvent{ID: e.ID, Slug: e.Slug, Series: e.Series, Names: e.Names, Locales: e.Locales, Venue: e.Venue, Zone: e.Zone, Currency: e.Currency, Sandbox: e.Sandbox,
		StartsAt: e.StartsAt, EndsAt: e.EndsAt, DoorsAt: e.DoorsAt, SaleFrom: e.SaleFrom, SaleUntil: e.SaleEnd(), Status: e.status(now), Categories: []ShopCategory{}}
	for i := range e.Categories {
		c := &e.Categories[i]
		if c.Hidden {
			continue
		}
		k := ShopCategory{ID: c.ID, Names: c.Names, PriceMinor: c.PriceMinor, FeeMinor: c.FeeMinor, PriceVersion: c.PriceVersion, TaxPermille: c.TaxPermille,
			MinPerOrder: c.MinPerOrder, MaxPerOrder: c.MaxPerOrder, SaleFrom: c.SaleFrom, SaleUntil: c.SaleUntil, Seated: c.Seated(), Status: c.status(now)}
		if c.Free > 0 && c.Free <= fewLeft {
			k.Left = c.Free
		}
		k.Waitlist = k.Status == "sold_out" && v.Status != "ended" && v.Status != "cancelled"
		v.Categories = append(v.Categories, k)
	}
	return v
}

func (e *Event) status(now time.Time) string {
	switch {
	case e.State == EventCancelled || e.State == EventPaused:
		return e.State
	case e.SaleFrom != nil && now.Before(*e.SaleFrom):
		return "not_yet"
	case !now.Before(e.SaleEnd()):
		return "ended"
	case e.SoldOut():
		return "sold_out"
	}
	return "on_sale"
}

func (c *Category) status(now time.Time) string {
	switch {
	case c.SaleFrom != nil && now.Before(*c.SaleFrom):
		return "not_yet"
	case c.SaleUntil != nil && !now.Before(*c.SaleUntil):
		return "ended"
	case c.Free < c.MinPerOrder:
		return "sold_out"
	}
	return "on_sale"
}

// shownStates are those in which people see an event.
var shownStates = []string{EventPublished, EventPaused, EventCancelled}

func (s *Service) getShopEvents(c echo.Context) error {
	limit, err := web.Limit(c, 50, 200)
	if err != nil {
		return err
	}
	now := s.db.Now()
	events, next, err := s.Events(c.Request().Context(), EventQuery{States: shownStates, Open: true, Going: &now, Series: c.QueryParam("series"), Cursor: c.QueryParam("cursor"), Limit: limit})
	if err != nil {
		return err
	}
	page := web.Page[ShopEvent]{Items: []ShopEvent{}, Next: next}
	for i := range events {
		page.Items = append(page.Items, events[i].ShopView(now))
	}
	return web.Fresh(c, page)
}

// shopEvent finds an event that people may see and that is sold here. Errors: fault.NotFound.
func (s *Service) shopEvent(c echo.Context) (Event, error) {
	e, err := s.EventBySlug(c.Request().Context(), c.Param("slug"))
	if err == nil && (e.State == EventDraft || e.Shop != "") {
		return Event{}, noEvent(nil)
	}
	return e, err
}

func (s *Service) getShopEvent(c echo.Context) error {
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	return web.Fresh(c, e.ShopView(s.db.Now()))
}

// shopSeat is a seat on the plan.
type shopSeat struct {
	ID     id.ID  `json:"id"`
	Name   string `json:"name"` // row and number, "C12"
	Row    int    `json:"row"`
	Column int    `json:"column"`
	Free   bool   `json:"free"`
}

func (s *Service) getShopSeats(c echo.Context) error {
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	category, err := id.Parse(c.Param("id"))
	k := e.Category(category)
	if err != nil || k == nil || k.Hidden {
		return noCategory()
	}
	seats, err := s.Seats(c.Request().Context(), category)
	if err != nil {
		return err
	}
	page := web.Page[shopSeat]{Items: make([]shopSeat, len(seats))}
	for i, seat := range seats {
		page.Items[i] = shopSeat{seat.ID, seat.Name(), seat.Row, seat.Column, seat.Free}
	}
	return web.Fresh(c, page)
}

// joining is what somebody says who joins a waiting list.
type joining struct {
	Category id.ID    `json:"category"`
	Qty      int      `json:"qty"`
	Email    string   `json:"email"`
	Locale   string   `json:"locale"`
	Codes    []string `json:"codes"` // for a hidden category
}

// queuedUp is one's place on a waiting list.
type queuedUp struct {
	State string `json:"state"`
	Ahead int    `json:"ahead"` // who is served before; of an address that waits already and is not shown to be his, all
}

func (s *Service) postWaitlist(c echo.Context) error {
	in, err := web.Bind[joining](c)
	if err != nil {
		return err
	}
	e, err := s.shopEvent(c)
	if err != nil {
		return err
	}
	w := Waiting{Event: e.ID, Category: in.Category, Qty: in.Qty, Email: in.Email, Locale: in.Locale}
	if person, err := id.Parse(web.CallerOf(c.Request().Context()).Person); err == nil {
		w.Person = &person
	}
	return web.Idempotent(c, s.db, http.StatusCreated, func(tx *db.Tx) (any, error) {
		ahead, err := s.JoinWaitlist(tx, w, in.Codes)
		return queuedUp{State: waitWaiting, Ahead: ahead}, err
	})
}

// getOffer answers with the cart of an offer, ready to be paid like any other.
func (s *Service) getOffer(c echo.Context) error {
	ctx := c.Request().Context()
	o, err := s.OfferOf(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	e, err := s.snapshot(ctx, o.Event)
	if err != nil {
		return err
	}
	q := Quote{Cart: o.Cart.ID, Event: o.Event, Currency: e.Currency, Lines: o.Cart.Lines, Expires: o.Cart.ExpiresAt}
	return c.JSON(http.StatusOK, cartAnswer{Cart: o.Cart, Quote: s.quotes.sign(q), TotalMinor: q.Total(), Currency: e.Currency, Seconds: math.Max(0, o.Cart.Left.Seconds())})
}

func (s *Service) deleteOffer(c echo.Context) error {
	if err := s.LeaveWaitlist(c.Request().Context(), c.Param("token")); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
