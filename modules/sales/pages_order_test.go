package sales

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/sales/pay"
)

// refs are the orders of a page, the way they stand there.
func refs(found []OrderRow) string {
	var out []string
	for i := range found {
		out = append(out, buyerOf(found[i].Buyer).Name)
	}
	return strings.Join(out, " ")
}

func TestOrdersAreSearchedFilteredAndPaged(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 50)
	due, _ := h.dueOrder(e, two)
	_, paid := h.paidOrder(e, two)
	h.buyAs(e, "Cleo", 1)
	ben := h.buyAs(e, "Ben%_", 2)
	other := h.concert(Category{PriceMinor: 100, Capacity: 5})
	h.buyAs(other, "Elsewhere", 1)
	if _, err := h.refund(paid, Refunding{Tickets: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.refund(ben.ID, Refunding{}); err != nil {
		t.Fatal(err)
	}
	for q, want := range map[OrderQuery]string{
		{}:                            "Ben%_ Cleo Ana Ana",
		{Search: " CLEO "}:            "Cleo",
		{Search: "%"}:                 "Ben%_",
		{Search: "ana@example"}:       "Ana Ana",
		{Search: orderRef(due.ID)}:    "Ana",
		{Which: "due"}:                "Ana",
		{Which: "paid"}:               "",
		{Which: "refunded"}:           "Ben%_ Ana",
		{Which: "none"}:               "Ben%_ Cleo",
		{Which: "attention"}:          "",
		{Which: "none", Search: "an"}: "",
	} {
		q.Limit = 50
		found, next, err := h.Orders(t.Context(), e.ID, q)
		if err != nil || next != id.Nil || refs(found) != want {
			t.Errorf("%+v: %s, %v, %v; want %s", q, refs(found), next, err, want)
		}
	}
	var all []string
	for q := (OrderQuery{Limit: 1}); ; {
		found, next, err := h.Orders(t.Context(), e.ID, q)
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		if all = append(all, refs(found)); next == id.Nil {
			break
		}
		q.Before = next
	}
	if got := strings.Join(all, " "); got != "Ben%_ Cleo Ana Ana" {
		t.Errorf("page by page: %s", got)
	}
	site := newSite(t, nil, h.orderPages())
	there := "/events/" + e.ID.String() + "/orders"
	shows(t, visit(site, there, nil), 200, "Cleo", "cancelled", "to pay at the door", "refunded in part", "52.00 EUR")
	shows(t, visit(site, there+"?q=nobody", nil), 200, "There is no order like that.")
	shows(t, visit(site, there+"?which=x", nil), 400, "choose one of the list")
	shows(t, visit(site, there+"?before=x", nil), 400)
	shows(t, visit(site, there+"?q="+strings.Repeat("x", 300), nil), 400, "too long")
}

// hiddenInputs are what a form of a page sends.
func hiddenInputs(page, action string) url.Values {
	_, form, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	v := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		v.Add(m[1], m[2])
	}
	return v
}

