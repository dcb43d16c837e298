package sales

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// phonebook stands in for the hub: it keeps browsers and refuses what the hub would.
type phonebook struct {
	mu      sync.Mutex
	key     string
	entries map[string]bookEntry
}

type bookEntry struct {
	person, locale string
	subscription   [3]string
	tags           []string
	from, to       string
}

func (p *phonebook) BrowserKey(context.Context, string) (string, error) {
	if p.key == "" {
		return "", fault.E("phonebook", fault.NotFound, "no key", nil)
	}
	return p.key, nil
}

func (p *phonebook) PutBrowser(_ context.Context, _, browser, person, locale string, subscription [3]string, tags []string, from, to string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries[browser] = bookEntry{person, locale, subscription, tags, from, to}
	return nil
}

func (p *phonebook) Browser(_ context.Context, _, browser string) ([]string, string, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[browser]
	if !ok {
		return nil, "", "", fault.E("phonebook", fault.NotFound, "none", nil)
	}
	return e.tags, e.from, e.to, nil
}

func (p *phonebook) ChangeBrowser(_ context.Context, _, browser string, tags []string, from, to string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[browser]
	if !ok {
		return fault.E("phonebook", fault.NotFound, "none", nil)
	}
	if (from == "") != (to == "") {
		return fault.BadField("phonebook", "quiet", "is half", "both or none")
	}
	e.tags, e.from, e.to = tags, from, to
	p.entries[browser] = e
	return nil
}

func (p *phonebook) ForgetBrowser(_ context.Context, _, browser string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.entries, browser)
	return nil
}

// only is the one browser that there is.
func (p *phonebook) only(t *testing.T) bookEntry {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.entries) != 1 {
		t.Fatalf("%d browsers", len(p.entries))
	}
	for _, e := range p.entries {
		return e
	}
	return bookEntry{}
}

// sends gives the house a hub that sends to browsers.
func (h *house) sends() *phonebook {
	p := h.browsers.(*phonebook)
	p.key, p.entries = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM", map[string]bookEntry{}
	return p
}

// TestBrowserIsToldWhatItsOwnerTicks turns notifications on in a real browser. The
// question to its owner and its push service are the seam: the answer is yes, and the
// subscription that the service would give is made up.
func TestBrowserIsToldWhatItsOwnerTicks(t *testing.T) {
	h := newHouse(t)
	book := h.sends()
	e := night(h)
	b := openShop(t, h)
	b.Look("/shop/notices?lang=en")
	b.Open("/shop/notices")
	b.Text(`(Notification.requestPermission = async () => "granted", PushManager.prototype.subscribe = async (o) => ({ toJSON: () => ({ endpoint: "https://push.example/" + o.applicationServerKey.length, keys: { p256dh: "BP==", auth: "au" } }) }), "")`)
	b.Do(chromedp.Click(`input[value="`+e.Slug+`"]`), chromedp.Click("#turn-on"))
	b.Until(`location.search === "?said=saved" && document.querySelector("input[value='` + e.Slug + `']").checked`)
	if got := book.only(t); got.subscription != [3]string{"https://push.example/65", "BP", "au"} || !slices.Equal(got.tags, []string{"follow:jazz-night"}) || got.locale != "en" {
		t.Errorf("%+v", got)
	}
	b.Look("/shop/notices")
	b.Quiet()
}

func TestPreferencesAreChangedWithoutScripts(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, shopSite(h))
	shows(t, g.ask("/shop/notices", nil), 200, "sends no notifications to browsers")
	book := h.sends()
	e := night(h)
	shows(t, g.ask("/shop/notices", nil), 200, "Turn on for this browser", "needs scripts", "Jazz Night")
	rec := visitJSON(g, "/shop/notices/browser", `{"endpoint":"https://push.example/1","keys":{"p256dh":"a","auth":"b"},"topics":["jazz-night","../x"]}`)
	if rec != http.StatusNoContent {
		t.Fatal(rec)
	}
	saved, _ := g.goes(g.ask("/shop/notices", url.Values{"topic": {e.Slug, "none"}, "from": {"22:00"}, "to": {"07:00"}}))
	shows(t, saved, 200, "It is saved", `value="22:00"`, "checked")
	if got := book.only(t); got.from != "22:00" || !slices.Equal(got.tags, []string{"follow:jazz-night"}) {
		t.Errorf("%+v", got)
	}
	shows(t, g.ask("/shop/notices", url.Values{"from": {"22:00"}}), http.StatusUnprocessableEntity, "two different times of day")
	stranger := newGuest(t, g.site)
	stranger.goes(stranger.ask("/shop/notices", url.Values{"from": {"01:00"}, "to": {"02:00"}}))
	if got := book.only(t); got.from != "22:00" {
		t.Error("a stranger changed another's browser")
	}
	off, _ := g.goes(g.ask("/shop/notices/off", url.Values{}))
	shows(t, off, 200, "hears no more from us", "Turn on for this browser")
	if len(book.entries) != 0 {
		t.Error("the browser is still known")
	}
	if js := visit(g.site, "/shop/sw.js", nil); !strings.HasPrefix(js.Header().Get("Content-Type"), "text/javascript") {
		t.Error(js.Header())
	}
}

// What goes on, or was cancelled, is followed until it is over: saving the quiet hours does
// not end it.
func TestWhatGoesOnIsStillFollowed(t *testing.T) {
	h := newHouse(t)
	book := h.sends()
	now := h.db.Now()
	ends := now.Add(48 * time.Hour)
	on := h.draft(func(e *Event) {
		e.Slug, e.StartsAt, e.EndsAt, e.SaleUntil = "festival", now.Add(-time.Hour), &ends, new(now.Add(time.Hour))
	})
	off := h.draft(func(e *Event) { e.Slug = "gig" })
	for _, e := range []Event{on, off} {
		h.add(e, Category{Capacity: 5})
		h.publish(e)
	}
	h.exec(`UPDATE sales.event SET state = 'cancelled' WHERE id = $1`, off.ID)
	g := newGuest(t, shopSite(h))
	if code := visitJSON(g, "/shop/notices/browser", `{"endpoint": "https://push.example/1", "keys": {"p256dh": "a", "auth": "b"}, "topics": ["festival", "gig"]}`); code >= 300 {
		t.Fatal(code)
	}
	shows(t, g.ask("/shop/notices", nil), 200, `value="festival" checked`, `value="gig" checked`)
	g.goes(g.ask("/shop/notices", url.Values{"topic": {"festival", "gig"}, "from": {"22:00"}, "to": {"07:00"}}))
	if tags := book.only(t).tags; !slices.Contains(tags, "follow:"+on.Slug) || !slices.Contains(tags, "follow:gig") {
		t.Errorf("it hears of %v", tags)
	}
}
