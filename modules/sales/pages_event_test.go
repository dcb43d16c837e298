package sales

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
)

// typed is a form from pairs of names and values.
func typed(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func TestAnEventIsMadeSoldAndCopiedFromThePages(t *testing.T) {
	h := newHouse(t)
	e := newSite(t, nil, h.eventPages())
	shows(t, visit(e, "/events", nil), 200, "Make the first event")
	start := h.db.Now().Add(90 * 24 * time.Hour)
	form := typed("title", "Jazz <night>", "slug", "jazz", "zone", "Europe/Berlin", "currency", "eur", "locales", "en, de", "starts_at", start.Format("2006-01-02T15:04"), "venue", "Hall")
	rec := visit(e, "/events/new", form)
	shows(t, rec, 303)
	there := strings.TrimSuffix(rec.Header().Get("Location"), "/categories")
	shows(t, visit(e, there, nil), 200, "Jazz &lt;night&gt;", "Before it can be published", "Publish")
	shows(t, visit(e, there+"/state", typed("state", "published")), 422, "at least one category")

	shows(t, visit(e, there+"/categories/new", typed("title", "Floor", "price", "12,5", "capacity", "x")), 422, "is no number", `value="12,5"`, `value="Floor"`)
	shows(t, visit(e, there+"/categories/new", typed("title", "Floor", "price", "12,5", "capacity", "300")), 303)
	shows(t, visit(e, there+"/categories/new", typed("title", "Seats", "price", "40", "rows", "3", "columns", "4")), 303)
	shows(t, visit(e, there+"/pools/new", typed("name", "Balcony", "capacity", "50", "protected", "60")), 422, "between 0 and the pool")
	shows(t, visit(e, there+"/pools/new", typed("name", "Balcony", "capacity", "50", "protected", "10, 20")), 303)
	page := visit(e, there+"/categories", nil)
	shows(t, page, 200, "12.50 EUR", "seats 3 × 4", `value="10, 20"`)
	floor := regexp.MustCompile(there + `/categories/[0-9a-f-]{36}`).FindString(page.Body.String())
	shows(t, visit(e, there+"/state", typed("state", "published")), 303)
	shows(t, visit(e, floor, nil), 200, "What it has cost", "first price", "ana")
	shows(t, visit(e, there+"/codes", typed("code", "early", "kind", "percent", "value", "10")), 303)
	shows(t, visit(e, there+"/codes", nil), 200, "EARLY", "10 % off", "Remove")
	shows(t, visit(e, there+"/waitlist", nil), 200, "Nobody waits")
	shows(t, visit(e, there+"/texts", nil), 200, "German", "the fallback")
	shows(t, visit(e, there+"/texts", typed("title.en", "Jazz", "title.de", "Jazznacht", "title.en."+floor[len(floor)-36:], "Floor")), 422, "category")
	copied := visit(e, there+"/copy", typed("slug", "jazz-2", "starts_at", start.Add(24*time.Hour).Format("2006-01-02T15:04"), "codes", "yes"))
	shows(t, copied, 303)
	shows(t, visit(e, copied.Header().Get("Location"), nil), 200, "Delete this draft")
	shows(t, visit(e, copied.Header().Get("Location")+"/codes", nil), 200, "EARLY")
	shows(t, visit(e, copied.Header().Get("Location")+"/delete", typed()), 303)
	shows(t, visit(e, "/events?show=all", nil), 200, "312")
}

func TestAFormOfAnOlderEventIsRefusedAndKept(t *testing.T) {
	h := newHouse(t)
	e := newSite(t, nil, h.eventPages())
	made := h.concert(Category{Capacity: 5, PriceMinor: 100})
	there := "/events/" + made.ID.String()
	stale := versionText(made.Version)
	shows(t, visit(e, there+"/state", typed("state", "paused", "version", stale)), 303)
	form := typed("title", "Renamed", "slug", "renamed", "zone", "Europe/Berlin", "currency", "EUR", "locales", "en", "starts_at", made.StartsAt.Format("2006-01-02T15:04"), "version", stale)
	rec := visit(e, there+"/details", form)
	shows(t, rec, 422, "somebody has changed the event", `value="Renamed"`)
	form.Set("version", regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(rec.Body.String())[1])
	shows(t, visit(e, there+"/details", form), 303)
}

// A form names its own fields, and asks in the units that are typed into them.
func TestFormsOfEventsAndCodesTellFaultsInTheirWords(t *testing.T) {
	h := newHouse(t)
	e := newSite(t, nil, h.eventPages())
	made := h.concert(Category{Capacity: 5, PriceMinor: 100})
	there := "/events/" + made.ID.String()
	shows(t, visit(e, there+"/details", typed("slug", "jazz", "zone", "Europe/Berlin", "starts_at", "soon")), 422, "<bdi>Starts</bdi> is no date and time", "such as 2027-06-01 20:00")
	form := typed("title", strings.Repeat("x", 300), "slug", "jazz", "zone", "Europe/Berlin", "currency", "EUR", "starts_at", "3027-06-01T20:00", "locales", "en")
	shows(t, visit(e, there+"/details", form), 422, "<bdi>Title</bdi>", "<bdi>Starts</bdi> is missing or far from our time", "such as 2027-06-01 20:00")
	form.Set("locales", "")
	shows(t, visit(e, there+"/details", form), 422, "<bdi>Languages, the fallback first</bdi> names 0 languages", "such as de, en")
	shows(t, visit(e, there+"/codes", typed("code", "X", "kind", "percent", "value", "150", "max_uses", "many")), 422, "<bdi>Tickets in all</bdi> is no number")
	shows(t, visit(e, there+"/codes", typed("code", "early", "kind", "percent", "value", "150", "valid_from", "2027-06-02T10:00", "valid_until", "2027-06-01T10:00")), 422,
		"<bdi>How much</bdi> is out of range", "0 to 100, such as 15 or 7.5", "<bdi>Valid until</bdi> is not after it begins to be valid")
	shows(t, visit(e, there+"/codes", typed("code", "early", "kind", "percent", "value", "a lot")), 422, "<bdi>How much</bdi> is no share in percent", "0 to 100, such as 15 or 7.5")
	shows(t, visit(e, there+"/codes", typed("code", "early", "kind", "amount", "value", "a lot")), 422, "<bdi>How much</bdi> is no amount in EUR", "such as 12.50")
	shows(t, visit(e, there+"/codes", typed("code", "early", "kind", "percent")), 422, "<bdi>How much</bdi> takes nothing off, and the code opens nothing")
}

func TestPagesOfNowhereAre404(t *testing.T) {
	e := newSite(t, nil, newHouse(t).eventPages())
	for _, path := range []string{"", "/details", "/categories", "/categories/new", "/codes", "/waitlist", "/texts"} {
		shows(t, visit(e, "/events/"+id.New().String()+path, nil), 404, "Not Found")
	}
	shows(t, visit(e, "/events/7", nil), 404)
}

func TestAnImportIsCheckedThenKept(t *testing.T) {
	h := newHouse(t)
	e := newSite(t, nil, h.eventPages())
	file := "slug;title;zone;starts_at;category;price;capacity\njazz;Jazz;Europe/Berlin;2027-06-01 20:00;Floor;25,00;400\n"
	shows(t, visit(e, "/events/import", typed("text", file+"jazz;;;;Seats;zwölf;10\n", "do", "check")), 422, "zwölf", `data-label="Column">price`, ">3</th>")
	shows(t, visit(e, "/events/import", typed("text", file, "do", "check")), 200, "Nothing is wrong", "Nothing was kept yet")
	shows(t, visit(e, "/events?show=all", nil), 200, "There is no event yet")
	shows(t, visit(e, "/events/import", typed("text", file, "do", "import")), 303)
	got, err := h.EventBySlug(t.Context(), "jazz")
	if err != nil || got.StartsAt.Format(time.RFC3339) != "2027-06-01T18:00:00Z" || got.Categories[0].PriceMinor != 2500 || got.Categories[0].Capacity != 400 {
		t.Errorf("%+v, %v", got, err)
	}
	shows(t, visit(e, "/events/import", typed("text", file, "do", "import")), 422, "exists already")
}
