package sales

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/sales/pay"
)

// bank stands in for Stripe: it has sessions that a test pays, and refuses what the
// real one would. Notices are read by the real reader.
type bank struct {
	pay.Listener

	mu       sync.Mutex
	sessions map[string]pay.State
	began    map[id.ID]int
	looks    int
	closed   map[string]bool
	refunds  map[id.ID]money.Money
	fails    error  // of the next calls
	refuses  bool   // refunds
	slow     func() // what happens before it answers
}

func (b *bank) Begin(_ context.Context, r pay.Request) (pay.State, error) {
	if b.slow != nil {
		b.slow()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		return pay.State{}, b.fails
	}
	b.began[r.Payment]++
	var sum int64
	for _, i := range r.Items {
		sum += int64(i.Qty) * i.UnitMinor
	}
	if sum != r.Amount.Minor {
		return pay.State{}, fault.E("bank", fault.Conflict, "the items do not add up", nil)
	}
	st := pay.State{Status: pay.Open, Session: "cs_" + r.Payment.String(), Redirect: "https://bank.example/" + r.Payment.String(), Paid: r.Amount}
	if _, ok := b.sessions[st.Session]; !ok {
		b.sessions[st.Session] = st
	}
	st.Paid = money.Money{}
	return st, nil
}

func (b *bank) Look(_ context.Context, session string) (pay.State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return b.sessions[session], b.fails
}

func (b *bank) Close(_ context.Context, session string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed[session] = true
	return b.fails
}

func (b *bank) Refund(_ context.Context, r pay.Refund) (pay.Refunded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		return pay.Refunded{}, b.fails
	}
	if b.refuses {
		return pay.Refunded{}, fault.E("bank", fault.Conflict, "the card is closed", nil)
	}
	b.refunds[r.ID] = r.Amount
	return pay.Refunded{Status: pay.RefundDone, Ref: "re_" + r.ID.String()}, nil
}

// refunded is what the bank has sent back in all.
func (b *bank) refunded() (sum int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.refunds {
		sum += m.Minor
	}
	return sum
}

const sandboxSecret, liveSecret = "whsec_of_the_sandbox", "whsec_of_real_money"

// takesMoney gives the house a bank in each mode, transfers and a door.
func (h *house) takesMoney() (live *bank) {
	h.t.Helper()
	c := pay.Defaults()
	c.Door, c.Transfer = true, pay.TransferConfig{Days: 7, Account: "Usher e. V.\nDE02 1203 0000 0000 2020 51"}
	c.Stripe.Live, c.Stripe.Sandbox = pay.StripeKeys{Key: "sk_live_1", Webhook: liveSecret}, pay.StripeKeys{Key: "sk_test_1", Webhook: sandboxSecret}
	h.cfg.Payment, h.pays = c, pay.New(c)
	h.cfg.Seller = SellerConfig{Name: "Usher e. V.", Address: "Gasse 1\n1010 Wien", TaxID: "ATU123", Zone: "Europe/Vienna", Series: "R"}
	for _, mode := range []pay.Mode{pay.Sandbox, pay.Live} {
		stripe, err := h.pays.Of(mode, pay.Stripe)
		if err != nil {
			h.t.Fatal(err)
		}
		live = &bank{Listener: stripe.(pay.Listener), sessions: map[string]pay.State{}, began: map[id.ID]int{}, closed: map[string]bool{}, refunds: map[id.ID]money.Money{}}
		h.pays.Offer(mode, pay.Stripe, live)
	}
	return live
}

var ana = json.RawMessage(`{"name": "Ana", "email": "ana@example.org", "locale": "en"}`)

