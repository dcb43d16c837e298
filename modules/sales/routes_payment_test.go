package sales

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
)

// post sends JSON to the API.
func post(e *echo.Echo, target string, body any, headers ...string) *httptest.ResponseRecorder {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	req := httptest.NewRequest(http.MethodPost, target, strings.NewReader(string(text)))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

// Anybody may give his cart back and ask for it again with the same key, and still have
// the quote of the first time.
func TestAnOldQuoteDoesNotBuyAtItsPrice(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	site := newSite(t, h.Routes(), h.paymentPages())
	hold := func() (cart cartAnswer) {
		rec := post(site, "/v1/carts", map[string]any{"event": e.ID, "lines": []Wanted{two}}, "Idempotency-Key", "one")
		if err := json.Unmarshal(rec.Body.Bytes(), &cart); err != nil || rec.Code != http.StatusCreated {
			t.Fatal(rec.Code, rec.Body)
		}
		return cart
	}
	early := hold()
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/v1/carts/"+early.ID.String()+"?quote="+early.Quote, nil))
	shows(t, rec, http.StatusNoContent)
	h.in(func(tx *db.Tx) error { _, err := h.SetPrice(tx, two.Category, 9900, "demand", "pricing"); return err })
	h.shelves.forget(e.ID)
	now := hold()
	if now.ID != early.ID || early.TotalMinor != 5200 || now.TotalMinor != 20000 {
		t.Fatalf("%+v, then %+v", early, now)
	}
	pays := func(quote string, method string) *httptest.ResponseRecorder {
		return post(site, "/v1/carts/"+now.ID.String()+"/checkout", map[string]any{"quote": quote, "method": method, "buyer": ana})
	}
	for _, method := range []string{"stripe", "transfer", "door"} {
		shows(t, pays(early.Quote, method), http.StatusConflict, "the cart has expired")
	}
	shows(t, pays(now.Quote, "stripe"), http.StatusCreated, `"amount_minor":20000`)
}

// Nor does one of other money: the event sells in another currency since.
func TestAnOldQuoteDoesNotBuyInItsCurrency(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	early := h.cart(e, two)
	if err := h.Release(t.Context(), early.Cart, early.Lines); err != nil {
		t.Fatal(err)
	}
	e = h.rests(e)
	e.Currency = "CHF"
	if _, err := h.ChangeEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	e = h.publish(e)
	again := ask{kind: askHold, cart: early.Cart, lines: early.Lines, fresh: true, hold: time.Hour} // as a key that comes again
	if _, err := h.till.ask(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	site := newSite(t, h.Routes(), nil)
	now := early
	now.Currency = "CHF"
	shows(t, post(site, "/v1/orders", map[string]any{"quote": h.quotes.sign(early)}), http.StatusConflict, "in EUR", "in CHF now", "choose the tickets again")
	shows(t, post(site, "/v1/carts/"+early.Cart.String()+"/checkout", map[string]any{"quote": h.quotes.sign(early), "method": "door", "buyer": ana}), http.StatusConflict, "in EUR")
	for range 2 {
		shows(t, post(site, "/v1/orders", map[string]any{"quote": h.quotes.sign(now)}), http.StatusCreated, `"currency":"CHF"`)
	}
	h.audit()
}

func TestACartIsPaidAndRefundedOverHTTP(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	site := newSite(t, h.paymentRoutes(), h.paymentPages())
	e, two := stand(h, 10)
	q := h.cart(e, two)
	in := map[string]any{"quote": h.quotes.sign(q), "method": "stripe", "buyer": ana}
	to := "/v1/carts/" + q.Cart.String() + "/checkout"
	shows(t, post(site, to, in), http.StatusCreated, `"redirect_url":"https://bank.example/`, `"state":"pending"`)
	shows(t, post(site, "/v1/carts/"+id.New().String()+"/checkout", in), http.StatusBadRequest, "another cart")
	in["method"] = "card"
	shows(t, post(site, to, in), http.StatusBadRequest, "not offered")
	in["method"], in["buyer"] = "stripe", map[string]string{"name": "Ana"}
	shows(t, post(site, to, in), http.StatusBadRequest, "buyer.email")

	p := h.payment(Payment{ID: h.ids(`SELECT id FROM sales.payment`)[0]})
	page := "/pay/" + h.PaymentToken(p.ID)
	shows(t, visit(site, page, nil), http.StatusOK, "We wait for your payment", "€52.00")
	body, signature := told(p).sent()
	webhook := func(mode, signature string) int {
		return post(site, "/v1/payments/stripe/"+mode+"/webhook", json.RawMessage(body), "Stripe-Signature", signature).Code
	}
	for what, code := range map[string]int{"sandbox": webhook("sandbox", signature), "unsigned": webhook("live", ""), "no mode": webhook("test", signature)} {
		if code < 400 {
			t.Errorf("%s: %d", what, code)
		}
	}
	req := httptest.NewRequest(http.MethodPost, "/v1/payments/stripe/live/webhook", strings.NewReader(string(body)))
	req.Header.Set("Stripe-Signature", signature)
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	shows(t, rec, http.StatusNoContent)
	h.settleAll()
	shows(t, visit(site, page, nil), http.StatusOK, "it is paid", "/invoice/")
	order := h.payment(p).Order.String()
	refund := func() *httptest.ResponseRecorder {
		return post(site, "/v1/orders/"+order+"/refunds", map[string]any{"tickets": []int{1}}, "Idempotency-Key", "first")
	}
	shows(t, refund(), http.StatusCreated, `"amount_minor":2600`)
	shows(t, refund(), http.StatusCreated, `"amount_minor":2600`) // the same one
	shows(t, visit(site, "/v1/catalogue/events/"+e.ID.String()+"/revenue", nil), http.StatusOK, `"paid_minor":5200,"refunded_minor":2600`)
	shows(t, visit(site, "/v1/invoices", nil), http.StatusOK, `"number":1`, `"number":2`)
	for _, link := range []string{"/pay/" + h.InvoiceToken(p.ID), "/invoice/x"} {
		if code := visit(site, link, nil).Code; code != http.StatusNotFound {
			t.Errorf("%s: %d", link, code)
		}
	}
	found, err := h.InvoicesOf(t.Context(), *h.payment(p).Order)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	shows(t, visit(site, "/invoice/"+h.InvoiceToken(found[0].ID), nil), http.StatusOK, "Invoice "+found[0].Name(), "19 %", "€43.70", "ATU123")
	shows(t, visit(site, "/invoices/"+found[1].ID.String(), nil), http.StatusOK, "Credit note", "invoice "+found[0].Name())
	transfer := h.cart(e, two)
	in["quote"], in["method"], in["buyer"] = h.quotes.sign(transfer), "transfer", ana
	rec = post(site, "/v1/carts/"+transfer.Cart.String()+"/checkout", in)
	shows(t, rec, http.StatusCreated, `"reference"`)
	due := h.ids(`SELECT id FROM sales.payment WHERE method = 'transfer'`)[0]
	shows(t, visit(site, "/pay/"+h.PaymentToken(due), nil), http.StatusOK, "Please send €52.00", "DE02 1203")
	shows(t, post(site, "/v1/payments/"+due.String()+"/received", map[string]int64{"amount_minor": 5200}), http.StatusOK, `"state":"paid"`)
}
