package sales

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/mail"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/sales/pay"
)

// postbox keeps letters, or refuses them.
type postbox struct {
	got  []mail.Letter
	fail error
}

func (p *postbox) Send(_ context.Context, l mail.Letter) error {
	if p.fail == nil {
		p.got = append(p.got, l)
	}
	return p.fail
}

// mails gives the house a post box.
func (h *house) mails() *postbox {
	p := &postbox{}
	h.cfg.Mail, h.cfg.Origin = p, "https://tickets.example.org"
	return p
}

// delivered runs the jobs that were enqueued for letters, and says what they return.
func (h *house) delivered() (last error) {
	h.t.Helper()
	for _, batch := range h.ids(`SELECT DISTINCT batch FROM sales.letter WHERE state = 'waiting'`) {
		if err := h.SendLetters(h.t.Context(), batch); err != nil {
			last = err
		}
	}
	return last
}

// tellPost hands facts to the listener.
func (h *house) tellPost(told ...interface{ FactType() string }) {
	h.t.Helper()
	var batch []stream.Fact
	for _, f := range told {
		data, err := json.Marshal(f)
		if err != nil {
			h.t.Fatal(err)
		}
		batch = append(batch, stream.Fact{Type: f.FactType(), Data: data})
	}
	h.in(func(tx *db.Tx) error { return h.postFacts(h.t.Context(), tx, batch) })
}

func ordersPlaced(orders ...Order) facts.OrdersPlaced {
	f := facts.OrdersPlaced{Event: orders[0].Event}
	for _, o := range orders {
		f.Orders = append(f.Orders, o.ID)
	}
	return f
}

func TestABatchOfOrdersIsConfirmedOnceByOneJob(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	box := h.mails()
	e, err := h.Event(t.Context(), o.Event)
	if err != nil {
		t.Fatal(err)
	}
	ben, silent := h.buyAs(e, "Ben", 1), h.buyAs(e, "Cleo", 1)
	h.exec(`UPDATE sales.orders SET buyer = '{"name": "Cleo"}' WHERE id = $1`, silent.ID)
	h.tellPost(ordersPlaced(o, ben, silent))
	if n := h.number(`SELECT count(DISTINCT batch) FROM sales.letter`); n != 1 {
		t.Errorf("%d jobs for one batch", n)
	}
	h.tellPost(ordersPlaced(o, ben))
	if err := h.delivered(); err != nil || len(box.got) != 2 {
		t.Fatalf("%d letters, %v", len(box.got), err)
	}
	if l := box.got[0]; l.To != "ana@example.org" && l.To != "ben@example.org" {
		t.Error(l.To)
	}
	for _, l := range box.got {
		if l.To == "ana@example.org" && (!strings.HasPrefix(l.Subject, "Ihre Tickets: ") || !strings.Contains(l.Text, "https://tickets.example.org/o/"+h.OrderToken(o.ID)+"\n")) {
			t.Errorf("%+v", l)
		}
	}
	if h.delivered() != nil || len(box.got) != 2 {
		t.Error("a letter went out twice")
	}
	h.cfg.Mail = nil
	h.tellPost(ordersPlaced(h.buyAs(e, "Dora", 1)))
	if n := h.number(`SELECT count(*) FROM sales.letter`); n != 2 {
		t.Error("letters wait although there is no mail server")
	}
}

func TestConfirmationSaysWhatIsPaidAtTheDoor(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	box := h.mails()
	e, two := stand(h, 10)
	o, _ := h.dueOrder(e, two)
	h.tellPost(ordersPlaced(o, h.buyAs(e, "Ben", 1)))
	if err := h.delivered(); err != nil || len(box.got) != 2 {
		t.Fatalf("%+v, %v", box.got, err)
	}
	for _, l := range box.got {
		if got := strings.Contains(l.Text, "You pay €52.00 at the door."); got != (l.To == "ana@example.org") {
			t.Errorf("to %s: %s", l.To, l.Text)
		}
	}
}

func TestLettersWaitForTheMailServerAndGiveUpWhatItRefuses(t *testing.T) {
	h, _, o := boughtTickets(t, 1)
	box := h.mails()
	h.tellPost(ordersPlaced(o))
	box.fail = fault.E("test", fault.Transient, "greylisted", nil)
	if err := h.delivered(); !fault.Is(err, fault.Transient) {
		t.Error("the job would not come again:", err)
	}
	box.fail = fault.E("test", fault.Invalid, "no such mailbox", nil)
	if err := h.delivered(); err != nil || h.number(`SELECT count(*) FROM sales.letter WHERE state = 'failed' AND error <> ''`) != 1 {
		t.Error(err)
	}
}

