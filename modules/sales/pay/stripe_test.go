package pay

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/money"
	"github.com/usherhq/usher/modules/sales/pay/paytest"
)

const secret = "whsec_sandbox"

func sandboxAt(url string) *stripePages {
	cfg := Defaults().Stripe
	cfg.API, cfg.Methods = url, []string{"card"}
	return newStripe(cfg, Sandbox, StripeKeys{Key: "sk_test_123", Webhook: secret})
}

func TestStripeTakesOurRequests(t *testing.T) {
	m := paytest.Start(t)
	s := sandboxAt(m.URL)
	payment := id.New()
	r := Request{Payment: payment, Amount: money.Money{Minor: 5200, Currency: "EUR"}, Email: "ana@example.org", Locale: "de-AT", Back: "https://tickets.example.org/pay/x",
		Items: []Item{{"Standing", 2, 2500}, {"Standing · fee", 2, 100}}, Until: time.Now().Add(40 * time.Minute)}
	st, err := s.Begin(t.Context(), r)
	if err != nil || st.Session == "" {
		t.Fatalf("%+v, %v", st, err)
	}
	sent := m.Last(t, http.MethodPost)
	if sent.Path != "/v1/checkout/sessions" || sent.Key != "payment-"+payment.String() {
		t.Errorf("%s with the key %q: a repeated request would make another session", sent.Path, sent.Key)
	}
	for name, want := range map[string]string{"client_reference_id": payment.String(), "line_items[0][price_data][unit_amount]": "2500", "line_items[1][quantity]": "2",
		"line_items[0][price_data][currency]": "eur", "adaptive_pricing[enabled]": "false", "locale": "de", "payment_method_types[0]": "card", "mode": "payment"} {
		if got := sent.Form.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name := range sent.Form {
		if strings.Contains(name, "card") {
			t.Errorf("%s is sent: nothing of a card is ours", name)
		}
	}
	if _, err := s.Look(t.Context(), st.Session); err != nil {
		t.Error("look:", err)
	}
	if err := s.Close(t.Context(), st.Session); err != nil {
		t.Error("close:", err)
	}
	refund := Refund{ID: id.New(), Attempt: 2, Charge: "pi_123", Amount: money.Money{Minor: 2600, Currency: "EUR"}}
	out, err := s.Refund(t.Context(), refund)
	if err != nil || out.Status != RefundDone || out.Ref == "" {
		t.Errorf("refund: %+v, %v", out, err)
	}
	sent = m.Last(t, http.MethodPost)
	if sent.Path != "/v1/refunds" || sent.Form.Get("amount") != "2600" || sent.Form.Get("metadata[refund]") != refund.ID.String() || sent.Key != fmt.Sprintf("refund-%s-2", refund.ID) {
		t.Errorf("the refund was asked for as %+v", sent)
	}
}

// TestARefundThatStripeHasMadeIsNotMadeAgain repeats one after Stripe forgot its key.
func TestARefundThatStripeHasMadeIsNotMadeAgain(t *testing.T) {
	refund := Refund{ID: id.New(), Attempt: 1, Charge: "pi_1", Amount: money.Money{Minor: 100, Currency: "EUR"}}
	posted := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posted++
		}
		if r.URL.Query().Get("payment_intent") != "pi_1" {
			t.Errorf("asked for the refunds of %q", r.URL.Query())
		}
		if r.URL.Query().Get("starting_after") != "re_other" { // the first page
			fmt.Fprint(w, `{"object": "list", "has_more": true, "data": [{"id": "re_other", "object": "refund", "status": "succeeded", "metadata": {}}]}`)
			return
		}
		fmt.Fprintf(w, `{"object": "list", "data": [{"id": "re_0", "object": "refund", "status": "failed", "metadata": {"refund": %q}}, {"id": "re_1", "object": "refund", "status": "pending", "metadata": {"refund": %q}}]}`, refund.ID, refund.ID)
	}))
	t.Cleanup(server.Close)
	out, err := sandboxAt(server.URL).Refund(t.Context(), refund)
	if err != nil || posted > 0 || out.Ref != "re_1" || out.Status != RefundSent {
		t.Errorf("%+v, %v after %d requests", out, err, posted)
	}
}