func TestAnOrderIsRefundedFromItsPageWithoutJavaScript(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e := h.draft(func(*Event) {})
	k := h.add(e, Category{PriceMinor: 1000, FeeMinor: 100, Capacity: 20})
	e = h.publish(e)
	_, order := h.paidOrder(e, Wanted{Category: k.ID, Qty: 3})
	site := newSite(t, nil, h.orderPages())
	there := "/events/" + e.ID.String() + "/orders/" + order.String()
	shows(t, visit(site, there, nil), 200, "Ana", "ana@example.org", "Ticket 3", "33.00 EUR", "Stripe", "paid", "Refund tickets", "/invoices/")
	page := visit(site, there+"?ticket=1&ticket=3&keep_fees=yes", nil)
	shows(t, page, 200, "Refund 20.00 EUR?", "go back on sale: 1, 3.", "Stripe sends it back", "Fees are kept.")
	shows(t, visit(site, there+"?ticket=77", nil), 200, "Refund tickets")
	form := hiddenInputs(page.Body.String(), there+"/refund")
	form.Set("reason", "ill")
	if got := form.Get("amount_minor"); got != "2000" {
		t.Fatal(form)
	}
	other := url.Values{"key": form["key"], "ticket": form["ticket"], "amount_minor": {"1999"}}
	shows(t, visit(site, there+"/refund", other), 422, "now 22.00 EUR would go back", "Refund 22.00 EUR?")
	shows(t, visit(site, there+"/refund", url.Values{"key": form["key"], "amount_minor": {"2000"}}), 422, "no ticket was chosen")
	for range 2 { // the second time finds what the first did
		rec := visit(site, there+"/refund", form)
		if got := rec.Header().Get("Location"); rec.Code != 303 || got != there+"?done=refunded" {
			t.Fatal(rec.Code, got, rec.Body)
		}
		slices.Reverse(form["ticket"])
	}
	h.settleAll()
	if got := bank.refunded(); got != 2000 {
		t.Errorf("%d were sent back", got)
	}
	shows(t, visit(site, there+"?done=refunded", nil), 200, "The tickets are void", "ill", "sent back", "refunded in part", "20.00 EUR")
	page = visit(site, there+"?ticket=2", nil)
	again := hiddenInputs(page.Body.String(), there+"/refund")
	again["ticket"] = []string{"1"}
	shows(t, visit(site, there+"/refund", again), 422, "ticket 1 is void already")
	shows(t, visit(site, "/events/"+h.concert(Category{Capacity: 1}).ID.String()+"/orders/"+order.String(), nil), 404)
	h.auditCatalogue()
}

func TestMoneyThatAPersonMustSendIsFoundAndRecorded(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 50)
	_, order := h.paidOrder(e, two)
	bank.refuses = true
	if _, err := h.refund(order, Refunding{Reason: "ill", Actor: "ana"}); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	site := newSite(t, nil, append(h.orderPages(), h.eventPages()...))
	event := "/events/" + e.ID.String()
	shows(t, visit(site, event, nil), 200, "Money waits for you", "orders?which=attention")
	shows(t, visit(site, event+"/orders?which=attention", nil), 200, "money to send")
	there := event + "/orders/" + order.String()
	shows(t, visit(site, there, nil), 200, "failed", "the card is closed", "Try again")
	refund := event + "/refunds/" + h.ids(`SELECT id FROM sales.refund`)[0].String()
	other := "/events/" + h.concert(Category{Capacity: 1}).ID.String()
	shows(t, visit(site, other+"/refunds/"+h.ids(`SELECT id FROM sales.refund`)[0].String()+"/retry", url.Values{}), 404)
	if rec := visit(site, refund+"/retry", url.Values{}); rec.Header().Get("Location") != there+"?done=retried" {
		t.Error(rec.Code, rec.Body)
	}
	shows(t, visit(site, refund+"/by-hand", url.Values{}), 422, "the refund is waiting")
	h.settleAll()
	if rec := visit(site, refund+"/by-hand", url.Values{}); rec.Header().Get("Location") != there+"?done=by-hand" {
		t.Error(rec.Code, rec.Body)
	}
	if page := visit(site, event, nil).Body.String(); strings.Contains(page, "Money waits") {
		t.Error("money waits that was sent")
	}
	h.auditMoney()
}

