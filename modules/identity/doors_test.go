package identity

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/listing"
	"github.com/usherhq/usher/modules/kernel/web"
)

// festival is a shop that sells one event.
type festival struct{ event listing.Event }

func (f festival) EachEvent(_ context.Context, _ time.Time, each func(event id.ID, slug, currency, zone string, saleFrom, saleUntil, startsAt time.Time) error) error {
	return each(f.event.ID, f.event.Slug, "EUR", "UTC", time.Time{}, time.Time{}, goldenNow)
}

func (f festival) Listing(_ context.Context, event id.ID) (listing.Event, error) {
	if event != f.event.ID {
		return listing.Event{}, fault.E("shop", fault.NotFound, "there is no such event", nil)
	}
	return f.event, nil
}

func TestAScannerIsForAnEventThatIsSoldHere(t *testing.T) {
	h := newHouse(t)
	sold := listing.Event{ID: id.New(), Slug: "river", Title: "River <Festival>"}
	h.shop = festival{sold}
	g := h.signedInGuest(newSite(t, h), h.person(RoleStaff, "Stan"))
	shows(t, g.visit("/scanners", nil), 200, `<option value="`+sold.ID.String()+`">River &lt;Festival&gt;</option>`)
	for _, event := range []string{"River Festival", "rivers", id.New().String()} {
		shows(t, g.visit("/scanners", url.Values{"name": {"Gate A"}, "event": {event}}), 422, "neither the id nor the short name", `value="Gate A"`)
	}
	shows(t, g.visit("/scanners", url.Values{"name": {"Gate A"}, "event": {" river "}}), 200, "for <bdi>River &lt;Festival&gt;</bdi>", `class="qr"`)
	rec := g.visit("/scanners", url.Values{"name": {"Gate A"}, "event": {sold.ID.String()}})
	shows(t, rec, 200, "for <bdi>River &lt;Festival&gt;</bdi>")
	if _, err := h.enrol(between(t, rec.Body.String(), `tabindex="0">`, "</pre>")); err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{"river", strings.ToUpper(sold.ID.String())} { // whatever it was called: short names change
		rec := g.visit("/scanners", url.Values{"name": {"Gate\tB "}, "event": {named}})
		k, err := h.enrol(between(t, rec.Body.String(), `tabindex="0">`, "</pre>"))
		if err != nil || k.Event != sold.ID.String() || k.Name != "Gate B" {
			t.Fatalf("%s: %+v, %v", named, k, err)
		}
		if err := h.db.InTx(t.Context(), func(tx *db.Tx) error { return h.RevokeKey(tx, k.ID, web.Scan) }); err != nil {
			t.Fatal(err)
		}
	}
	if page := g.visit("/scanners", nil).Body.String(); !strings.Contains(page, `<td data-label="Event"><bdi>River &lt;Festival&gt;</bdi></td>`) {
		t.Error(page)
	}
}
