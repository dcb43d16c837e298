package sales

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// rules is what pools, protection levels and codes mean, counted anew over all
// tickets each time: class k may be sold while the tickets of class j and below, for
// every j up to k, stay within the capacity less what is protected above j.
type rules struct {
	capacity  int
	protected []int
	own       []int // capacity of each category; category i has class classes[i]
	classes   []int
	uses      int // of the code
	carts     map[id.ID]basket
	sold      []basket
	used      int // of the code, by tickets that were given back: a use is not returned
}

// basket is so many tickets of each category, and how many took the code.
type basket struct {
	qty   []int
	coded int
}

// fits reports whether a further basket keeps every rule.
func (m *rules) fits(b basket) bool {
	all := append(slices.Clone(m.sold), b)
	for _, c := range m.carts {
		all = append(all, c)
	}
	coded, by, below := m.used, make([]int, len(m.own)), make([]int, len(m.protected)+2)
	for _, one := range all {
		coded += one.coded
		for i, n := range one.qty {
			by[i] += n
			for j := 1; j <= m.classes[i]; j++ {
				below[j] += n
			}
		}
	}
	for i := range by {
		if by[i] > m.own[i] {
			return false
		}
	}
	for j := 1; j < len(below); j++ {
		limit := m.capacity
		if j > 1 {
			limit -= m.protected[j-2]
		}
		if below[j] > limit {
			return false
		}
	}
	return coded <= m.uses
}

// TestPoolsLevelsAndCodesKeepTheirRules plays orders, carts, expiries and changes of
// the pool through the till.
func TestPoolsLevelsAndCodesKeepTheirRules(t *testing.T) {
	h := newHouse(t)
	rapid.Check(t, func(r *rapid.T) {
		p := newPoolPlay(h, r)
		r.Repeat(map[string]func(*rapid.T){"buy": p.buy, "hold": p.hold, "confirm": p.confirm, "expire": p.expire, "resize": p.resize, "refund": p.refund, "capacity": p.recapacity})
		h.auditCatalogue()
		if h.t.Failed() {
			r.Fatal("the stock does not agree")
		}
	})
}

type poolPlay struct {
	h     *house
	m     rules
	e     Event
	pool  Pool
	carts map[id.ID][]Line
	order []id.ID // of m.sold
}

func levelsOf(r *rapid.T, capacity, n int) []int {
	levels := rapid.SliceOfN(rapid.IntRange(0, capacity), n, n).Draw(r, "protected")
	slices.Sort(levels)
	return levels
}

func newPoolPlay(h *house, r *rapid.T) *poolPlay {
	p := &poolPlay{h: h, carts: map[id.ID][]Line{}, m: rules{carts: map[id.ID]basket{}}}
	p.m.capacity = rapid.IntRange(0, 20).Draw(r, "capacity")
	p.m.protected = levelsOf(r, p.m.capacity, rapid.IntRange(0, 2).Draw(r, "levels"))
	p.m.uses = rapid.IntRange(1, 10).Draw(r, "uses")
	e := h.draft(func(*Event) {})
	h.in(func(tx *db.Tx) (err error) {
		p.pool, err = h.AddPool(tx, Pool{Event: e.ID, Name: "Floor", Capacity: p.m.capacity, Protected: p.m.protected}, nil)
		return err
	})
	for i := range 3 {
		p.m.classes = append(p.m.classes, rapid.IntRange(1, len(p.m.protected)+1).Draw(r, "class"))
		p.m.own = append(p.m.own, rapid.IntRange(0, 15).Draw(r, "own"))
		h.add(e, Category{PriceMinor: int64(100 * (i + 1)), Capacity: p.m.own[i], Pool: &p.pool.ID, Class: p.m.classes[i]})
	}
	h.code(Code{Code: "half", Permille: 500, MaxUses: p.m.uses})
	p.e = h.publish(e)
	return p
}

// wanted draws a basket; with the code or without.
func (p *poolPlay) wanted(r *rapid.T) (basket, []Wanted, []string) {
	b := basket{qty: make([]int, 3)}
	var w []Wanted
	for i, c := range p.e.Categories {
		if b.qty[i] = rapid.IntRange(0, 4).Draw(r, fmt.Sprintf("qty %d", i)); b.qty[i] > 0 {
			w = append(w, Wanted{Category: c.ID, Qty: b.qty[i]})
			b.coded += b.qty[i]
		}
	}
	if len(w) == 0 {
		r.Skip("nothing is wanted")
	}
	if rapid.Bool().Draw(r, "coded") {
		return b, w, []string{"half"}
	}
	b.coded = 0
	return b, w, nil
}

