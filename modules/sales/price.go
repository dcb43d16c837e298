package sales

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// Wanted is what a buyer asks for, before it has a price.
type Wanted struct {
	Category id.ID   `json:"category"`
	Qty      int     `json:"qty"`
	Seats    []id.ID `json:"seats,omitempty"` // of a category with numbered seats; none: the best that are free
}

// maxCodes bounds the codes of one cart.
const maxCodes = 5

// price checks what is wanted against the event's windows, limits, seats and codes
// and returns lines with their prices and everything they take. Of several codes
// each line takes the one that makes it cheapest; codes do not add up.
//
// Errors: fault.NotFound, fault.Invalid with every fault, fault.Conflict when it is
// not on sale, or not enough seats are free.
func (s *Service) price(ctx context.Context, event id.ID, wanted []Wanted, codes []string) ([]Line, error) {
	const op = "sales.price"
	e, err := s.snapshot(ctx, event)
	if err != nil {
		return nil, err
	}
	now := s.db.Now()
	if err := e.onSale(now); err != nil {
		return nil, err
	}
	valid, err := s.validCodes(ctx, e, codes, now)
	if err != nil {
		return nil, err
	}
	p := pricing{e: e, now: now, codes: valid, uses: make([]int, len(valid)), useful: make([]bool, len(valid))}
	for i, w := range wanted {
		p.at = fmt.Sprintf("lines[%d].", i)
		if err := p.line(w); err != nil {
			return nil, err
		}
	}
	p.checkCodes()
	if err := fault.BadFields(op, p.bad); err != nil {
		return nil, err
	}
	return p.lines, nil
}

// onSale says why nothing of the event can be bought at that moment.
func (e *Event) onSale(now time.Time) error {
	const op = "sales.price"
	switch {
	case e.State == EventDraft:
		return noEvent(nil)
	case e.State == EventCancelled:
		return fault.E(op, fault.Conflict, "the event is cancelled", nil)
	case e.Shop != "":
		return fault.E(op, fault.Conflict, "this event is not sold here", nil).WithFix("buy from the shop that sells it")
	case e.State == EventPaused:
		return fault.E(op, fault.Conflict, "the sale is paused", nil).WithFix("try again later")
	case e.SaleFrom != nil && now.Before(*e.SaleFrom):
		return fault.E(op, fault.Conflict, "the sale begins "+e.SaleFrom.Format(time.RFC3339), nil).WithFix("come back then").After(e.SaleFrom.Sub(now))
	case !now.Before(e.SaleEnd()):
		return fault.E(op, fault.Conflict, "the sale has ended", nil)
	}
	return nil
}

// pricing is one run of price.
type pricing struct {
	e      *shelfEvent
	now    time.Time
	codes  []Code
	uses   []int  // tickets that take each code
	useful []bool // codes that concern a line, used or not
	lines  []Line
	bad    []fault.Field
	at     string // the place in the input
}

func (p *pricing) complain(name, problem, fix string) {
	p.bad = append(p.bad, fault.Field{Name: p.at + name, Problem: problem, Fix: fix})
}

// line prices one line; what is wrong with the input is noted, what is wrong with
// the moment is returned.
func (p *pricing) line(w Wanted) error {
	const op = "sales.price"
	c := p.e.Category(w.Category)
	if c == nil || c.Hidden && !p.opened(c) {
		p.complain("category", "is none of the event's", "one of GET /v1/shop/events/"+p.e.Slug)
		return nil
	}
	if w.Qty < c.MinPerOrder || w.Qty > c.MaxPerOrder {
		p.complain("qty", fmt.Sprintf("is %d", w.Qty), fmt.Sprintf("%d to %d tickets of this category an order", c.MinPerOrder, c.MaxPerOrder))
		return nil
	}
	if c.SaleFrom != nil && p.now.Before(*c.SaleFrom) {
		return fault.E(op, fault.Conflict, "the sale of this category begins "+c.SaleFrom.Format(time.RFC3339), nil).After(c.SaleFrom.Sub(p.now))
	}
	if c.SaleUntil != nil && !p.now.Before(*c.SaleUntil) {
		return fault.E(op, fault.Conflict, "the sale of this category has ended", nil).WithFix("choose another category")
	}
	if p.e.queues[c.ID] {
		return fault.E(op, fault.Conflict, "people wait for this category, and what comes back is theirs first", nil).WithFix("join the waiting list")
	}
	seats, err := p.seats(c, w)
	if err != nil {
		return err
	}
	l := Line{Category: c.ID, Qty: w.Qty, Seats: seats, UnitMinor: c.unit(nil)}
	for _, stock := range p.e.shares(c) {
		l.Also = append(l.Also, Debit{stock, w.Qty})
	}
	for _, code := range p.take(c) {
		l.UnitMinor = min(l.UnitMinor, c.unit(&p.codes[code]))
		l.Also = append(l.Also, Debit{p.codes[code].ID, w.Qty})
		p.uses[code] += w.Qty
	}
	p.lines = append(p.lines, l)
	return nil
}

