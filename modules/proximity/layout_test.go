package proximity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/webtest"
	"github.com/usherhq/usher/modules/proximity/heatmap"
)

// fair is a venue whose stall beside the stage sells the tea that nobody likes.
func fair() Venue {
	v := Venue{Name: "Fair", Width: 120, Height: 70, Zones: []Zone{
		{Name: "Main stage", Kind: KindStage, Outline: square(8, 15, 36)},
		{Name: "Lawn", Kind: KindArea, Outline: square(50, 6, 22)},
		{Name: "Park", Kind: KindArea, Outline: square(50, 40, 22)},
		{Name: "Gate", Kind: KindEntrance, Outline: square(100, 50, 14), Width: 1},
	}}
	for i, t := range []Stall{{Name: "Tea", X: 48, Y: 35}, {Name: "Crêpes", X: 78, Y: 12}, {Name: "Pizza", X: 82, Y: 40}, {Name: "Bar", X: 110, Y: 20}, {Name: "Shirts", X: 92, Y: 62}} {
		zone := t.Name + " queue"
		v.Zones = append(v.Zones, Zone{Name: zone, Kind: KindQueue, Outline: square(t.X-2, t.Y+1, 4)})
		t.Zone, t.Servers, t.QueueHigh = zone, 1, 15
		t.Tills = []string{fmt.Sprintf("fair-%d", i)}
		v.Stalls = append(v.Stalls, t)
	}
	return v
}

