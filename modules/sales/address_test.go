package sales

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/kernel/id"
)

// readdress is PUT /v1/orders/:id/address.
func (h *house) readdress(order id.ID, in addressing) *httptest.ResponseRecorder {
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPut, "/v1/orders/"+order.String()+"/address", strings.NewReader(string(body)))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	newSite(h.t, h.paymentRoutes(), nil).ServeHTTP(rec, req)
	return rec
}

// A ticket that was handed to an address that is wrong comes to the right one, and whoever
// got the first letter has nothing.
func TestAHoldersAddressIsCorrected(t *testing.T) {
	h, site, o := boughtTickets(t, 2)
	if _, err := h.handTo(o, 2, 1, "Ben"); err != nil {
		t.Fatal(err)
	}
	right := addressing{N: 2, Email: "ben@right.example"}
	shows(t, h.readdress(o.ID, right), http.StatusConflict, "no mail server")
	box := h.mails()
	var audit notes
	h.cfg.Audit = &audit
	astray := h.ticket(o.ID, 2)
	for name, c := range map[string]struct {
		in   addressing
		want int
	}{
		"no address":                 {addressing{N: 2, Email: "ben"}, http.StatusBadRequest},
		"a ticket that is not there": {addressing{N: 3, Email: "ben@right.example"}, http.StatusNotFound},
		"one of the buyer's own":     {addressing{N: 1, Email: "ben@right.example"}, http.StatusConflict},
	} {
		if rec := h.readdress(o.ID, c.in); rec.Code != c.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	shows(t, h.readdress(id.New(), right), http.StatusNotFound)
	if rec := h.readdress(o.ID, right); rec.Code != http.StatusAccepted {
		t.Fatal(rec.Code, rec.Body)
	}
	now := h.ticket(o.ID, 2)
	if err := h.delivered(); err != nil || len(box.got) != 1 || box.got[0].To != right.Email || !strings.Contains(box.got[0].Text, "/t/"+h.HolderToken(&now)) {
		t.Fatalf("%+v, %v", box.got, err)
	}
	if *now.Holder != (Holder{"Ben", right.Email}) {
		t.Errorf("%+v", now.Holder)
	}
	shows(t, visit(site, "/t/"+h.HolderToken(&astray), nil), http.StatusNotFound)
	shows(t, visit(site, "/t/"+h.HolderToken(&now), nil), http.StatusOK, "Ben")
	if len(audit) != 1 || !strings.Contains(audit[0], "order.readdressed order:"+o.ID.String()) || strings.Contains(audit[0], "@") {
		t.Errorf("noted: %q", audit)
	}
}

// The buyer's confirmation goes to the address that is right, at once.
func TestABuyersAddressIsCorrected(t *testing.T) {
	h := newHouse(t)
	h.takesMoney()
	e, two := stand(h, 10)
	o, p := h.dueOrder(e, two)
	box := h.mails()
	h.tellPost(ordersPlaced(o))
	shows(t, h.readdress(o.ID, addressing{Email: "Ana <ana@right.example>"}), http.StatusBadRequest, `"email"`)
	if rec := h.readdress(o.ID, addressing{Email: "ana@right.example"}); rec.Code != http.StatusAccepted {
		t.Fatal(rec.Code, rec.Body)
	}
	if err := h.delivered(); err != nil || len(box.got) != 2 || box.got[1].To != "ana@right.example" || !strings.Contains(box.got[1].Text, "/o/"+h.OrderToken(o.ID)) {
		t.Fatalf("%+v, %v", box.got, err)
	}
	now, _, err := h.OrderTickets(t.Context(), o.ID)
	if err != nil || buyerOf(now.Buyer) != (Buyer{"Ana", "ana@right.example", buyerOf(o.Buyer).Locale}) {
		t.Errorf("%s, %v", now.Buyer, err)
	}
	if paid, err := h.Payment(t.Context(), p.ID); err != nil || buyerOf(paid.Buyer).Email != "ana@right.example" {
		t.Errorf("of the payment: %s, %v", paid.Buyer, err)
	}
}
