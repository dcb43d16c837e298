package sales

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/sales/pay"
)

var byTransfer = url.Values{"name": {"Ana Ω"}, "email": {"ana@example.org"}, "method": {"transfer"}}

// Who promised a transfer and thinks better of it gives the tickets back himself, also days later.
func TestAPromisedTransferIsGivenBack(t *testing.T) {
	at := clock.At(time.Now())
	h := houseOn(t, dbtest.New(t, dbtest.WithClock(at)))
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 2)
	page, there := g.goes(g.ask(cart+"/checkout", byTransfer))
	shows(t, page, 200, "Please send €103.00", "Give the tickets back", "wait for your tickets instead")
	at.Advance(h.cfg.Hold + time.Hour)
	shows(t, g.ask(there, nil), 200, "Please send €103.00", "Give them back for good")
	for range 2 { // the button is pressed twice
		page, _ = g.goes(g.ask(there+"/release", url.Values{}))
		if shows(t, page, 200, "You gave the tickets back", "send no money any more", "/shop/events/jazz-night"); strings.Contains(page.Body.String(), "/release") {
			t.Error("it can be given back again")
		}
	}
	if n := h.number(`SELECT count(*) FROM sales.hold`); n != 0 {
		t.Error("the tickets are still kept")
	}
	if n := h.number(`SELECT held FROM sales.stock WHERE id = $1`, e.Categories[0].ID); n != 0 {
		t.Errorf("%d are not on sale", n)
	}
	h.audit()
}

// A payment whose tickets were given back in the cart asks for money no more.
func TestGivingACartBackEndsItsPayments(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	for _, then := range []string{"leave", "change"} {
		for _, method := range []string{"transfer", "stripe"} {
			_, cart := g.holds(e, 0, 1)
			_, there := g.goes(g.ask(cart+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {method}}))
			there, _, _ = strings.Cut(there, "?")
			g.goes(g.ask(cart+"/release", url.Values{"then": {then}}))
			shows(t, g.ask(there, nil), 200, "You gave the tickets back")
		}
	}
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1`, jobClose); n != 4 {
		t.Errorf("%d payments are to be closed", n)
	}
	for _, p := range h.ids(`SELECT id FROM sales.payment WHERE method = 'stripe'`) {
		if err := h.ClosePayment(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	if len(bank.closed) != 2 {
		t.Errorf("the provider takes no money any more for %v", bank.closed)
	}
	h.audit()
}

// Money that has come is not given back by the way: its tickets are on their way.
func TestWhatIsPaidIsNotGivenBack(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 1)
	_, there := g.goes(g.ask(cart+"/checkout", url.Values{"name": {"Ana"}, "email": {"ana@example.org"}, "method": {"stripe"}}))
	there, _, _ = strings.Cut(there, "?")
	var p Payment
	p.ID = h.ids(`SELECT id FROM sales.payment`)[0]
	p = h.payment(p)
	q, err := h.quotes.open(p.Quote)
	if err != nil {
		t.Fatal(err)
	}
	h.heard(told(p))
	if err := h.GiveBack(t.Context(), q.Cart, q.Lines); err == nil {
		t.Error("it was given back")
	}
	page, _ := g.goes(g.ask(there+"/release", url.Values{}))
	shows(t, page, 200, "Your payment has come")
	h.settleAll()
	shows(t, g.ask(there, nil), 200, "Thank you, it is paid")
	h.audit()
}

// Who comes back to pay in another way need not type again who he is, and is told how he stands.
func TestAnotherWayToPayKeepsWhatWasSaid(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 1)
	_, there := g.goes(g.ask(cart+"/checkout", byTransfer))
	shows(t, g.ask(cart, nil), 200, "You have begun to pay", `value="Ana Ω"`, `value="ana@example.org"`, `value="transfer" required checked`, there)
	shows(t, g.ask(cart+"?lang=de", nil), 200, "Sie haben schon begonnen zu zahlen", "Zurück zur Zahlung")
}

// A transfer takes days: when they are no more, nobody is led to choose it, and where there
// is no other way nothing is held that cannot be paid.
func TestATransferThatIsTooLateIsNotOffered(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h, func(e *Event) { e.StartsAt, e.DoorsAt, e.EndsAt = h.db.Now().Add(30*time.Hour), nil, nil })
	g := newGuest(t, shopSite(h))
	page, _ := g.holds(e, 0, 1)
	if shows(t, page, 200, `value="door"`); strings.Contains(page.Body.String(), `value="transfer"`) {
		t.Error("a transfer is offered")
	}
	h.pays = pay.New(pay.Config{Transfer: h.cfg.Payment.Transfer})
	h.shelves.forget(e.ID)
	there := "/shop/events/" + e.Slug
	looked := g.ask(there, nil)
	shows(t, looked, 200, "It is too late to pay for this event by bank transfer", "Not to be bought at this moment", "qty_"+e.Categories[2].ID.String())
	form := g.form(looked.Body.String(), url.Values{"qty_" + e.Categories[0].ID.String(): {"1"}})
	shows(t, g.ask(there+"/cart", form), http.StatusConflict, "These tickets cannot be paid", "It is too late")
}

// A cart is sold at the door, given back in another tab and paid in another way all at once: an
// order that comes of it is still to be paid at the door.
func TestWhatIsSoldAtTheDoorIsDueWhateverElseHappened(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	for _, reason := range []string{reasonGivenBack, reasonReplaced} {
		q := h.cart(e, Wanted{Category: e.Categories[0].ID, Qty: 1})
		p, err := h.openPayment(t.Context(), Checkout{Cart: q.Cart, Quote: h.quotes.sign(q), Method: pay.Door, Buyer: ana}, q, &e, Buyer{Locale: "en"})
		if err != nil {
			t.Fatal(err)
		}
		h.exec(`UPDATE sales.payment SET state = 'expired', reason = $2 WHERE id = $1`, p.ID, reason)
		out, err := h.placeDue(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if now := h.payment(p); now.State != PaymentDue || now.Order == nil || *now.Order != out.Order.ID {
			t.Errorf("%s: an order that nobody pays: %+v", reason, now)
		}
		if err := h.GiveBack(t.Context(), q.Cart, q.Lines); err == nil {
			t.Error("an order was given back as a cart")
		}
	}
	h.audit()
}