// cart holds tickets and returns the quote with it.
func (h *house) cart(e Event, wanted ...Wanted) Quote {
	h.t.Helper()
	lines, err := h.price(h.t.Context(), e.ID, wanted, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c, _, err := h.Hold(h.t.Context(), Purchase{Event: e.ID, Lines: lines, Currency: e.Currency})
	if err != nil {
		h.t.Fatal(err)
	}
	return Quote{Cart: c.ID, Event: e.ID, Currency: e.Currency, Lines: c.Lines, Expires: c.ExpiresAt}
}

func (h *house) checkout(q Quote, m pay.Method) (CheckedOut, error) {
	return h.Checkout(h.t.Context(), Checkout{Cart: q.Cart, Quote: h.quotes.sign(q), Method: m, Buyer: ana, Origin: "https://usher.example"})
}

// pays begins a payment at the bank.
func (h *house) begun(q Quote) Payment {
	h.t.Helper()
	out, err := h.checkout(q, pay.Stripe)
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.Payment
}

// notice is one of Stripe's about a payment.
type notice struct {
	id, kind         string
	status, paid     string
	amount           int64
	currency         string
	live             bool
	secret           string
	mode             pay.Mode
	age              time.Duration
	session, payment string
}

// told is the notice that a payment is paid.
func told(p Payment) notice {
	n := notice{id: "evt_" + id.New().String(), kind: "completed", status: "complete", paid: "paid", amount: p.AmountMinor, currency: "eur", live: p.Mode == pay.Live, secret: liveSecret, mode: p.Mode,
		session: "cs_" + p.ID.String(), payment: p.ID.String()}
	if !n.live {
		n.secret = sandboxSecret
	}
	return n
}

// sent signs a notice as Stripe does: HMAC-SHA256 of "time.body" in hexadecimal.
func (n notice) sent() (body []byte, signature string) {
	body = fmt.Appendf(nil, `{"id": %q, "object": "event", "type": "checkout.session.%s", "livemode": %t, "data": {"object": {"id": %q, "object": "checkout.session", "livemode": %t,
		"client_reference_id": %q, "status": %q, "payment_status": %q, "amount_total": %d, "currency": %q, "payment_intent": "pi_%s"}}}`,
		n.id, n.kind, n.live, n.session, n.live, n.payment, n.status, n.paid, n.amount, n.currency, n.payment)
	return body, stripeSigns(body, n.secret, time.Now().Add(-n.age))
}

func stripeSigns(body []byte, secret string, at time.Time) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(m.Sum(nil)))
}

func (h *house) hear(n notice) error {
	body, signature := n.sent()
	return h.Hear(h.t.Context(), n.mode, body, signature)
}

func (h *house) heard(n notice) {
	h.t.Helper()
	if err := h.hear(n); err != nil {
		h.t.Fatal(err)
	}
}

// settle runs the jobs that payments have set off.
func (h *house) settleAll() {
	h.t.Helper()
	for _, p := range h.ids(`SELECT id FROM sales.payment WHERE state = 'paid'`) {
		if err := h.SettlePayment(h.t.Context(), p); err != nil {
			h.t.Fatal(err)
		}
	}
	for _, r := range h.ids(`SELECT id FROM sales.refund WHERE state = 'waiting'`) {
		if err := h.SendRefund(h.t.Context(), r); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) payment(p Payment) Payment {
	h.t.Helper()
	now, err := h.Payment(h.t.Context(), p.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return now
}

// becomes fails unless the payment is in a state, for a reason.
func (h *house) becomes(p Payment, want PaymentState, reason string) Payment {
	h.t.Helper()
	now := h.payment(p)
	if now.State != want || now.Reason != reason {
		h.t.Fatalf("the payment is %s (%q), want %s (%q)", now.State, now.Reason, want, reason)
	}
	return now
}

// blocked is how many transactions wait for a lock of another.
func (h *house) blocked() int {
	h.t.Helper()
	return h.number(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
}

// closes fails unless a job closes the page of a payment, and does.
func (h *house) closes(b *bank, p Payment) {
	h.t.Helper()
	if n := h.number(`SELECT count(*) FROM queue.outbox WHERE name = $1 AND payload->>'id' = $2`, jobClose, p.ID.String()); n != 1 {
		h.t.Errorf("%d jobs close the page that nobody waits for", n)
	}
	if err := h.ClosePayment(h.t.Context(), p.ID); err != nil || !b.closed[p.Session] {
		h.t.Errorf("it can still be paid: %v", err)
	}
}

// lateCart ends what a cart holds, as its time would.
func (h *house) lateCart(q Quote) {
	h.t.Helper()
	h.exec(`UPDATE sales.hold SET expires_at = now() - interval '1 second' WHERE cart = $1`, q.Cart)
	if _, err := h.Expire(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// dueOrder is an order of two tickets that is paid at the door.
func (h *house) dueOrder(e Event, two Wanted) (Order, Payment) {
	h.t.Helper()
	out, err := h.checkout(h.cart(e, two), pay.Door)
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.Order, *out.Payment
}