func TestATransferIsRecordedAndWhatIsNotWelcomeReturned(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 50)
	out, err := h.checkout(h.cart(e, two), pay.Transfer)
	if err != nil {
		t.Fatal(err)
	}
	wrong := h.begun(h.cart(e, two))
	n := told(wrong)
	n.amount = 17
	h.heard(n)
	site := newSite(t, nil, append(h.orderPages(), h.eventPages()...))
	event := "/events/" + e.ID.String()
	shows(t, visit(site, event+"/payments", nil), 200, "transfer awaited", out.Payment.Session, "not what was asked for", "0.17 EUR came in", "Return 0.17 EUR", "Record 52.00 EUR")
	shows(t, visit(site, event+"/payments?which=awaited&q="+out.Payment.Session, nil), 200, "transfer awaited")
	shows(t, visit(site, event+"/payments?which=unpaid", nil), 200, "There is no payment like that.")
	shows(t, visit(site, event, nil), 200, "Payments that bought nothing")
	there := event + "/payments/" + out.Payment.ID.String() + "/received"
	shows(t, visit(site, there, url.Values{"amount_minor": {"17"}}), 422, "is not what the order costs")
	shows(t, visit(site, there, url.Values{"amount_minor": {"x"}}), 400)
	if rec := visit(site, there, url.Values{"amount_minor": {strconv.FormatInt(out.Payment.AmountMinor, 10)}}); rec.Header().Get("Location") != event+"/payments?done=received" {
		t.Fatal(rec.Code, rec.Body)
	}
	other := "/events/" + h.concert(Category{Capacity: 1}).ID.String()
	shows(t, visit(site, other+"/payments/"+wrong.ID.String()+"/return", url.Values{}), 404)
	if rec := visit(site, event+"/payments/"+wrong.ID.String()+"/return", url.Values{}); rec.Header().Get("Location") != event+"/payments?done=returned" {
		t.Fatal(rec.Code, rec.Body)
	}
	h.settleAll()
	h.becomes(*out.Payment, PaymentSettled, "")
	shows(t, visit(site, event+"/payments?which=returned", nil), 200, "returned", "sent back")
	order := *h.payment(*out.Payment).Order
	page := visit(site, event+"/orders/"+order.String()+"?ticket=1", nil)
	shows(t, page, 200, "Bank transfer", "You send it yourself", "Refund 26.00 EUR?")
	form := hiddenInputs(page.Body.String(), event+"/orders/"+order.String()+"/refund")
	if rec := visit(site, event+"/orders/"+order.String()+"/refund", form); rec.Code != 303 {
		t.Fatal(rec.Code, rec.Body)
	}
	h.settleAll()
	shows(t, visit(site, event+"/orders/"+order.String(), nil), 200, "you send it", "I have sent it", "Record 26.00 EUR as sent")
	h.auditMoney()
}

// Of an order that is paid at the door nothing goes back; what is due becomes less.
func TestTicketsDueAtTheDoorAreVoidedFromTheirPage(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 50)
	o, p := h.dueOrder(e, two)
	site := newSite(t, nil, h.orderPages())
	there := "/events/" + e.ID.String() + "/orders/" + o.ID.String()
	page := visit(site, there+"?ticket=2", nil)
	shows(t, page, 200, "No money goes back.", "Void the tickets?")
	if rec := visit(site, there+"/refund", hiddenInputs(page.Body.String(), there+"/refund")); rec.Code != 303 {
		t.Fatal(rec.Code, rec.Body)
	}
	if now := h.payment(p); now.State != PaymentDue || now.AmountMinor != 2600 {
		t.Errorf("%+v", now)
	}
	shows(t, visit(site, there, nil), 200, "to pay at the door", "Record 26.00 EUR", "nothing to send")
	if rec := visit(site, "/events/"+e.ID.String()+"/payments/"+p.ID.String()+"/received", url.Values{"amount_minor": {"2600"}}); rec.Header().Get("Location") != there+"?done=received" {
		t.Error(rec.Code, rec.Body)
	}
	h.auditMoney()
}

