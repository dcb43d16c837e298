package analytics

import (
	"net/http/httptest"
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
	server := httptest.NewServer(newQuerySite(t, r.Service, nil))
	t.Cleanup(server.Close)
	b := webtest.NewBrowser(t, server.URL)
	for _, path := range []string{"/webhooks", "/webhooks/" + r.ID.String()} {
		b.Look(path)
	}
	b.Quiet()
}
