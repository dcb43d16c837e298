package pricing

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/pricing/policy"
)

var errGone = fault.E("test", fault.Conflict, "it has been answered already", nil)

func TestThePricingAPI(t *testing.T) {
	h := newHouse(t)
	h.busy(20)
	e := h.site(guest{})
	floor, event := h.floor().String(), h.shop.event.ID.String()
	shows(t, call(e, "GET", "/v1/pricing/categories", nil), 200, `"title":"Jazz, Floor"`, `"price_minor":3000`, `"mode":"off"`)
	var r Rule
	rec := call(e, "GET", "/v1/pricing/categories/"+floor, nil)
	if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || r.Version != 0 || r.CeilingMinor != 4500 {
		t.Fatalf("%s, %v", rec.Body, err)
	}
	r.Mode = policy.Approve
	shows(t, call(e, "PUT", "/v1/pricing/categories/"+floor, r), 200, `"version":1`, `"changed_by":"ana"`)
	shows(t, call(e, "PUT", "/v1/pricing/categories/"+floor, r), 409, "changed it meanwhile")
	shows(t, call(e, "GET", "/v1/pricing/categories/"+floor+"/what-if?price_minor=3100", nil), 200, `"price_minor":3100`, `"sold_out_probability"`)
	shows(t, call(e, "GET", "/v1/pricing/categories/"+floor+"/what-if?price_minor=x", nil), 400, "price_minor")
	shows(t, call(e, "POST", "/v1/pricing/categories/"+floor+"/simulation", map[string]any{"days": 5}), 200, `"gain":{"mean":`, `"days":26`)
	shows(t, call(e, "POST", "/v1/pricing/categories/"+floor+"/simulation", map[string]any{"days": 500}), 400, "days")
	shows(t, call(e, "POST", "/v1/pricing/events/"+event+"/decide", nil), 204)
	shows(t, call(e, "GET", "/v1/pricing/decisions/open", nil), 200, `"outcome":"proposed"`)
	p := h.latest()
	shows(t, call(e, "GET", "/v1/pricing/decisions/"+p.ID.String(), nil), 200, `"cause":"asked_by_hand"`, `"reason":"Over 11 days`)
	h.clock.Advance(time.Minute)
	shows(t, call(e, "POST", "/v1/pricing/decisions/"+p.ID.String()+"/agree", nil), 200, `"outcome":"changed"`, `"approver":"ana"`)
	shows(t, call(e, "POST", "/v1/pricing/decisions/"+p.ID.String()+"/refuse", nil), 409)
	shows(t, call(e, "GET", "/v1/pricing/decisions?limit=1&category="+floor, nil), 200, `"next":`)
	shows(t, call(e, "GET", "/v1/pricing/decisions?event=7", nil), 400, "event")
	shows(t, call(e, "PUT", "/v1/pricing/stops/all", map[string]bool{"stopped": true}), 204)
	shows(t, call(e, "GET", "/v1/pricing/stops", nil), 200, `"stopped":true`, `"by":"ana"`)
	shows(t, call(e, "GET", "/v1/pricing/events/"+event+"/protection", nil), 200, `"items":[]`)
	for _, path := range []string{"/categories/" + id.New().String(), "/categories/7", "/decisions/" + id.New().String(), "/events/" + id.New().String() + "/protection"} {
		shows(t, call(e, "GET", "/v1/pricing"+path, nil), 404)
	}
}
