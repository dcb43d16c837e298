// Package sales sells tickets: categories with a capacity, carts that hold
// tickets for some minutes, orders, and never one ticket too many.
//
// The on-sale path: routes → till (group commit) → store. A cart's hold is the
// hot operation; no lock of the database is held while somebody pays.
package sales

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/mail"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/sales/admission"
	"github.com/usherhq/usher/modules/sales/pay"
)

// Config is the section "sales" of config.yaml.
type Config struct {
	Hold     time.Duration `koanf:"hold"`      // how long a cart keeps its tickets
	Offer    time.Duration `koanf:"offer"`     // how long tickets are kept for somebody on the waiting list
	RoomRate float64       `koanf:"room_rate"` // people a second let in from a waiting room, until the tills have measured themselves
	Payment  pay.Config    `koanf:"payment"`
	Seller   SellerConfig  `koanf:"seller"`

	WidgetOrigins []string `koanf:"widget_origins"` // sites that may show the widget
	App           string   `koanf:"app"`            // of the hub, for visitors' browsers; "": its only one

	Origin string      `koanf:"-"` // as browsers see us, such as https://tickets.example.org; "": as the request says
	Mail   mail.Sender `koanf:"-"` // nil: no letters are sent; with it, Origin is known
	Audit  Auditor     `koanf:"-"` // nil: money that people took is noted nowhere but with its payment
	People People      `koanf:"-"` // nil: of who is signed in no more is known than what people call him
}

// Auditor is what sales asks of identity: a line of the audit log, within tx and as the
// last thing it does.
type Auditor interface {
	Note(tx *db.Tx, actor, action, object string, detail map[string]any) error
}

// People is what sales asks of identity: how a person who is signed in is named and written
// to; "": it is not known. Errors: fault.NotFound.
type People interface {
	Contact(ctx context.Context, person string) (name, email string, err error)
}

// Defaults give a buyer ten minutes, and somebody who waited a day.
func Defaults() Config {
	return Config{Hold: 10 * time.Minute, Offer: 24 * time.Hour, RoomRate: 500, Payment: pay.Defaults(), Seller: SellerConfig{Zone: "UTC", Series: "R"}}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var f []fault.Field
	if c.Hold < time.Minute || c.Hold > 24*time.Hour {
		f = append(f, fault.Field{Name: "sales.hold", Problem: "is " + c.Hold.String(), Fix: "between 1m and 24h"})
	}
	if c.Offer < 10*time.Minute || c.Offer > 14*24*time.Hour {
		f = append(f, fault.Field{Name: "sales.offer", Problem: "is " + c.Offer.String(), Fix: "between 10m and 336h"})
	}
	if c.RoomRate < 1 || c.RoomRate > 100_000 {
		f = append(f, fault.Field{Name: "sales.room_rate", Problem: fmt.Sprintf("is %g", c.RoomRate), Fix: "between 1 and 100000 people a second"})
	}
	c.Seller.check(func(name, problem, fix string) {
		f = append(f, fault.Field{Name: "sales." + name, Problem: problem, Fix: fix})
	})
	f = append(f, checkOrigins(c.WidgetOrigins)...)
	f = append(f, fieldsOfFault(c.Payment.Validate())...)
	return fault.BadFields("sales.Config", f)
}

// Service is sales.
type Service struct {
	cfg    Config
	db     *db.DB
	log    *slog.Logger
	till   *till
	hall   *hall
	quotes signer

	books    ledger // what the last check of them found
	shelves  *shelves
	offerKey []byte // of the links to offers

	pays               *pay.Providers
	payKey, invoiceKey []byte // of the links to payments and invoices

	codes     *admission.Signer
	keyring   admission.Keyring // whose codes are good at the door
	orders    *idSigner         // of the links to orders
	holderKey []byte            // of the links to tickets that were handed on
	cartKey   []byte            // of the links to carts

	browsers   Browsers
	browserKey []byte // of the names that visitors' browsers keep
}