// hold lets n phones walk about the fair for 80 minutes, and the event end: visits and seconds
// as the listener writes them, from a simulation of its own.
func (y *yard) hold(n int) {
	y.t.Helper()
	var err error
	y.venue, err = y.CreateVenue(y.t.Context(), fair())
	y.must(err)
	y.event, _, err = y.PutEvent(y.t.Context(), Event{Name: "fair", Title: "Spring fair", Venue: y.venue.ID, OpensAt: noon, EndsAt: noon.Add(80 * time.Minute), Attendance: 2 * n})
	y.must(err)
	r := rand.New(rand.NewPCG(3, 5))
	appeal := map[string]float64{"Tea": .05, "Crêpes": .5, "Pizza": .55, "Bar": .7, "Shirts": .5}
	y.must(y.in(func(tx *db.Tx) error {
		w := newWatch(y.Service, tx)
		w.devices = map[pseudonym]*device{}
		for i := range n {
			d := &device{pseudonym: pseudonym{y.event.ID, ref{byte(i), byte(i >> 8), 1}}, installation: fmt.Sprint("fair-", i), app: "festival", seenAt: noon}
			y.wander(r, w, d, appeal)
			if _, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO proximity.device (event, ref, installation, app, seen_at, state) VALUES ($1, $2, $3, $4, $5, '')`, d.event, d.ref[:], d.installation, d.app, noon); err != nil {
				return err
			}
		}
		if err := writeVisits(tx, w.visits); err != nil {
			return err
		}
		return addPresence(tx, w.spent)
	}))
	y.clock.Advance(noon.Add(100 * time.Minute).Sub(y.clock.Now()))
	y.must(y.Publish(y.t.Context()))
}

// wander is one phone's evening: in at the gate, to areas, now and then to a stall.
func (y *yard) wander(r *rand.Rand, w *watch, d *device, appeal map[string]float64) {
	at := noon.Add(time.Duration(r.IntN(900)) * time.Second)
	stay := func(zone string, long time.Duration) {
		z := y.venue.zone(zone)
		x, v := z.Outline[0][0]+r.Float64()*(z.Outline[2][0]-z.Outline[0][0]), z.Outline[0][1]+r.Float64()*(z.Outline[2][1]-z.Outline[0][1])
		until := at.Add(long)
		w.visits = append(w.visits, visitChange{pseudonym: d.pseudonym, zone: z.ID, entered: at, left: &until, confidence: "high"})
		for minute := at.Truncate(time.Minute); minute.Before(until); minute = minute.Add(time.Minute) {
			w.spent[spell{d.pseudonym, minute, int32(heatmap.GridOf(y.venue.Width, y.venue.Height).At(x, v))}] += 50
		}
		at = until.Add(40 * time.Second)
	}
	stay("Gate", time.Minute)
	for at.Before(noon.Add(75 * time.Minute)) {
		stay([]string{"Main stage", "Main stage", "Main stage", "Lawn", "Park"}[r.IntN(5)], time.Duration(240+r.IntN(600))*time.Second)
		for _, i := range r.Perm(len(y.venue.Stalls)) {
			if name := y.venue.Stalls[i].Name; r.Float64() < appeal[name]/3 {
				stay(name+" queue", time.Duration(60+r.IntN(180))*time.Second)
				break
			}
		}
	}
}

// The report finds the tea that nobody wants, the gate that is too narrow, and that another
// stall should stand beside the stage; what is pinned stays.
func TestLayoutReport(t *testing.T) {
	y := newYard(t)
	y.hold(900)
	report, v, err := y.Layout(t.Context(), "fair")
	y.must(err)
	if !report.Complete || len(report.Flow) == 0 || report.Hour.IsZero() {
		t.Fatalf("%+v", report)
	}
	if len(report.Bottlenecks) != 1 || report.Bottlenecks[0].Name != "Gate" || report.Bottlenecks[0].WidthNeed <= 1 {
		t.Errorf("bottlenecks: %+v", report.Bottlenecks)
	}
	if len(report.Underused) != 1 || report.Underused[0].Stall != "Tea" {
		t.Errorf("under-used: %+v", report.Underused)
	}
	b := report.Better
	if b == nil || b.Moved < 2 || b.WalkingAfter >= b.WalkingBefore || b.PeakAfter > 1.05*b.PeakBefore {
		t.Fatalf("better: %+v", b)
	}
	tea := slices.IndexFunc(v.Stalls, func(t Stall) bool { return t.Name == "Tea" })
	if report.sites[tea].X != 48 || b.Sites[tea].X == 48 {
		t.Errorf("the tea that nobody wants keeps the place beside the stage: %+v", b.Sites[tea])
	}
	_, err = y.ChangeVenue(t.Context(), v.ID, func(v *Venue) error { v.stall("Tea").Pinned = true; return nil })
	y.must(err)
	pinned, _, err := y.Layout(t.Context(), "fair")
	if err != nil || pinned.Better != nil && (pinned.Better.Sites[tea].X != 48 || pinned.Better.WalkingAfter < b.WalkingAfter) {
		t.Errorf("the pinned tea moved: %+v %v", pinned.Better, err)
	}
	if n := y.number(`SELECT count(*) FROM proximity.picture WHERE product = 'errands'`); n != 1 {
		t.Errorf("the errands were published %d times", n)
	}
}

// The page, its files and the API tell the same; a pin is a click.
func TestLayoutPage(t *testing.T) {
	y := newYard(t)
	y.hold(900)
	server := siteOf(t, y.Service)
	page := get(t, server.URL+"/crowd/layout?event=fair")
	for _, want := range []string{"Gate", "Tea", "Before", "After", "person-kilometres", "layout.csv", "layout.png"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if sheet := get(t, server.URL+"/crowd/layout.csv?event=fair"); !strings.Contains(sheet, "stall,Bar,110,20,") || !strings.Contains(sheet, "under-used,Tea") || !strings.Contains(sheet, "walking,") {
		t.Error(sheet)
	}
	m, err := png.Decode(strings.NewReader(get(t, server.URL+"/crowd/layout.png?event=fair")))
	if err != nil || m.Bounds().Dx() < 1200 {
		t.Errorf("%v %v", m, err)
	}
	var report Layout
	if err := json.Unmarshal([]byte(get(t, server.URL+"/v1/venue-events/fair/layout")), &report); err != nil || report.Better == nil || report.Better.Sites[0].ID != "Bar" {
		t.Errorf("%+v %v", report, err)
	}
	if status, page := post(t, server.URL, "/crowd/layout/pins", url.Values{"event": {"fair"}, "stall": {"Bar"}, "pinned": {"yes"}}); status != http.StatusSeeOther {
		t.Error(status, page)
	}
	if v, err := y.Venue(t.Context(), y.venue.ID); err != nil || !v.stall("Bar").Pinned || v.stall("Tea").Pinned {
		t.Errorf("%+v %v", v.Stalls, err)
	}
	if page := get(t, server.URL+"/crowd/layout?event=summer"); !strings.Contains(page, "a quarter of an hour after its end") {
		t.Error("an event that goes on does not say when its report comes")
	}
}

// get reads a page that must be there.
func get(t testing.TB, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(address, res.StatusCode, string(body), err)
	}
	return string(bytes.TrimSpace(body))
}

// The report at phone and desktop width, light and dark.
func TestBrowserFindsTheReportAccessible(t *testing.T) {
	y := newYard(t)
	y.hold(900)
	_, err := y.PutPlan(t.Context(), y.venue.ID, []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 70"><rect width="120" height="70" fill="#e8e4d6"/><rect x="8" y="12" width="36" height="4" fill="#8d8774"/><path d="M107 64V40H60" stroke="#cfc8b2" stroke-width="4" fill="none"/></svg>`), 0)
	y.must(err)
	b := webtest.NewBrowser(t, siteOf(t, y.Service).URL)
	for _, path := range []string{"/crowd/layout?event=fair", "/crowd?event=fair"} {
		b.Look(path)
		take(b, path)
	}
	b.Quiet()
}

// take keeps screenshots of a page, for who wants to look: PICTURES names the directory.
func take(b *webtest.Browser, path string) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.Dress(width, scheme)
			b.Open(path)
			time.Sleep(400 * time.Millisecond) // until charts are drawn
			for part := range 4 {
				b.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("scrollTo({top: %d * innerHeight, behavior: \"instant\"}); void 0", part))))
				b.Picture(filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%d.png", strings.NewReplacer("/", "_", "?", "_", "=", "_").Replace(path[1:]), width, scheme, part)))
			}
		}
	}
}