func TestGoldenOrderPages(t *testing.T) {
	e := Event{ID: goldenID, Slug: "jazz", Names: map[string]Text{"en": {Title: "Jazz <night>"}}, Locales: []string{"en"}, Zone: "Europe/Berlin", StartsAt: goldenStart, State: EventPublished}
	head := eventHead{ID: e.ID, Title: e.Title(), State: "published", Tab: "orders", When: e.on(&e.StartsAt), Zone: e.Zone}
	at, of := e.on(&goldenStart), id.ID{15: 9}
	row := OrderRow{Order: Order{ID: of, Qty: 2, TotalMinor: 5200, Currency: "EUR", Buyer: []byte(`{"name": "Ana <b>", "email": "ana@example.org"}`), CreatedAt: goldenStart}, Void: 1, Attention: true, Reversed: true,
		Payment: Payment{Method: pay.Stripe, State: PaymentSettled}}
	q := OrderQuery{Search: "a", Which: "paid", Before: id.ID{15: 8}}
	list := ordersPage{Head: head, Asked: q.shown(goldenID, "orders", of, option{"", "All"}, option{"paid", "Paid"}), Orders: []orderLine{row.line(&e), {Ref: "00000008", Total: "0.00 EUR", At: at}}}
	due := Payment{ID: id.ID{15: 5}, Event: goldenID, Method: pay.Transfer, State: PaymentPending, AmountMinor: 5200, Currency: "EUR", Session: "RF18", CreatedAt: goldenStart, Buyer: ana}
	odd := Payment{ID: id.ID{15: 6}, Event: goldenID, Method: pay.Stripe, State: PaymentFlagged, Reason: "wrong: 0.17 EUR instead of 52.00 EUR", AmountMinor: 5200, PaidMinor: 17, Currency: "EUR", CreatedAt: goldenStart}
	failed := Refund{ID: id.ID{15: 7}, Event: goldenID, Order: &of, Payment: &odd.ID, Tickets: []int{1, 3}, AmountMinor: 17, Currency: "EUR", Reason: "ill", Actor: "person:1", State: RefundFailed, Error: "the card is closed", CreatedAt: goldenStart}
	by := goldenStart
	dispute := Reversal{ID: id.ID{15: 4}, Payment: odd.ID, Event: goldenID, Kind: pay.Dispute, State: pay.ReversalOpen, AmountMinor: 17, Currency: "EUR", Reason: "fraudulent", AnswerBy: &by}
	there := Reversal{Event: goldenID, Kind: pay.Elsewhere, State: pay.ReversalLost, AmountMinor: 17, Currency: "EUR", SeenAt: &by}
	taken := odd.view(&e, dispute, there)
	loose := paymentsPage{Head: head, Asked: q.shown(goldenID, "payments", id.Nil), Payments: []paymentView{due.view(&e), taken}, Refunds: map[id.ID][]refundView{odd.ID: {failed.view(&e)}}, Done: doneWords["received"], Admin: true}
	one := orderPage{Head: head, ID: of, Ref: "00000009", Buyer: Buyer{Name: "Ana <b>", Email: "ana@example.org"}, Language: "de", At: at, Total: "52.00 EUR", Marks: row.marks(), Valid: 1,
		Tickets:  []orderTicket{{Ticket: Ticket{N: 1, Seat: "C12"}, Title: "Floor", Price: "26.00 EUR", Name: "Ben", In: at, Admitted: true}, {Ticket: Ticket{N: 2, VoidedAt: &goldenStart}, Title: "Floor", Price: "26.00 EUR"}},
		Payments: []paymentView{taken}, Refunds: []refundView{failed.view(&e)}, Invoices: []invoiceLink{{"R-2027-000001", "/invoices/1"}}, Link: "/o/x", Admin: true, Mails: true}
	asks := one
	asks.Ask = &refundAsk{Key: id.ID{15: 3}, Numbers: "1", Tickets: []int{1}, KeepFees: true, AmountMinor: 2600, Amount: "26.00 EUR", Way: refundWay(pay.Stripe)}
	looks := one
	looks.Admin, looks.Payments, looks.Refunds, looks.Link = false, nil, nil, ""
	webtest.Golden(t, "sales", map[string]any{"orders-some": list, "orders-none": ordersPage{Head: head, Asked: search{Event: goldenID, Here: "orders", First: true}}, "payments-some": loose, "payments-none": paymentsPage{Head: head, Asked: search{Event: goldenID, Here: "payments"}},
		"order-one": one, "order-asks": asks, "order-looks": looks})
}