func TestAConfirmationIsSentAgainToItsBuyerAlone(t *testing.T) {
	h, site, o := boughtTickets(t, 1)
	there := "/o/" + h.OrderToken(o.ID)
	shows(t, visit(site, there, nil), 200, "keine E-Mail")
	shows(t, visit(site, there+"/resend", url.Values{}), 422, "es ist kein Mailserver eingerichtet")
	box := h.mails()
	h.tellPost(ordersPlaced(o))
	shows(t, visit(site, there, nil), 200, "ana@example.org", "Noch einmal senden")
	shows(t, visit(site, there+"/resend", url.Values{"email": {"eve@example.org"}}), 422, "es wurde gerade erst verschickt")
	h.exec(`UPDATE sales.letter SET made_at = made_at - interval '2 minutes'`)
	if rec := visit(site, there+"/resend", url.Values{"email": {"eve@example.org"}}); rec.Code != http.StatusSeeOther {
		t.Fatal(rec.Code, rec.Body)
	}
	shows(t, visit(site, there+"?resent=yes", nil), 200, "noch einmal gesendet")
	api := newSite(t, h.paymentRoutes(), nil)
	shows(t, post(api, "/v1/orders/"+o.ID.String()+"/confirmation", nil), http.StatusTooManyRequests)
	h.exec(`UPDATE sales.letter SET made_at = made_at - interval '2 minutes'`)
	shows(t, post(api, "/v1/orders/"+o.ID.String()+"/confirmation", nil), http.StatusAccepted)
	shows(t, post(api, "/v1/orders/"+id.New().String()+"/confirmation", nil), http.StatusNotFound)
	if err := h.delivered(); err != nil || len(box.got) != 3 {
		t.Fatal(len(box.got), err)
	}
	for _, l := range box.got {
		if l.To != "ana@example.org" {
			t.Error("a letter went to", l.To)
		}
	}
}

func TestHandingOnTransfersAndRefundsAreWrittenOf(t *testing.T) {
	h, site, o := boughtTickets(t, 2)
	box := h.mails()
	if rec := visit(site, "/o/"+h.OrderToken(o.ID)+"/tickets/1/transfer", url.Values{"version": {"1"}, "name": {"Ben"}, "email": {"ben@example.org"}}); rec.Code != 303 {
		t.Fatal(rec.Code, rec.Body)
	}
	ticket := h.ticket(o.ID, 1)
	if err := h.delivered(); err != nil || len(box.got) != 1 || box.got[0].To != "ben@example.org" || !strings.Contains(box.got[0].Text, "/t/"+h.HolderToken(&ticket)) || !strings.Contains(box.got[0].Text, "Ana hat ein Ticket an Sie weitergegeben") {
		t.Fatalf("%+v, %v", box.got, err)
	}
	if _, err := h.handTo(o, 1, 2, "Cleo"); err != nil { // by Ben, as it may be
		t.Fatal(err)
	}
	ticket = h.ticket(o.ID, 1)
	if w, _, err := h.write(t.Context(), &letter{Event: o.Event, Kind: letterTransfer, Subject: o.ID, N: 1, Version: ticket.Version}); err != nil || !strings.Contains(w.text(), "Jemand hat ein Ticket") {
		t.Errorf("%+v, %v", w, err)
	}
	h.takesMoney()
	e, two := stand(h, 2)
	p, err := h.checkout(h.cart(e, two), pay.Transfer)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.delivered(); err != nil || len(box.got) != 2 || !strings.Contains(box.got[1].Text, pay.Reference(p.Payment.ID)) || !strings.Contains(box.got[1].Text, "DE02 1203") || !strings.Contains(box.got[1].Text, "€52.00") {
		t.Fatalf("%+v, %v", box.got, err)
	}
	h.in(func(tx *db.Tx) error {
		r, err := h.RefundOrder(tx, o.ID, Refunding{Tickets: []int{2}, Actor: "ana"})
		if err == nil {
			err = h.postFacts(t.Context(), tx, []stream.Fact{{Type: "sales.ticket_refunded", Data: json.RawMessage(`{"event": "` + o.Event.String() + `", "order": "` + o.ID.String() + `", "refund": "` + r.ID.String() + `"}`)}})
		}
		return err
	})
	if err := h.delivered(); err != nil || len(box.got) != 3 || box.got[2].To != "ana@example.org" || !strings.Contains(box.got[2].Text, "1 Ticket zurückgegeben") {
		t.Fatalf("%+v, %v", box.got, err)
	}
}