// opened reports whether a code of the buyer opens a hidden category.
func (p *pricing) opened(c *Category) bool {
	return slices.ContainsFunc(p.codes, func(code Code) bool { return code.Opens && code.concerns(c.ID) })
}

// take chooses the codes that a line uses: the one that makes it cheapest, of
// equals the first, and for a hidden category one that opens it, which may be the same.
func (p *pricing) take(c *Category) []int {
	best, opener := -1, -1
	for i := range p.codes {
		code := &p.codes[i]
		if !code.concerns(c.ID) {
			continue
		}
		cheaper, opens := c.unit(code) < c.unit(nil), c.Hidden && code.Opens
		p.useful[i] = p.useful[i] || cheaper || opens
		if cheaper && (best < 0 || c.unit(code) < c.unit(&p.codes[best])) {
			best = i
		}
		if opens && (opener < 0 || best == i) {
			opener = i
		}
	}
	switch {
	case opener < 0 && best < 0:
		return nil
	case opener < 0 || opener == best:
		return []int{best}
	case best < 0:
		return []int{opener}
	}
	return []int{opener, best}
}

// checkCodes complains about codes that do nothing here, or are used too often.
func (p *pricing) checkCodes() {
	p.at = ""
	for i, code := range p.codes {
		at := fmt.Sprintf("codes[%d]", i)
		if !p.useful[i] && len(p.bad) == 0 {
			p.complain(at, "is not good for these tickets", "leave it out")
		}
		if code.MaxPerOrder > 0 && p.uses[i] > code.MaxPerOrder {
			p.complain(at, fmt.Sprintf("is good for %d tickets an order, not for %d", code.MaxPerOrder, p.uses[i]), "buy the others in an order of their own")
		}
	}
}

// seats are those of a line: the buyer's own choice, or the best that are free.
func (p *pricing) seats(c *Category, w Wanted) ([]id.ID, error) {
	switch {
	case !c.Seated() && len(w.Seats) > 0:
		p.complain("seats", "are named, but the category has none", "leave them out")
		return nil, nil
	case !c.Seated():
		return nil, nil
	case len(w.Seats) == 0:
		chosen := p.e.suggest(c.ID, w.Qty)
		if chosen == nil {
			return nil, soldOut()
		}
		return chosen, nil
	case len(w.Seats) != w.Qty:
		p.complain("seats", fmt.Sprintf("names %d for %d tickets", len(w.Seats), w.Qty), "one seat a ticket, or none to get the best that are free")
	}
	for i, seat := range w.Seats {
		if !p.e.hasSeat(c.ID, seat) || slices.Index(w.Seats, seat) < i {
			p.complain(fmt.Sprintf("seats[%d]", i), "is none of the category's, or stands twice", "seats of GET /v1/shop/events/"+p.e.Slug+"/seats/"+c.ID.String())
		}
	}
	return w.Seats, nil
}

// validCodes looks the buyer's codes up. Errors: fault.Invalid with every code that
// is none, or not valid at that moment.
func (s *Service) validCodes(ctx context.Context, e *shelfEvent, typed []string, now time.Time) ([]Code, error) {
	const op = "sales.price"
	if len(typed) > maxCodes {
		return nil, fault.BadField(op, "codes", fmt.Sprintf("are %d", len(typed)), fmt.Sprintf("at most %d", maxCodes))
	}
	var out []Code
	var bad []fault.Field
	for i, text := range typed {
		text = CodeText(text)
		if text == "" || slices.ContainsFunc(out, func(c Code) bool { return c.Code == text }) {
			continue
		}
		code, err := s.codeOf(ctx, e, text)
		at := fmt.Sprintf("codes[%d]", i)
		switch {
		case fault.Is(err, fault.NotFound):
			bad = append(bad, fault.Field{Name: at, Problem: "is not a code of this event", Fix: "check how it is spelt"})
		case err != nil:
			return nil, err
		case code.ValidFrom != nil && now.Before(*code.ValidFrom):
			bad = append(bad, fault.Field{Name: at, Problem: "is not valid before " + code.ValidFrom.Format(time.RFC3339)})
		case code.ValidUntil != nil && !now.Before(*code.ValidUntil):
			bad = append(bad, fault.Field{Name: at, Problem: "is no longer valid", Fix: "leave it out"})
		case code.Used >= code.stock():
			bad = append(bad, fault.Field{Name: at, Problem: "has been used up", Fix: "leave it out"})
		default:
			out = append(out, code)
		}
	}
	return out, fault.BadFields(op, bad)
}

// codeOf finds a code by its text; those that exist are remembered with the snapshot.
func (s *Service) codeOf(ctx context.Context, e *shelfEvent, text string) (Code, error) {
	e.mu.Lock()
	code, ok := e.codes[text]
	e.mu.Unlock()
	if ok {
		return code, nil
	}
	if len(text) > 60 || strings.ContainsRune(text, 0) {
		return Code{}, noCode(nil)
	}
	found, err := codesByText(s.db.ORM(ctx), e.ID, []string{text})
	if err == nil && len(found) == 0 {
		err = noCode(nil)
	}
	if err != nil {
		return Code{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.codes[text] = found[0]
	return found[0], nil
}