func TestBrowserFindsOrderPagesAccessible(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 50)
	h.buyAs(e, "Benedikt-Maximilian von und zu Hohenlohe-Waldenburg", 1)
	h.dueOrder(e, two)
	if _, err := h.checkout(h.cart(e, two), pay.Transfer); err != nil {
		t.Fatal(err)
	}
	n := told(h.begun(h.cart(e, two)))
	n.amount = 17
	h.heard(n)
	paid, order := h.paidOrder(e, two)
	bank.refuses = true
	if _, err := h.refund(order, Refunding{Tickets: []int{1}, Reason: "fell ill on the way", Actor: "ana"}); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	h.tells("charge.dispute.created", 1, disputed(paid, "needs_response"))
	p := phone{webtest.Browse(t, newSite(t, nil, h.orderPages())), t}
	for name, path := range map[string]string{"orders": "/orders", "payments": "/payments", "order": "/orders/" + order.String(), "order-asks": "/orders/" + order.String() + "?ticket=2"} {
		p.Look("/events/" + e.ID.String() + path)
		p.keep(name + "-page-wide")
		p.Dress(390, "light")
		p.keep(name + "-page")
	}
	p.Quiet()
}

// A cancelled event's orders are refunded at once, each one time, however often it is asked.
func TestACancelledEventIsRefundedWhole(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 50)
	h.paidOrder(e, two)
	_, part := h.paidOrder(e, two)
	h.dueOrder(e, two)
	h.buyAs(e, "Cleo", 1)
	if _, err := h.refund(part, Refunding{Tickets: []int{1}}); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	site := newSite(t, h.paymentRoutes(), append(h.orderPages(), h.eventPages()...))
	event := "/events/" + e.ID.String()
	shows(t, visit(site, event+"/refund-all", url.Values{}), 422, "the event is published")
	if _, err := h.SetState(t.Context(), e.ID, EventCancelled, nil); err != nil {
		t.Fatal(err)
	}
	shows(t, visit(site, event, nil), 200, "Buyers still have their tickets", "/orders\">4</a>", "Refund 78.00 EUR")
	for range 2 {
		if rec := visit(site, event+"/refund-all", url.Values{}); rec.Header().Get("Location") != event+"?done=all" {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1`, jobRefundAll); n != 2 {
		t.Fatalf("%d jobs", n)
	}
	for range 2 { // both jobs
		if err := h.refundSome(t.Context(), refundingAll{Event: e.ID, Actor: "ana", Reason: reasonCancelled}); err != nil {
			t.Fatal(err)
		}
	}
	h.settleAll()
	if got := bank.refunded(); got != 2*5200 {
		t.Errorf("%d were sent back", got)
	}
	if n := h.number(`SELECT count(*) FROM sales.ticket WHERE voided_at IS NULL`); n != 0 {
		t.Errorf("%d tickets are valid", n)
	}
	if page := visit(site, event, nil).Body.String(); strings.Contains(page, "Buyers still have") {
		t.Error("the page would refund again")
	}
	h.auditMoney()
	h.auditCatalogue()
}

// What a cancelled event still returns is what its refunds then are: a fee that was kept of
// a ticket stays.
func TestWhatACancelledEventReturnsIsWithoutTheFeesThatWereKept(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 50)
	_, part := h.paidOrder(e, two)
	h.paidOrder(e, two)
	h.dueOrder(e, two)
	h.buyAs(e, "Cleo", 1)
	if _, err := h.refund(part, Refunding{Tickets: []int{1}, KeepFees: true}); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	before := bank.refunded()
	if _, err := h.SetState(t.Context(), e.ID, EventCancelled, nil); err != nil {
		t.Fatal(err)
	}
	var told Outstanding
	h.in(func(tx *db.Tx) (err error) { told, err = h.RefundAll(tx, e.ID, "ana"); return err })
	if err := h.refundSome(t.Context(), refundingAll{Event: e.ID, Actor: "ana", Reason: reasonCancelled}); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	if back := bank.refunded() - before; told.AmountMinor != back || back != 5200+2600 || told.Orders != 4 {
		t.Errorf("%d of %d orders would go back, and %d did", told.AmountMinor, told.Orders, back)
	}
}

// An order whose payment is being settled when its event's are refunded has its turn later,
// by itself.
func TestAnOrderThatIsBeingSettledIsRefundedInTheNextRound(t *testing.T) {
	h := newHouse(t)
	bank := h.takesMoney()
	e, two := stand(h, 50)
	p := h.begun(h.cart(e, two))
	h.heard(told(p))
	p = h.payment(p)
	if _, refused, err := h.sell(t.Context(), &p, true); err != nil || refused != "" {
		t.Fatal(refused, err)
	}
	if _, err := h.SetState(t.Context(), e.ID, EventCancelled, nil); err != nil {
		t.Fatal(err)
	}
	all := refundingAll{Event: e.ID, Actor: "ana", Reason: reasonCancelled}
	if err := h.refundSome(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1 AND payload->>'round' = '1' AND run_at > now() + interval '30 seconds'`, jobRefundAll); n != 1 {
		t.Errorf("%d jobs look again", n)
	}
	h.settleAll()
	h.becomes(p, PaymentSettled, "")
	all.Round = 1
	if err := h.refundSome(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	h.settleAll()
	if got := bank.refunded(); got != 5200 {
		t.Errorf("%d were sent back", got)
	}
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1`, jobRefundAll); n != 1 {
		t.Errorf("%d jobs, though all are refunded", n)
	}
	h.auditMoney()
	h.auditCatalogue()
}

func TestManyOrdersAreRefundedByOneJobAfterTheOther(t *testing.T) {
	h := newHouse(t)
	e := h.concert(Category{PriceMinor: 100, Capacity: 500})
	e, err := h.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range refundAllBatch + 1 {
		h.buyAs(e, "Ana", 1)
	}
	all := refundingAll{Event: e.ID}
	if err := h.refundSome(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n := h.number(`SELECT count(*) FROM sales.orders WHERE cancelled_at IS NULL`); n != 1 {
		t.Errorf("%d orders are left", n)
	}
	last := h.ids(`SELECT id FROM sales.orders WHERE cancelled_at IS NOT NULL ORDER BY id DESC LIMIT 1`)[0]
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1 AND payload->>'after' = $2`, jobRefundAll, last.String()); n != 1 {
		t.Errorf("%d jobs follow", n)
	}
}