// New makes sales. Call Close when no request or job can reach it any more.
func New(cfg Config, d *db.DB, key *seal.Key, browsers Browsers, log *slog.Logger) *Service {
	log = log.With("module", "sales")
	codes := admission.NewSigner(key.Derive("sales/ticket-key"))
	return &Service{cfg: cfg, db: d, log: log, till: newTill(d, log),
		hall: newHall(store{d}, key.Derive("sales/room"), cfg.RoomRate), quotes: newSigner(key.Derive("sales/quote")),
		shelves: newShelves(), offerKey: key.Derive("sales/offer-link"),
		pays: pay.New(cfg.Payment), payKey: key.Derive("sales/payment-link"), invoiceKey: key.Derive("sales/invoice-link"),
		codes: codes, keyring: admission.NewKeyring(codes.Public()), orders: newIDSigner(key.Derive("sales/order-link")), holderKey: key.Derive("sales/ticket-link"),
		cartKey: key.Derive("sales/cart-link"), browsers: browsers, browserKey: key.Derive("sales/browser")}
}

// Close answers what waits at the till and shuts it.
func (s *Service) Close() { s.till.close() }

const (
	maxLines = 20   // categories in one order
	maxQty   = 1000 // tickets in one order
)

// Purchase is what a buyer asks for. Lines were priced by the caller, who checked
// their quotes.
type Purchase struct {
	Event    id.ID
	Lines    []Line
	Currency string
	Buyer    json.RawMessage // name, e-mail, locale, as far as stated; a JSON object that jsonb takes: see keepBuyer
	Caller   string          // with Key: who may repeat it
	Key      string          // Idempotency-Key; "": it cannot be repeated
	Asked    []byte          // with Key: the request as it was sent; prices and seats that we chose are not part of it
	Person   string          // of identity, when the buyer is signed in
}

// Order sells at once. replayed says that an earlier request with the same key
// had made the order. Errors: fault.Invalid (also for a key used for another
// order), fault.Conflict when too few tickets are left, fault.Transient, also when
// too many wait: repeat it with the same key.
func (s *Service) Order(ctx context.Context, p Purchase) (o Order, replayed bool, err error) {
	lines, err := checkLines("sales.Order", p.Lines)
	if err != nil {
		return Order{}, false, err
	}
	a := p.ask(askOrder, "order", lines)
	a.order = p.order(lines)
	v, err := s.till.ask(ctx, a)
	return v.order, v.replayed, err
}

// Earlier finds the order that an earlier request with the same key made.
// Errors: fault.NotFound, fault.Invalid when the key was used for something else.
func (s *Service) Earlier(ctx context.Context, p Purchase) (Order, error) {
	a := p.ask(askOrder, "order", nil)
	found, err := s.till.store.orderOf(ctx, a)
	if err != nil {
		return Order{}, err
	}
	v := repeated(a, found.body, found.order)
	return v.order, v.err
}

// Hold keeps tickets back for a cart. Errors: as Order.
func (s *Service) Hold(ctx context.Context, p Purchase) (c Cart, replayed bool, err error) {
	lines, err := checkLines("sales.Hold", p.Lines)
	if err != nil {
		return Cart{}, false, err
	}
	a := p.ask(askHold, "hold", lines)
	a.hold = s.cfg.Hold
	if a.cart = id.New(); p.Key != "" {
		a.cart = cartOf(a.key)
	}
	v, err := s.till.ask(ctx, a)
	if err != nil {
		return Cart{}, false, err
	}
	if v.replayed {
		lines = v.order.Lines
	}
	return Cart{ID: a.cart, Event: p.Event, Lines: lines, ExpiresAt: v.expires}, v.replayed, nil
}

// Confirm sells what a cart holds; doing it again answers with the same order.
// Errors: fault.Conflict when the hold has ended, and as Order.
func (s *Service) Confirm(ctx context.Context, cart id.ID, p Purchase) (o Order, replayed bool, err error) {
	lines, err := checkLines("sales.Confirm", p.Lines)
	if err != nil {
		return Order{}, false, err
	}
	a := p.ask(askConfirm, "confirm", lines)
	a.cart, a.key, a.fresh = cart, NewRepeatKey("cart", cart.String()), false
	a.order = p.order(lines)
	v, err := s.till.ask(ctx, a)
	return v.order, v.replayed, err
}

// Release gives back what a cart holds. Errors: fault.Conflict when it holds it no more.
func (s *Service) Release(ctx context.Context, cart id.ID, lines []Line) error {
	lines, err := checkLines("sales.Release", lines)
	if err != nil {
		return err
	}
	if holds, err := s.holds(ctx, cart, lines); err != nil || !holds {
		return cmp.Or(err, cartGone())
	}
	_, err = s.till.ask(ctx, &ask{kind: askRelease, cart: cart, lines: lines})
	return err
}

