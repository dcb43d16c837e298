package sales

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestPortalPictures(t *testing.T) {
	dir := os.Getenv("PORTAL_PICTURES")
	if dir == "" {
		t.Fatal("dir")
	}
	h := newHouse(t)
	h.takesMoney()
	e := night(h)
	festival(h)
	server := httptest.NewServer(shopSite(h))
	t.Cleanup(server.Close)
	b := webtest.NewBrowser(t, server.URL)
	shot := func(name, path string) {
		for _, width := range []int64{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				b.Dress(width, scheme)
				b.Open(path)
				png, err := chromedp.Run(b.Ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				os.WriteFile(filepath.Join(dir, name+"-"+map[int64]string{390: "phone", 1280: "desk"}[width]+"-"+scheme+".png"), png, 0o644)
			}
		}
	}
	shot("list", "/shop")
	shot("event", "/shop/events/"+e.Slug)
	shot("event-de", "/shop/events/"+e.Slug+"?lang=de&code=members&code=x")
	shot("calendar", "/shop/calendar?lang=en&month="+e.StartsAt.Format("2006-01"))
	shot("seats", "/shop/events/"+e.Slug+"/seats/"+e.Categories[1].ID.String())
	g := newGuest(t, shopSite(h))
	_, cart := g.holds(e, 0, 2)
	shot("cart", cart)
	b.Quiet()
}
