package app

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Journey 2: the promoter draws a zone and makes an offer in a browser; phones that enter the
// zone are given a voucher, which the visitor opens, the till redeems once, and the offer counts.
func TestJourneySightingToVoucher(t *testing.T) {
	h := newHouse(t)
	const phones = 10 // the policy gives a few people nothing, to learn from it
	h.festival(phones)
	v := h.visitor(true)
	v.opensVenue()
	v.offersBeer()

	for i := range phones {
		h.call("PUT", fmt.Sprintf("/v1/consents/phone-%06d", i), map[string]any{"app": "festival", "notice": "test"}, nil)
	}
	h.call("POST", "/v1/events", h.sightings(0, phones), nil)
	var code string
	h.soon("a voucher on a phone", func() bool { code = h.voucherOn(phones); return code != "" })

	visitor := h.visitor(false)
	visitor.Open("/vouchers/" + code)
	visitor.sees("A beer", "Show this at the till", strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, " "))
	if menu := visitor.Text(`document.querySelector("nav.menu")?.innerText ?? ""`); menu != "" {
		t.Errorf("a visitor is shown the promoter's menu: %s", menu)
	}

	v.press("Offers")
	v.press("Till")
	v.fill("This till", "bar-1")
	v.fill("Code of the voucher", code)
	v.press("Look up")
	v.sees("Good: 1.00 EUR off", "A beer")
	v.press("Redeem")
	v.sees("Redeemed")
	v.fill("Code of the voucher", code)
	v.press("Look up")
	v.sees("redeemed")

	visitor.Open("/vouchers/" + code)
	visitor.sees("This voucher was redeemed")
	v.press("Offers")
	v.press("Beer")
	v.within("Redeemed").sees("1")
	v.Quiet("422")
	visitor.Quiet()
}

// opensVenue makes a venue with a stage, a beacon in it, and an event that has begun.
func (v visitor) opensVenue() {
	v.t.Helper()
	v.Open("/")
	v.press("Venue")
	v.within("New venue").fill("Name", "Field")
	v.fill("Width in metres", "50")
	v.fill("Height in metres", "50")
	v.press("Make the venue")
	v.press("New zone")
	zone := v.within("New zone")
	zone.fill("Name", "Stage")
	zone.fill("Kind", "stage")
	zone.fill("Corners", "0,0 50,0 50,50 0,50")
	zone.press("Save")
	v.press("New beacon")
	beacon := v.within("New beacon")
	beacon.fill("Code", "stage")
	beacon.fill("Zone", "Stage")
	beacon.fill("x, metres", "25")
	beacon.fill("y, metres", "25")
	beacon.press("Save")
	now := time.Now().UTC()
	v.press("Hold an event here")
	v.fill("The event, as facts name it", "night")
	v.fill("Opens", now.Add(-time.Hour).Format("2006-01-02T15:04"))
	v.fill("Ends", now.Add(time.Hour).Format("2006-01-02T15:04"))
	v.within("Hold an event here").press("Save")
}

// offersBeer makes an offer for everybody who enters the stage, and starts it.
func (v visitor) offersBeer() {
	v.t.Helper()
	v.press("Offers")
	v.press("New offer")
	for _, f := range [][2]string{{"Name, for you", "Beer"}, {"Title on the phone", "A beer"}, {"Amount", "1.00"}, {"Currency", "EUR"}, {"Good for minutes", "10"},
		{"Occasion", "somebody enters a zone"}, {"Zone", "Stage"}, {"Vouchers in all", "100"}, {"Held out to compare", "0"}} {
		v.fill(f[0], f[1])
	}
	v.press("Make a draft")
	v.press("Start")
	v.sees("running")
}

var pushedCode = regexp.MustCompile(`"code":"([0-9A-HJKMNP-TV-Z]{16})"`)

// voucherOn is the code of a voucher that one of the phones was sent; "" for none.
func (h *house) voucherOn(phones int) string {
	for i := range phones {
		if found := pushedCode.FindStringSubmatch(h.got(h.phone(i).Value)); found != nil {
			return found[1]
		}
	}
	return ""
}