func TestStripesRefusalsAreTold(t *testing.T) {
	for status, want := range map[int]fault.Code{400: fault.Conflict, 402: fault.Conflict, 401: fault.Internal, 404: fault.NotFound, 409: fault.Transient, 429: fault.Transient, 500: fault.Transient} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error": {"type": "invalid_request_error", "code": "amount_too_small", "message": "ana@example.org owes 5"}}`)
		}))
		_, err := sandboxAt(server.URL).Look(t.Context(), "cs_1")
		server.Close()
		if fault.CodeOf(err) != want {
			t.Errorf("%d is %v, want %s", status, err, want)
		}
		if strings.Contains(err.Error(), "ana@") {
			t.Errorf("the log would name people: %v", err)
		}
	}
	if _, err := sandboxAt("http://127.0.0.1:1").Look(t.Context(), "cs_1"); !fault.Is(err, fault.Transient) {
		t.Errorf("out of reach: %v", err)
	}
}

func signed(body, key string, at time.Time) string {
	return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: key, Timestamp: at}).Header
}

func sessionEvent(kind, session string, live bool) string {
	return fmt.Sprintf(`{"id": "evt_1", "object": "event", "type": %q, "livemode": %t, "data": {"object": %s}}`, kind, live, session)
}

func TestOnlyStripesFreshNoticesAreHeard(t *testing.T) {
	s := sandboxAt("")
	body := sessionEvent("checkout.session.completed", `{"id": "cs_1", "client_reference_id": "0190b6a0-0000-7000-8000-000000000001", "status": "complete", "payment_status": "paid", "amount_total": 100, "currency": "eur"}`, false)
	now := time.Now()
	if n, err := s.Notice([]byte(body), signed(body, secret, now)); err != nil || n.ID != "evt_1" || n.State.Status != Paid || n.State.Paid.Minor != 100 {
		t.Fatalf("a genuine one: %+v, %v", n, err)
	}
	for name, header := range map[string]string{"none": "", "another secret": signed(body, "whsec_live", now), "too old": signed(body, secret, now.Add(-6*time.Minute)),
		"another body": signed(body+" ", secret, now)} {
		if _, err := s.Notice([]byte(body), header); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	live := sessionEvent("checkout.session.completed", `{"id": "cs_1"}`, true)
	if _, err := s.Notice([]byte(live), signed(live, secret, now)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a live notice at the sandbox's door: %v", err)
	}
}

func TestASessionsStateFollowsFromItsNotice(t *testing.T) {
	s := sandboxAt("")
	const reference = `"client_reference_id": "0190b6a0-0000-7000-8000-000000000001", "currency": "eur"`
	for _, c := range []struct {
		kind, session string
		want          Status
	}{
		{"checkout.session.completed", `{"status": "complete", "payment_status": "unpaid", ` + reference + `}`, Processing},
		{"checkout.session.async_payment_succeeded", `{"status": "complete", "payment_status": "paid", ` + reference + `}`, Paid},
		{"checkout.session.async_payment_failed", `{"status": "complete", "payment_status": "unpaid", ` + reference + `}`, Failed},
		{"checkout.session.expired", `{"status": "expired", "payment_status": "unpaid", ` + reference + `}`, Expired},
	} {
		body := sessionEvent(c.kind, c.session, false)
		n, err := s.Notice([]byte(body), signed(body, secret, time.Now()))
		if err != nil || n.State == nil || n.State.Status != c.want {
			t.Errorf("%s: %+v, %v", c.kind, n.State, err)
		}
	}
	for _, body := range []string{sessionEvent("checkout.session.completed", `{"client_reference_id": "another shop's"}`, false), sessionEvent("customer.created", `{}`, false)} {
		if n, err := s.Notice([]byte(body), signed(body, secret, time.Now())); err != nil || n.State != nil || n.Outcome != nil {
			t.Errorf("what is none of ours: %+v, %v", n, err)
		}
	}
}
