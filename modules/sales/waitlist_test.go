package sales

import (
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

// wait joins the line and fails the test when that is refused.
func (h *house) wait(c Category, email string, qty int) (ahead int) {
	h.t.Helper()
	h.in(func(tx *db.Tx) (err error) {
		ahead, err = h.JoinWaitlist(tx, Waiting{Event: c.Event, Category: c.ID, Qty: qty, Email: email}, nil)
		return err
	})
	return ahead
}

// line is who waits, as "email state offered".
func (h *house) line(event id.ID) (out []Waiting) {
	h.t.Helper()
	out, err := h.Waitlist(h.t.Context(), event, true, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// serve lets the waiting lists have their turn, twice: the second must change nothing.
func (h *house) serve() {
	h.t.Helper()
	for range 2 {
		if err := h.ServeWaitlists(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) states(event id.ID, want ...string) {
	h.t.Helper()
	var got []string
	for _, w := range h.line(event) {
		got = append(got, w.State)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		h.t.Errorf("the line is %v, want %v", got, want)
	}
}

// soldOutConcert has one category of two tickets, which two carts hold.
func soldOutConcert(t *testing.T) (*house, Event, Category, [2]Cart) {
	t.Helper()
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 2, MaxPerOrder: 4})
	var carts [2]Cart
	for i := range carts {
		lines, err := h.price(t.Context(), e.ID, []Wanted{{Category: e.Categories[0].ID, Qty: 1}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if carts[i], _, err = h.Hold(t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: "EUR"}); err != nil {
			t.Fatal(err)
		}
	}
	return h, e, e.Categories[0], carts
}

func TestAReturnedTicketIsOfferedInTheOrderOfTheLine(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	for i, email := range []string{"ana@example.org", "ben@example.org", "cleo@example.org"} {
		if ahead := h.wait(c, email, 1); ahead != i {
			t.Errorf("%s has %d ahead", email, ahead)
		}
	}
	h.wait(c, "BEN@example.org", 2) // again: he stays where he is
	h.serve()
	h.states(e.ID, waitWaiting, waitWaiting, waitWaiting)
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	h.serve()
	h.states(e.ID, waitOffered, waitWaiting, waitWaiting)

	// Ana lets it pass: it goes on to Ben, who buys; Cleo waits on.
	h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE cart = $1`, h.line(e.ID)[0].ID)
	if _, err := h.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.serve()
	h.states(e.ID, waitExpired, waitOffered, waitWaiting)
	ben := h.line(e.ID)[1]
	o, err := h.OfferOf(t.Context(), h.OfferToken(ben.ID))
	if err != nil || o.Cart.ID != ben.ID || len(o.Cart.Lines) != 1 || o.Cart.Left < 23*time.Hour {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, _, err := h.Confirm(t.Context(), o.Cart.ID, Purchase{Event: e.ID, Lines: o.Cart.Lines, Currency: "EUR"}); err != nil {
		t.Fatal(err)
	}
	h.serve()
	h.states(e.ID, waitExpired, waitBought, waitWaiting)
	if ahead := h.wait(c, "ana@example.org", 1); ahead != 1 {
		t.Errorf("Ana is back with %d ahead", ahead)
	}
	h.auditCatalogue()
}

// Whoever asks with an address is told the same, whether it waits or not; who signed in
// with it is told his own place.
func TestTheWaitingListDoesNotTellWhoWaits(t *testing.T) {
	h, e, c, _ := soldOutConcert(t)
	ben, other := id.New(), id.New()
	join := func(email string, person *id.ID) (ahead int, err error) {
		err = h.db.InTx(t.Context(), func(tx *db.Tx) error {
			if ahead, err = h.JoinWaitlist(tx, Waiting{Event: e.ID, Category: c.ID, Qty: 1, Email: email, Person: person}, nil); err != nil {
				return err
			}
			if email != "ana@example.org" && email != "ben@example.org" {
				return fault.E("test", fault.Conflict, "only asked", nil)
			}
			return nil
		})
		if fault.Is(err, fault.Conflict) {
			err = nil
		}
		return ahead, err
	}
	h.wait(c, "first@example.org", 1)
	for _, one := range []struct {
		email  string
		person *id.ID
		ahead  int
	}{
		{"ana@example.org", nil, 1}, {"ben@example.org", &ben, 2}, // they join
		{"ana@example.org", nil, 3}, {"ben@example.org", nil, 3}, {"ben@example.org", &other, 3}, {"nobody@example.org", nil, 3}, {"nobody@example.org", &other, 3},
		{"ben@example.org", &ben, 2},
	} {
		if ahead, err := join(one.email, one.person); err != nil || ahead != one.ahead {
			t.Errorf("%s, signed in %v: %d ahead, %v; want %d", one.email, one.person != nil, ahead, err, one.ahead)
		}
	}
	h.exec(`UPDATE sales.waitlist SET state = 'offered' WHERE email = 'first@example.org'`)
	if ahead := h.wait(c, "first@example.org", 1); ahead != 2 {
		t.Errorf("an offer is told by %d ahead", ahead)
	}
}

func TestWhoWantsMoreThanIsFreeIsOfferedWhatIsFree(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	h.wait(c, "ana@example.org", 4)
	if err := h.Release(t.Context(), carts[1].ID, carts[1].Lines); err != nil {
		t.Fatal(err)
	}
	h.serve()
	if w := h.line(e.ID)[0]; w.State != waitOffered || w.OfferedQty != 1 {
		t.Errorf("%+v", w)
	}
}

func TestAnOfferCutShortIsToldByTheNextRun(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	h.wait(c, "ana@example.org", 1)
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	// The process ends between the hold and its note.
	if held, err := h.holdOffer(t.Context(), e.ID, h.line(e.ID)[0]); err != nil || !held {
		t.Fatal(held, err)
	}
	h.states(e.ID, waitWaiting)
	h.serve()
	h.states(e.ID, waitOffered)
	if n := h.number(`SELECT held FROM sales.stock WHERE id = $1`, c.ID); n != 2 {
		t.Errorf("%d held, want 2", n)
	}
}

func TestRunsAtOnceOfferOnce(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	for i := range 5 {
		h.wait(c, string(rune('a'+i))+"@example.org", 1)
	}
	for _, cart := range carts {
		if err := h.Release(t.Context(), cart.ID, cart.Lines); err != nil {
			t.Fatal(err)
		}
	}
	crowd(6, func(int) {
		if err := h.ServeWaitlists(t.Context()); err != nil {
			t.Error(err)
		}
	})
	h.states(e.ID, waitOffered, waitOffered, waitWaiting, waitWaiting, waitWaiting)
	h.auditCatalogue()
}

func TestWhatComesBackIsTheWaitingFirst(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	e.WaitingFirst = true
	if _, err := h.ChangeEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	h.wait(c, "ana@example.org", 1)
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	h.shelves.forget(e.ID)
	if _, err := h.buy(e, nil, Wanted{Category: c.ID, Qty: 1}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "theirs first") {
		t.Errorf("somebody overtook the line: %v", err)
	}
	h.serve()
	if err := h.Release(t.Context(), carts[1].ID, carts[1].Lines); err != nil {
		t.Fatal(err)
	}
	h.shelves.forget(e.ID)
	if _, err := h.buy(e, nil, Wanted{Category: c.ID, Qty: 1}); err != nil {
		t.Errorf("nobody waits any more, and yet: %v", err)
	}
}

func TestLeavingTheLineGivesBackWhatWasHeld(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	h.wait(c, "ana@example.org", 1)
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	h.serve()
	ana := h.line(e.ID)[0]
	if err := h.LeaveWaitlist(t.Context(), h.OfferToken(ana.ID)); err != nil {
		t.Fatal(err)
	}
	h.states(e.ID, waitLeft)
	if n := h.number(`SELECT held FROM sales.stock WHERE id = $1`, c.ID); n != 1 {
		t.Errorf("%d held, want 1", n)
	}
	if _, err := h.OfferOf(t.Context(), h.OfferToken(ana.ID)); !fault.Is(err, fault.Conflict) {
		t.Errorf("the offer goes on: %v", err)
	}
	forged := h.OfferToken(id.New())[:20] + h.OfferToken(ana.ID)[20:]
	if _, err := h.OfferOf(t.Context(), forged); !fault.Is(err, fault.Invalid) {
		t.Errorf("a forged link: %v", err)
	}
}

func TestJoiningIsRefusedWithReasons(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 1000, Capacity: 2}, Category{Capacity: 0, Hidden: true})
	h.code(Code{Code: "fans", Opens: true})
	open, hidden := e.Categories[0], e.Categories[1]
	join := func(w Waiting, codes ...string) error {
		return h.db.InTx(t.Context(), func(tx *db.Tx) error { _, err := h.JoinWaitlist(tx, w, codes); return err })
	}
	ask := func(c Category, email string, qty int) Waiting {
		return Waiting{Event: e.ID, Category: c.ID, Email: email, Qty: qty}
	}
	for name, tc := range map[string]struct {
		err  error
		code fault.Code
	}{
		"tickets are there": {join(ask(open, "a@example.org", 1)), fault.Conflict},
		"no address":        {join(ask(open, "Ana <a@example.org>", 3)), fault.Invalid},
		"too many":          {join(ask(open, "a@example.org", 11)), fault.Invalid},
		"hidden":            {join(ask(hidden, "a@example.org", 1)), fault.NotFound},
		"hidden, opened":    {join(ask(hidden, "a@example.org", 1), "Fans"), ""},
		"nowhere":           {join(ask(Category{ID: id.New()}, "a@example.org", 1)), fault.NotFound},
	} {
		if fault.CodeOf(tc.err) != tc.code {
			t.Errorf("%s: %v", name, tc.err)
		}
	}
}