func TestAMistypedAddressIsCorrectedFromTheOrdersPage(t *testing.T) {
	h, _, o := boughtTickets(t, 2)
	h.mails()
	if _, err := h.handTo(o, 2, 1, "Dora"); err != nil {
		t.Fatal(err)
	}
	site := newSite(t, nil, h.orderPages())
	there := "/events/" + o.Event.String() + "/orders/" + o.ID.String()
	shows(t, visit(site, there, nil), 200, "Correct an address", "Ticket 2: Dora", "Send the confirmation again")
	for _, wrong := range []url.Values{{"n": {"0"}, "email": {"nobody"}}, {"n": {"1"}, "email": {"ben@example.org"}}, {"n": {"x"}, "email": {"ben@example.org"}}, {"n": {"9"}, "email": {"a@b.example"}}} {
		if rec := visit(site, there+"/address", wrong); rec.Code != 422 && rec.Code != 404 {
			t.Errorf("%v: %d", wrong, rec.Code)
		}
	}
	for n, email := range map[string]string{"0": "ana.right@example.org", "2": "dora.right@example.org"} {
		if rec := visit(site, there+"/address", url.Values{"n": {n}, "email": {email}}); rec.Header().Get("Location") != there+"?done=readdressed" {
			t.Fatal(n, rec.Code, rec.Body)
		}
	}
	shows(t, visit(site, there, nil), 200, "ana.right@example.org")
	if got := h.ticket(o.ID, 2); got.Holder.Email != "dora.right@example.org" || got.Holder.Name != "Dora" {
		t.Errorf("%+v", got.Holder)
	}
}
