package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/faulttest"
	"github.com/usherhq/usher/modules/proximity"
)

const (
	voucherPhones = 200
	voucherKills  = 4
)

// field holds an event at a venue where everybody who enters the stage gets a voucher.
func (h *house) field() proximity.Offer {
	h.t.Helper()
	h.festival(voucherPhones)
	var v proximity.Venue
	h.call("POST", "/v1/venues", map[string]any{"name": "Field", "width": 50, "height": 50,
		"zones":   []map[string]any{{"name": "Stage", "kind": "stage", "outline": [][2]int{{0, 0}, {50, 0}, {50, 50}, {0, 50}}}},
		"beacons": []map[string]any{{"code": "stage", "zone": "Stage", "x": 25, "y": 25}}}, &v)
	now := time.Now().UTC()
	h.call("PUT", "/v1/venue-events/night", map[string]any{"venue": v.ID, "opens_at": now.Add(-time.Hour), "ends_at": now.Add(time.Hour)}, nil)
	for i := range voucherPhones {
		h.call("PUT", fmt.Sprintf("/v1/consents/phone-%06d", i), map[string]any{"app": "festival", "notice": "test"}, nil)
	}
	var o proximity.Offer
	h.call("POST", "/v1/offers", map[string]any{"event": "night", "name": "Beer", "title": "A beer", "state": "running", "trigger": map[string]any{"on": "zone_entered", "zone": "Stage"},
		"grant": map[string]any{"kind": "amount", "amount_minor": 100, "currency": "EUR"}, "minutes": 10, "limits": map[string]any{"budget_minor": 100 * voucherPhones}, "holdout": -1}, &o)
	return o
}

// sightings lets phones hear the stage twice within two seconds.
func (h *house) sightings(from, to int) io.Reader {
	var b strings.Builder
	now := time.Now().UTC()
	for i := from; i < to; i++ {
		for n, ago := range []time.Duration{2 * time.Second, 0} {
			e, _ := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprintf("%d-%d", i, n), "source": "/phones", "type": "beacon.sighting", "subject": fmt.Sprintf("phone-%06d", i), "time": now.Add(-ago),
				"data": map[string]any{"installation": fmt.Sprintf("phone-%06d", i), "beacon": "stage", "rssi": -55}})
			b.Write(append(e, '\n'))
		}
	}
	return strings.NewReader(b.String())
}

// Usher is killed, again and again, while vouchers are issued and pushed: in the end everybody
// was decided about, each voucher was pushed, none twice into being, and the budget is what
// was issued. The policy gives a few people nothing, to learn from it.
func TestVouchersSurviveKills(t *testing.T) {
	h := newHouse(t)
	o := h.field()
	given := func() int {
		var now proximity.Offer
		h.call("GET", "/v1/offers/"+o.ID.String(), nil, &now)
		if now.Committed != 100*now.Issued {
			t.Fatalf("%d of the budget are committed to %d vouchers", now.Committed, now.Issued)
		}
		return int(now.Issued)
	}
	pushes := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.seen)
	}
	var recovery time.Duration // the longest
	for i := range voucherKills {
		had := given()
		h.call("POST", "/v1/events", h.sightings(i*voucherPhones/voucherKills, (i+1)*voucherPhones/voucherKills), nil)
		h.soon("vouchers are being issued", func() bool { return given() > had })
		h.killed()
		struck := time.Now()
		t.Logf("killed with %d pushes out", pushes())
		h.start()
		given()
		recovery = max(recovery, time.Since(struck))
	}
	for i := range voucherPhones {
		h.soon("every phone is on the stage", func() bool {
			var at struct{ Items []proximity.Visit }
			h.call("GET", fmt.Sprintf("/v1/consents/phone-%06d/visits", i), nil, &at)
			return len(at.Items) == 1
		})
	}
	all := given()
	if all < voucherPhones*8/10 {
		t.Errorf("%d of %d phones have a voucher", all, voucherPhones)
	}
	h.soon("every voucher was pushed", func() bool { return pushes() == all })
	held := 0
	for i := range voucherPhones {
		var mine struct{ Items []proximity.Voucher }
		h.call("GET", fmt.Sprintf("/v1/consents/phone-%06d/vouchers", i), nil, &mine)
		if len(mine.Items) > 1 || len(mine.Items) == 1 && (mine.Items[0].PushedAt == nil || mine.Items[0].Status != proximity.VoucherIssued) {
			t.Fatalf("phone %d: %+v", i, mine.Items)
		}
		held += len(mine.Items)
	}
	faulttest.Row{Fault: "kill -9 of usher, between issue and push of vouchers", Injected: voucherKills, Acknowledged: all, Lost: all - held, Recovery: recovery}.Report(t)
}
