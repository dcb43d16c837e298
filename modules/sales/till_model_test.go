package sales

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// model is what the till must do, in plain words: stock with what is left of it,
// carts with what they hold, keys with what they made.
type model struct {
	left   map[id.ID]int
	carts  map[id.ID]Purchase
	orders map[string]Purchase // by key
	sold   map[id.ID]id.ID     // cart → order
}

func (m *model) fits(lines []Line) bool {
	need := map[id.ID]int{}
	for i := range lines {
		lines[i].debits(func(stock id.ID, qty int) { need[stock] += qty })
	}
	for stock, qty := range need {
		if m.left[stock] < qty {
			return false
		}
	}
	return true
}

func (m *model) move(lines []Line, sign int) {
	for i := range lines {
		lines[i].debits(func(stock id.ID, qty int) { m.left[stock] += sign * qty })
	}
}

// TestTheTillFollowsItsModel plays random purchases, holds, confirmations,
// releases and expiries, one after the other, and compares each answer.
func TestTheTillFollowsItsModel(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(r *rapid.T) {
		play := newPlay(h, r)
		r.Repeat(map[string]func(*rapid.T){
			"order": play.order, "hold": play.hold, "confirm": play.confirm, "release": play.release, "expire": play.expire,
			"": play.check,
		})
	})
}

// play is one run of the model beside the till.
type play struct {
	h          *house
	m          model
	run        string // makes its keys its own
	categories []id.ID
	pool       id.ID
	seats      []id.ID
	carts      []id.ID
}

func newPlay(h *house, r *rapid.T) *play {
	p := &play{h: h, run: id.New().String(), m: model{left: map[id.ID]int{}, carts: map[id.ID]Purchase{}, orders: map[string]Purchase{}, sold: map[id.ID]id.ID{}}}
	stock := func(most int) id.ID {
		n := rapid.IntRange(0, most).Draw(r, "capacity")
		c := h.category(n)
		p.m.left[c] = n
		return c
	}
	p.categories, p.pool = []id.ID{stock(30), stock(30), stock(30)}, stock(40)
	for range 4 {
		s := h.category(1)
		p.m.left[s] = 1
		p.seats = append(p.seats, s)
	}
	return p
}

// purchase draws one: the second category shares the pool, the third has numbered seats.
func (p *play) purchase(r *rapid.T, key string) Purchase {
	var lines []Line
	for i, c := range p.categories {
		qty := rapid.IntRange(0, 4).Draw(r, fmt.Sprintf("qty %d", i))
		if qty == 0 && (i < 2 || len(lines) > 0) {
			continue
		}
		l := Line{Category: c, Qty: max(qty, 1), UnitMinor: int64(100 * i)}
		switch i {
		case 1:
			l.Also = []Debit{{p.pool, l.Qty}}
		case 2:
			l.Qty = 1
			l.Seats = []id.ID{rapid.SampledFrom(p.seats).Draw(r, "seat")}
		}
		lines = append(lines, l)
	}
	return p.h.purchase(key, lines...)
}

func (p *play) key(r *rapid.T) string {
	return fmt.Sprintf("%s %d", p.run, rapid.IntRange(0, 5).Draw(r, "key"))
}

func (p *play) order(r *rapid.T) {
	in := p.purchase(r, p.key(r))
	o, replayed, err := p.h.Order(r.Context(), in)
	was, known := p.m.orders[in.Key]
	switch {
	case known && alike(was, in):
		must(r, err == nil && replayed, "a repeated order: replayed %v, %v", replayed, err)
	case known:
		must(r, fault.Is(err, fault.Invalid), "a key used twice: %v", err)
	case p.m.fits(in.Lines):
		must(r, err == nil && !replayed && o.Qty > 0, "an order that fits: %v", err)
		p.m.move(in.Lines, -1)
		p.m.orders[in.Key] = in
	default:
		must(r, fault.Is(err, fault.Conflict), "an order that does not fit: %v", err)
	}
}

func (p *play) hold(r *rapid.T) {
	in := p.purchase(r, "")
	cart, _, err := p.h.Hold(r.Context(), in)
	if !p.m.fits(in.Lines) {
		must(r, fault.Is(err, fault.Conflict), "a hold that does not fit: %v", err)
		return
	}
	must(r, err == nil, "a hold that fits: %v", err)
	p.m.move(in.Lines, -1)
	p.m.carts[cart.ID] = in
	p.carts = append(p.carts, cart.ID)
}

func (p *play) cart(r *rapid.T) id.ID {
	if len(p.carts) == 0 {
		r.Skip("no carts yet")
	}
	return rapid.SampledFrom(p.carts).Draw(r, "cart")
}

func (p *play) confirm(r *rapid.T) {
	cart := p.cart(r)
	in, holds := p.m.carts[cart]
	if !holds {
		in = p.purchase(r, "")
	}
	o, replayed, err := p.h.Confirm(r.Context(), cart, in)
	sold, done := p.m.sold[cart]
	switch {
	case holds:
		must(r, err == nil && !replayed, "confirm what is held: %v", err)
		delete(p.m.carts, cart)
		p.m.sold[cart] = o.ID
		p.m.orders["cart "+cart.String()] = in
	case done:
		same := alike(p.m.orders["cart "+cart.String()], in)
		must(r, same && o.ID == sold && replayed || !same && fault.Is(err, fault.Invalid), "confirm again: %v", err)
	default:
		must(r, fault.Is(err, fault.Conflict), "confirm what is gone: %v", err)
	}
}

func (p *play) release(r *rapid.T) {
	cart := p.cart(r)
	in, holds := p.m.carts[cart]
	if !holds {
		in = p.purchase(r, "")
	}
	err := p.h.Release(r.Context(), cart, in.Lines)
	must(r, holds == (err == nil) && (holds || fault.Is(err, fault.Conflict)), "release, held %v: %v", holds, err)
	if holds {
		p.m.move(in.Lines, 1)
		delete(p.m.carts, cart)
	}
}

func (p *play) expire(r *rapid.T) {
	cart := p.cart(r)
	p.h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE cart = $1`, cart)
	_, err := p.h.Expire(r.Context())
	must(r, err == nil, "expire: %v", err)
	if in, holds := p.m.carts[cart]; holds {
		p.m.move(in.Lines, 1)
		delete(p.m.carts, cart)
	}
}

// check compares what is left of every stock.
func (p *play) check(r *rapid.T) {
	for stock, want := range p.m.left {
		if got := p.h.number(`SELECT capacity - sold - held FROM sales.stock WHERE id = $1`, stock); got != want {
			r.Fatalf("%d left, the model says %d", got, want)
		}
	}
}

func alike(p, o Purchase) bool {
	a, errA := checkLines("", p.Lines)
	b, errB := checkLines("", o.Lines)
	return errors.Join(errA, errB) == nil && p.hash(a) == o.hash(b)
}

func must(r *rapid.T, ok bool, format string, args ...any) {
	r.Helper()
	if !ok {
		r.Fatalf(format, args...)
	}
}