func (p *poolPlay) answer(r *rapid.T, b basket, err error) bool {
	if p.m.fits(b) {
		must(r, err == nil, "what fits was refused: %v", err)
		return true
	}
	must(r, fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid), "what does not fit: %v", err)
	return false
}

func (p *poolPlay) buy(r *rapid.T) {
	b, w, codes := p.wanted(r)
	o, err := p.h.buy(p.e, codes, w...)
	if p.answer(r, b, err) {
		p.m.sold, p.order = append(p.m.sold, b), append(p.order, o.ID)
	}
}

func (p *poolPlay) hold(r *rapid.T) {
	b, w, codes := p.wanted(r)
	var cart Cart
	lines, err := p.h.price(r.Context(), p.e.ID, w, codes)
	if err == nil {
		cart, _, err = p.h.Hold(r.Context(), Purchase{Event: p.e.ID, Lines: lines, Currency: "EUR"})
	}
	if p.answer(r, b, err) {
		p.m.carts[cart.ID], p.carts[cart.ID] = b, cart.Lines
	}
}

func (p *poolPlay) someCart(r *rapid.T) id.ID {
	for cart := range p.carts {
		return cart
	}
	r.Skip("no carts yet")
	return id.Nil
}

func (p *poolPlay) confirm(r *rapid.T) {
	cart := p.someCart(r)
	o, _, err := p.h.Confirm(r.Context(), cart, Purchase{Event: p.e.ID, Lines: p.carts[cart], Currency: "EUR"})
	must(r, err == nil, "confirm what is held: %v", err)
	p.m.sold, p.order = append(p.m.sold, p.m.carts[cart]), append(p.order, o.ID)
	delete(p.m.carts, cart)
	delete(p.carts, cart)
}

func (p *poolPlay) expire(r *rapid.T) {
	cart := p.someCart(r)
	p.h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE cart = $1`, cart)
	_, err := p.h.Expire(r.Context())
	must(r, err == nil, "expire: %v", err)
	delete(p.m.carts, cart)
	delete(p.carts, cart)
}

// refund gives a whole order back: its places can be sold again.
func (p *poolPlay) refund(r *rapid.T) {
	if len(p.order) == 0 {
		r.Skip("no orders yet")
	}
	i := rapid.IntRange(0, len(p.order)-1).Draw(r, "order")
	err := p.h.db.InTx(r.Context(), func(tx *db.Tx) error {
		_, err := p.h.RefundOrder(tx, p.order[i], Refunding{})
		return err
	})
	must(r, err == nil, "refund: %v", err)
	p.m.used += p.m.sold[i].coded
	p.m.sold, p.order = slices.Delete(p.m.sold, i, i+1), slices.Delete(p.order, i, i+1)
}

// recapacity changes one category's own capacity, with the same rule as resize.
func (p *poolPlay) recapacity(r *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(r, "category")
	was := p.m.own[i]
	c := p.e.Categories[i]
	c.Event, c.Capacity = p.e.ID, rapid.IntRange(0, 20).Draw(r, "own")
	p.m.own[i] = c.Capacity
	_, err := p.h.ChangeCategory(r.Context(), c, "test", nil)
	if p.m.fits(basket{qty: make([]int, 3)}) {
		must(r, err == nil, "a capacity that fits was refused: %v", err)
		return
	}
	must(r, fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid), "a capacity below what is taken: %v", err)
	p.m.own[i] = was
}

// resize changes capacity and levels: it must be refused just when the tickets there
// are would break the new rules.
func (p *poolPlay) resize(r *rapid.T) {
	was := p.m
	p.m.capacity = rapid.IntRange(0, 25).Draw(r, "capacity")
	p.m.protected = levelsOf(r, p.m.capacity, len(was.protected))
	_, err := p.h.ChangePool(r.Context(), Pool{ID: p.pool.ID, Event: p.e.ID, Name: "Floor", Capacity: p.m.capacity, Protected: p.m.protected}, nil)
	if p.m.fits(basket{qty: make([]int, 3)}) {
		must(r, err == nil, "a size that fits was refused: %v", err)
		return
	}
	must(r, fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid), "a size below what is taken: %v", err)
	p.m = was
}
