package pricing

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/pricing/policy"
)

// lively is a house whose floor has moved for some days, with a proposal for another.
func lively(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.rule(policy.Auto)
	h.busy(12)
	for range 4 {
		d := h.decide(causeDaily)
		if d.Outcome == Changed {
			h.clock.Advance(time.Minute)
			h.shop.set(h.floor(), d.NewMinor, h.clock.Now())
			list := h.shop.prices[h.floor()]
			list[len(list)-1].Reason, list[len(list)-1].Actor = d.Reason, "pricing"
		}
		h.shop.sold = append(h.shop.sold, sale{h.floor(), dateIn(h.clock.Now(), time.UTC), 14})
		h.shop.event.Categories[0].Free -= 14
		h.clock.Advance(24 * time.Hour)
	}
	h.rule(policy.Approve)
	h.decide(causeDemandUp)
	return h
}

// Every page in Chromium: light and dark, on a phone and a desktop, and axe-core finds
// nothing. With PICTURES=1 it also takes those of docs/images.
func TestPagesInABrowser(t *testing.T) {
	h := lively(t)
	b := webtest.Browse(t, h.site(guest{}))
	there := "/prices/" + h.floor().String()
	r, err := h.RuleOf(t.Context(), h.floor())
	if err != nil {
		t.Fatal(err)
	}
	play := typed(formOfRule(&r, "EUR"))
	play.Set("days", "7")
	for name, path := range map[string]string{"overview": "/prices", "category": there, "decisions": "/prices/decisions", "what-if": there + "/what-if?price=31",
		"simulation": there + "/simulation?" + play.Encode(), "wrong": there + "/simulation?" + url.Values{"days": {"x"}}.Encode()} {
		b.Look(path)
		if name != "wrong" && os.Getenv("PICTURES") != "" {
			b.Dress(1280, "light")
			b.Open(path)
			b.Picture(filepath.Join("..", "..", "docs", "images", "prices-"+name+".png"))
			b.Dress(390, "dark")
			b.Open(path)
			b.Picture(filepath.Join(os.TempDir(), "prices-"+name+"-phone.png"))
		}
	}
	b.Quiet("422")
}