// holds reports whether a cart holds these lines. Whoever may ask for one that is gone
// again and again is answered by this: at the till he would send his neighbours the long way.
func (s *Service) holds(ctx context.Context, cart id.ID, lines []Line) (bool, error) {
	kept, _, err := s.heldLines(ctx, cart)
	now := held{lines: make(map[id.ID]Line, len(kept))}
	for _, l := range kept {
		now.lines[l.Category] = l
	}
	return now.same(lines), err
}

// Expire gives back what carts hold whose time is over, and says how many tickets.
func (s *Service) Expire(ctx context.Context) (tickets int, err error) {
	for {
		ended, left, err := s.till.store.expire(ctx)
		s.till.left.tell(left)
		for _, l := range ended {
			tickets += l.Qty
		}
		if err != nil || len(ended) < expireBatch {
			return tickets, err
		}
	}
}

func (p *Purchase) ask(k kind, endpoint string, lines []Line) *ask {
	a := &ask{kind: k, lines: lines, body: p.hash(lines)}
	a.order.Event = p.Event
	if p.Key == "" {
		a.key, a.fresh = RepeatKey(id.New()), true
	} else {
		a.key = NewRepeatKey(endpoint, p.Caller, p.Key)
	}
	return a
}

// cartOf names the cart of a key, so that repeating a hold finds it.
func cartOf(k RepeatKey) id.ID {
	c := id.ID(k)
	c[6], c[8] = c[6]&0x0f|0x80, c[8]&0x3f|0x80 // UUID version 8: our own hash
	return c
}

func (p *Purchase) order(lines []Line) Order {
	o := Order{ID: id.New(), Event: p.Event, Lines: lines, Currency: p.Currency, Buyer: p.Buyer, Person: p.Person}
	for _, l := range lines {
		o.Qty += l.Qty
		o.TotalMinor += int64(l.Qty) * l.UnitMinor
	}
	return o
}

// hash is of what is asked, so that a key is not used for two things.
func (p *Purchase) hash(lines []Line) [16]byte {
	if p.Asked != nil {
		sum := sha256.Sum256(p.Asked)
		return [16]byte(sum[:16])
	}
	b := make([]byte, 0, 256)
	b = append(append(b, p.Event[:]...), p.Currency...)
	for _, l := range lines {
		b = append(b, l.Category[:]...)
		for _, seat := range l.Seats {
			b = append(b, seat[:]...)
		}
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, uint32(l.Qty)), uint64(l.UnitMinor))
	}
	b = append(b, p.Buyer...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// checkLines sorts lines by category and refuses those that make no sense.
func checkLines(op string, given []Line) ([]Line, error) {
	var f []fault.Field
	bad := func(i int, name, problem, fix string) {
		f = append(f, fault.Field{Name: fmt.Sprintf("lines[%d].%s", i, name), Problem: problem, Fix: fix})
	}
	if len(given) == 0 || len(given) > maxLines {
		return nil, fault.BadField(op, "lines", fmt.Sprintf("has %d", len(given)), fmt.Sprintf("1 to %d categories", maxLines))
	}
	total := 0
	for i, l := range given {
		if l.Qty < 1 || l.Qty > maxQty {
			bad(i, "qty", fmt.Sprintf("is %d", l.Qty), fmt.Sprintf("1 to %d", maxQty))
		} else {
			total += l.Qty
		}
		if len(l.Seats) > 0 && len(l.Seats) != l.Qty {
			bad(i, "seats", fmt.Sprintf("names %d for %d tickets", len(l.Seats), l.Qty), "one seat a ticket, or none")
		}
		if l.UnitMinor < 0 {
			bad(i, "unit_minor", "is negative", "the price in minor units")
		}
	}
	if total > maxQty {
		bad(0, "qty", fmt.Sprintf("is %d over all lines", total), fmt.Sprintf("at most %d tickets an order", maxQty))
	}
	lines := slices.Clone(given)
	slices.SortFunc(lines, func(a, b Line) int { return compareIDs(a.Category, b.Category) })
	for i := 1; i < len(lines); i++ {
		if lines[i].Category == lines[i-1].Category {
			bad(i, "category", "stands twice", "add the quantities up")
		}
	}
	return lines, fault.BadFields(op, f)
}
