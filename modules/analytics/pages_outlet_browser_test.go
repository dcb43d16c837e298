package analytics

import (
	"testing"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestBrowserFindsWebhookPagesAccessible(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set", "sales.capacity_reached")
	r.happens(price(1), price(2), price(3))
	r.works()
	r.to.says(503)
	r.happens(price(4))
	r.works()
	b := webtest.Browse(t, newQuerySite(t, r.Service))
	for _, path := range []string{"/webhooks", "/webhooks/" + r.ID.String()} {
		b.Look(path)
	}
	b.Quiet()
}
