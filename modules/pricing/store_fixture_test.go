package pricing

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// house is pricing on a database of its own, with neighbours that a test moves.
type house struct {
	*Service
	t     testing.TB
	clock *clock.Fixed
	shop  *shop
	crier *crier
	audit *audit
}

var noon = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

// newHouse has an event that sells since ten days and begins in twenty: a floor with
// 300 tickets at 30.00, of which nobody has bought any yet, and a concession.
func newHouse(t testing.TB) *house {
	t.Helper()
	at := clock.At(noon)
	h := &house{t: t, clock: at, shop: &shop{}, crier: &crier{}, audit: &audit{}}
	from := noon.AddDate(0, 0, -10)
	h.shop.event = listing.Event{ID: id.New(), Slug: "jazz", Path: "/shop/events/jazz", Title: "Jazz", Currency: "EUR", Zone: "UTC", Live: true, SaleFrom: from,
		SaleEnd: noon.AddDate(0, 0, 20), Doors: noon.AddDate(0, 0, 20), Categories: []listing.Category{
			{ID: id.New(), Title: "Floor", PriceMinor: 3000, FeeMinor: 150, Capacity: 300, Free: 300},
			{ID: id.New(), Title: "Pupils", PriceMinor: 1500, Capacity: 50, Free: 50}}}
	h.shop.prices = map[id.ID][]listing.Price{h.floor(): {{At: from, Minor: 3000}}, h.pupils(): {{At: from, Minor: 1500}}}
	h.Service = New(Defaults(), dbtest.New(t, dbtest.WithClock(at)), h.shop, nil, h.crier, h.audit, slog.New(slog.DiscardHandler))
	return h
}

func (h *house) floor() id.ID  { return h.shop.event.Categories[0].ID }
func (h *house) pupils() id.ID { return h.shop.event.Categories[1].ID }

// rule sets one for the floor.
func (h *house) rule(mode policy.Mode) Rule {
	h.t.Helper()
	r, err := h.RuleOf(h.t.Context(), h.floor())
	if err == nil {
		r.Mode = mode
		r, err = h.SetRule(h.t.Context(), r, "ana")
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// decide has the event looked at anew, and gives the latest decision about the floor.
func (h *house) decide(kind string) Decision {
	h.t.Helper()
	if err := h.Decide(h.t.Context(), h.shop.event.ID, id.New(), Cause{Kind: kind}); err != nil {
		h.t.Fatal(err)
	}
	return h.latest()
}

func (h *house) latest() Decision {
	h.t.Helper()
	list, err := h.Decisions(h.t.Context(), DecisionQuery{Limit: 1})
	if err != nil || len(list) == 0 {
		h.t.Fatalf("no decision: %v", err)
	}
	return list[0]
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// busy lets so many floor tickets have been sold on each day so far.
func (h *house) busy(tickets int) {
	for day := range 10 {
		h.shop.sold = append(h.shop.sold, sale{h.floor(), dateIn(noon, time.UTC).AddDate(0, 0, -day-1), tickets})
	}
	h.shop.event.Categories[0].Free -= 10 * tickets
	h.shop.event.Categories[0].Sold += 10 * tickets
}

// shop is sales as far as pricing sees it.
type shop struct {
	event  listing.Event
	prices map[id.ID][]listing.Price
	sold   []sale
	begun  bool // the event has: it is not listed any more
}

type sale struct {
	category id.ID
	day      time.Time
	tickets  int
}

// set is what sales does with a PriceChanged.
func (s *shop) set(category id.ID, minor int64, at time.Time) {
	s.event.Category(category).PriceMinor = minor
	s.prices[category] = append(s.prices[category], listing.Price{At: at, Minor: minor})
}

func (s *shop) Listings(context.Context) ([]listing.Event, error) {
	if s.begun {
		return nil, nil
	}
	return []listing.Event{s.event}, nil
}

func (s *shop) Listing(_ context.Context, event id.ID) (listing.Event, error) {
	if event != s.event.ID {
		return listing.Event{}, fault.E("shop", fault.NotFound, "there is no such event", nil)
	}
	e := s.event
	e.Categories = slices.Clone(e.Categories)
	return e, nil
}

func (s *shop) EventNamed(_ context.Context, name string) (id.ID, error) {
	if name != s.event.ID.String() && name != "jazz-elsewhere" {
		return id.Nil, fault.E("shop", fault.NotFound, "there is no such event", nil)
	}
	return s.event.ID, nil
}

func (s *shop) EventOfCategory(_ context.Context, category id.ID) (id.ID, error) {
	if s.event.Category(category) == nil {
		return id.Nil, fault.E("shop", fault.NotFound, "there is no such category", nil)
	}
	return s.event.ID, nil
}

func (s *shop) PricesSince(_ context.Context, category id.ID, since time.Time) (out []listing.Price, err error) {
	for _, p := range s.prices[category] {
		if !p.At.After(since) {
			out = nil
		}
		out = append(out, p)
	}
	return out, nil
}

func (s *shop) SoldByDay(_ context.Context, _ id.ID, each func(category id.ID, day time.Time, sold, returned int, grossMinor int64) error) error {
	for _, x := range s.sold {
		if err := each(x.category, x.day, x.tickets, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// crier is the hub: it keeps what was told.
type crier struct{ told []map[string]any }

func (c *crier) Tell(_ context.Context, once id.ID, template, tags string, properties map[string]any, _ time.Time) error {
	properties["tags"], properties["once"], properties["template"] = tags, once, template
	c.told = append(c.told, properties)
	return nil
}

// audit is identity: it keeps what was noted.
type audit struct {
	mu    sync.Mutex
	lines []string
}

func (a *audit) Note(_ *db.Tx, actor, action, object string, _ map[string]any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, actor+" "+action+" "+object)
	return nil
}