func TestWhoPaidForNothingIsWrittenTo(t *testing.T) {
	for locale, says := range map[string][]string{
		"en": {"Your payment goes back: ", "Hello Ana,", "Your payment came after the tickets had gone to somebody else.", "€52.00 goes back the way it came"},
		"de": {"Ihre Zahlung geht zurück: ", "Guten Tag Ana,", "Ihre Zahlung kam, nachdem die Tickets an jemand anderen gegangen waren.", "52,00 € gehen denselben Weg zurück"},
	} {
		t.Run(locale, func(t *testing.T) {
			h := newHouse(t)
			h.takesMoney()
			box := h.mails()
			e, two := stand(h, 2)
			q := h.cart(e, two)
			buyer := json.RawMessage(`{"name": "Ana", "email": "ana@example.org", "locale": "` + locale + `"}`)
			out, err := h.Checkout(t.Context(), Checkout{Cart: q.Cart, Quote: h.quotes.sign(q), Method: pay.Stripe, Buyer: buyer, Origin: "https://usher.example"})
			if err != nil {
				t.Fatal(err)
			}
			h.lateCart(q)
			if _, err := h.buy(e, nil, two); err != nil {
				t.Fatal(err)
			}
			h.heard(told(*out.Payment))
			h.settleAll()
			h.settleAll()
			if err := h.delivered(); err != nil || len(box.got) != 1 || box.got[0].To != "ana@example.org" {
				t.Fatalf("%+v, %v", box.got, err)
			}
			letter := "\n" + box.got[0].Subject + "\n" + box.got[0].Text
			for _, said := range append(says, "https://tickets.example.org/pay/"+h.PaymentToken(out.Payment.ID)+"\n") {
				if !strings.Contains(letter, said) {
					t.Errorf("it does not say %q:%s", said, letter)
				}
			}
		})
	}
}

func TestWhoWaitsIsWrittenToWhenTicketsAreKept(t *testing.T) {
	h, e, c, carts := soldOutConcert(t)
	box := h.mails()
	h.wait(c, "cleo@example.org", 1)
	if err := h.Release(t.Context(), carts[0].ID, carts[0].Lines); err != nil {
		t.Fatal(err)
	}
	h.serve()
	if err := h.delivered(); err != nil || len(box.got) != 1 || box.got[0].To != "cleo@example.org" || !strings.Contains(box.got[0].Text, "/shop/offers/"+h.OfferToken(h.line(e.ID)[0].ID)) {
		t.Fatalf("%+v, %v", box.got, err)
	}
}

// Every phrase and subject in each language, as text and as HTML.
func TestGoldenLetters(t *testing.T) {
	e := Event{ID: goldenID, Slug: "jazz", Names: map[string]Text{"en": {Title: "Jazz <night>"}, "de": {Title: "Jazznacht"}}, Locales: []string{"en", "de"}, Venue: "Hall", Zone: "Europe/Berlin", StartsAt: goldenStart, Sandbox: true}
	for _, lang := range []string{"en", "de"} {
		var subjects []string
		var w written
		var words letterWords
		for _, kind := range []string{letterTransfer, letterOffer, letterRefund, subjectReturn, letterBank, letterOrder} {
			w = written{}
			words = w.begin(&e, lang, kind, "Ana & Co")
			subjects = append(subjects, "Subject: "+w.Subject)
		}
		for _, text := range []string{words.bought, words.somebody + " " + words.handed, words.kept, words.given, words.comes, words.pay, words.until, words.reference, words.secret, plural(words.tickets, 1), plural(words.tickets, 2)} {
			w.say(text)
		}
		for _, text := range []string{words.toTickets, words.toTicket, words.toOffer, words.toOrder, words.toPayment} {
			w.link(text, "https://tickets.example.org/x?a=b&c=d")
		}
		webtest.Same(t, filepath.Join("testdata", "letters", lang+".txt"), []byte(strings.Join(subjects, "\n")+"\n\n"+w.text()))
		webtest.Same(t, filepath.Join("testdata", "letters", lang+".html"), []byte(w.html()))
	}
}
