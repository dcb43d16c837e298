package sales

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func (s *Service) tillRoutes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/v1/carts", Right: web.Public, Rush: true, Handler: s.postCart,
			Doc: web.Doc{Says: "Holds tickets in a cart, at the price quoted, for some minutes.", Takes: choice{}, Gives: cartAnswer{}, Status: 201, Repeatable: true}},
		{Method: "DELETE", Path: "/v1/carts/:id", Right: web.Public, Handler: s.deleteCart,
			Doc: web.Doc{Says: "Gives a cart's tickets back.", Query: []string{"quote: the cart's quote"}}},
		{Method: "POST", Path: "/v1/orders", Right: web.Send, Rush: true, Handler: s.postOrder,
			Doc: web.Doc{Says: "Sells tickets: a cart's, or chosen ones, paid elsewhere.", Takes: choice{}, Gives: sold{}, Status: 201, Repeatable: true}},
		{Method: "PUT", Path: "/v1/rooms/:event", Right: web.Manage, Handler: s.putRoom,
			Doc: web.Doc{Says: "Sets how an event's waiting room works.", Takes: roomChange{}}},
		{Method: "POST", Path: "/v1/rooms/:event", Right: web.Public, Handler: s.postRoom,
			Doc: web.Doc{Says: "Joins an event's waiting room.", Gives: standAnswer{}, Status: 201}},
		{Method: "GET", Path: "/v1/rooms/:event", Right: web.Public, Handler: s.getRoom,
			Doc: web.Doc{Says: "Tells one's place in a waiting room.", Gives: standAnswer{}, Query: []string{"ticket: the one from joining"}}},
	}
}

// choice is what a buyer chose. Prices are ours to say.
type choice struct {
	Event id.ID           `json:"event"`
	Lines []Wanted        `json:"lines"`
	Codes []string        `json:"codes"`
	Quote string          `json:"quote"` // of a cart: sell what it holds, at its prices
	Buyer json.RawMessage `json:"buyer"`
}

// agrees refuses a choice that asks for something else than what its quote holds: a till
// would believe it had sold that.
func (c *choice) agrees(q *Quote) error {
	return collect("sales.postOrder", func(bad complaint) {
		if c.Event != id.Nil && c.Event != q.Event {
			bad("event", "is not the quote's", q.Event.String()+", or leave it out")
		}
		for i, w := range c.Lines {
			if !slices.ContainsFunc(q.Lines, func(l Line) bool { return l.Category == w.Category && l.Qty == w.Qty }) {
				bad(fmt.Sprintf("lines[%d]", i), "is not what the quote holds", "leave lines out: the cart's are sold; or leave the quote out")
			}
		}
	})
}

// cartAnswer is a cart as its buyer sees it. Seconds, because his clock may be wrong.
type cartAnswer struct {
	Cart
	Quote      string  `json:"quote"`
	TotalMinor int64   `json:"total_minor"`
	Currency   string  `json:"currency"`
	Seconds    float64 `json:"expires_in_seconds"`
}

func (s *Service) postCart(c echo.Context) error {
	in, err := web.Bind[choice](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.hall.admit(ctx, in.Event, c.Request().Header.Get("Usher-Pass")); err != nil {
		return err
	}
	p, err := s.purchase(c, in)
	if err != nil {
		return err
	}
	cart, replayed, err := s.Hold(ctx, p)
	if err != nil {
		return keyed(err)
	}
	q := Quote{Cart: cart.ID, Event: in.Event, Currency: p.Currency, Lines: cart.Lines, Expires: cart.ExpiresAt}
	return answer(c, replayed, &cartAnswer{Cart: cart, Quote: s.quotes.sign(q), TotalMinor: q.Total(), Currency: p.Currency,
		Seconds: math.Max(0, cart.ExpiresAt.Sub(s.db.Now()).Seconds())})
}

func (s *Service) deleteCart(c echo.Context) error {
	q, err := s.quotes.open(c.QueryParam("quote"))
	if err != nil {
		return err
	}
	if q.Cart.String() != c.Param("id") {
		return fault.BadField("sales.deleteCart", "quote", "is another cart's", "send the cart's own")
	}
	if err := s.GiveBack(c.Request().Context(), q.Cart, q.Lines); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// postOrder sells at once, as a till at the door does: it is for those who take
// the money themselves.
func (s *Service) postOrder(c echo.Context) error {
	in, err := web.Bind[choice](c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	var o Order
	var replayed bool
	if in.Quote != "" {
		return s.postQuoted(c, in)
	}
	p, err := s.purchase(c, in)
	if err == nil {
		o, replayed, err = s.Order(ctx, p)
	} else if earlier, found := s.Earlier(ctx, p); p.Key != "" && !fault.Is(found, fault.NotFound) {
		o, replayed, err = earlier, true, found // what is not on sale any more was sold before
	}
	if err != nil {
		return keyed(err)
	}
	return answer(c, replayed, s.sold(c, o))
}

// postQuoted sells what a cart holds, at the prices of its quote.
func (s *Service) postQuoted(c echo.Context, in choice) error {
	ctx := c.Request().Context()
	q, err := s.quotes.open(in.Quote)
	if err != nil {
		return err
	}
	if err := in.agrees(&q); err != nil {
		return err
	}
	e, err := s.snapshot(ctx, q.Event)
	if err != nil {
		return err
	}
	if err := q.mayBuy(&e.Event); err != nil {
		return err
	}
	buyer, err := keepBuyer("sales.postOrder", in.Buyer)
	if err != nil {
		return err
	}
	o, replayed, err := s.Confirm(ctx, q.Cart, Purchase{Event: q.Event, Lines: q.Lines, Currency: q.Currency, Buyer: buyer, Person: web.CallerOf(ctx).Person})
	if err != nil {
		return keyed(err)
	}
	return answer(c, replayed, s.sold(c, o))
}

// sold is an order with the address of its tickets.
type sold struct {
	Order
	Tickets string `json:"tickets_url"`
}

func (s *Service) sold(c echo.Context, o Order) *sold {
	return &sold{o, s.ticketsURL(s.origin(c), o.ID)}
}

// ticketsURL is the buyer's way to his tickets: whoever has it may see and hand them on.
func (s *Service) ticketsURL(origin string, order id.ID) string {
	return origin + "/o/" + s.OrderToken(order)
}

// purchase prices what the buyer chose. The purchase tells who asks even when it
// has no price.
func (s *Service) purchase(c echo.Context, in choice) (Purchase, error) {
	ctx := c.Request().Context()
	caller := web.CallerOf(ctx)
	p := Purchase{Event: in.Event, Buyer: in.Buyer, Caller: caller.Name, Person: caller.Person}
	var err error
	if p.Key, err = web.RepeatKey(c); err != nil {
		return p, err
	}
	if p.Asked, err = in.canonical(); err != nil {
		return p, fault.BadField("sales.purchase", "buyer", "is no JSON object", suchBuyer)
	}
	if p.Buyer, err = keepBuyer("sales.purchase", in.Buyer); err != nil {
		return p, err
	}
	e, err := s.snapshot(ctx, in.Event)
	if err != nil {
		return p, err
	}
	p.Currency = e.Currency
	p.Lines, err = s.price(ctx, in.Event, in.Lines, in.Codes)
	return p, err
}

// answer answers an order or cart; a repetition says so.
func answer(c echo.Context, replayed bool, v interface{ appendJSON([]byte) ([]byte, error) }) error {
	if replayed {
		c.Response().Header().Set("Idempotent-Replayed", "true")
	}
	body, err := v.appendJSON(make([]byte, 0, 1024))
	if err != nil {
		return fault.E("sales.answer", fault.Internal, "the answer is no JSON", err)
	}
	return c.JSONBlob(http.StatusCreated, append(body, '\n'))
}

// keyed answers a key that was used for something else as the API does everywhere: 422.
func keyed(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if ok && len(f.Fields) == 1 && f.Fields[0].Name == "Idempotency-Key" {
		return web.Unprocessable(f)
	}
	return err
}

// standAnswer is a place in the waiting room, with times in seconds.
type standAnswer struct {
	Stand
	Wait float64 `json:"wait_seconds"`
	Ask  float64 `json:"ask_again_in_seconds,omitempty"`
}

func stood(c echo.Context, status int, s Stand) error {
	if s.Ask > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(s.Ask.Seconds()))))
	}
	return c.JSON(status, standAnswer{s, math.Ceil(s.Wait.Seconds()), s.Ask.Seconds()})
}

// roomChange sets how an event's waiting room works.
type roomChange struct {
	Mode    string    `json:"mode"`
	OpensAt time.Time `json:"opens_at"`
}

func (s *Service) putRoom(c echo.Context) error {
	in, err := web.Bind[roomChange](c)
	if err != nil {
		return err
	}
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	if err := s.SetRoom(c.Request().Context(), event, in.Mode, in.OpensAt); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Service) postRoom(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	stand, err := s.hall.join(c.Request().Context(), event)
	if err != nil {
		return err
	}
	return stood(c, http.StatusCreated, stand)
}

func (s *Service) getRoom(c echo.Context) error {
	event, err := eventOf(c)
	if err != nil {
		return err
	}
	stand, err := s.hall.ask(c.Request().Context(), event, c.QueryParam("ticket"))
	if err != nil {
		return err
	}
	return stood(c, http.StatusOK, stand)
}

func eventOf(c echo.Context) (id.ID, error) {
	event, err := id.Parse(c.Param("event"))
	if err != nil {
		return event, fault.E("sales.event", fault.NotFound, "there is no such event", err)
	}
	return event, nil
}
