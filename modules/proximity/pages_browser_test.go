package proximity

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// siteOf is the module's pages and API over HTTP.
func siteOf(t *testing.T, s *Service) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(webtest.NewSite(t, webtest.Everyone{}, s.Pages(), s.Routes()))
	t.Cleanup(server.Close)
	return server
}

// post sends a form and gives the status and the page.
func post(t *testing.T, base, path string, form url.Values) (int, string) {
	t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.PostForm(base+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(res.Body)
	return res.StatusCode, b.String()
}

// Everything on the plan can be made by forms alone; what is refused stays as it was typed.
func TestVenueByForms(t *testing.T) {
	y := newYard(t)
	server := siteOf(t, y.Service)
	at := "/venues/" + y.venue.ID.String()
	for _, f := range []url.Values{
		{"what": {"zone"}, "name": {"Food court"}, "kind": {"area"}, "outline": {"45,30 60,30 60,45"}},
		{"what": {"beacon"}, "code": {"F7826DA6-4FA2-4E98-8024-BC5B71E0893E/1/7"}, "zone": {"Food court"}, "x": {"50"}, "y": {"33"}},
		{"what": {"stall"}, "name": {"Pizza"}, "zone": {"Food court"}, "x": {"55"}, "y": {"32"}, "servers": {"3"}, "queue_high": {"9"}, "tills": {"Pizza-1, pizza-2"}},
		{"what": {"zone"}, "was": {"Main stage"}, "name": {"Big stage"}, "kind": {"stage"}, "outline": {"10,10 40,10 40,40 10,40"}},
	} {
		if status, page := post(t, server.URL, at, f); status != http.StatusSeeOther {
			t.Fatalf("%v: %d %s", f, status, page)
		}
	}
	v, err := y.Venue(t.Context(), y.venue.ID)
	y.must(err)
	if z := v.zone("Big stage"); z == nil || z.ID != y.venue.zone("Main stage").ID || v.stall("Pizza") == nil || v.stall("Pizza").Tills[0] != "pizza-1" {
		t.Errorf("%+v", v)
	}
	for _, b := range v.Beacons {
		if b.Code == "stage-1" && b.Zone != "Big stage" {
			t.Errorf("a beacon stayed in the zone that was renamed: %+v", b)
		}
	}
	status, page := post(t, server.URL, at, url.Values{"what": {"zone"}, "name": {"Outside"}, "kind": {"area"}, "outline": {"90,50 130,50 130,55"}})
	if status != http.StatusUnprocessableEntity || !strings.Contains(page, "outside the plan") || !strings.Contains(page, "90,50 130,50 130,55") {
		t.Errorf("%d %s", status, page)
	}
}

// A plan that could do something does nothing: it is served under a policy of its own, and
// what is no picture is refused.
func TestPlansAreInert(t *testing.T) {
	y := newYard(t)
	server := siteOf(t, y.Service)
	upload := func(picture string) (int, string) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		file, _ := form.CreateFormFile("plan", "plan.svg")
		_, _ = file.Write([]byte(picture))
		_ = form.WriteField("width", "120")
		_ = form.Close()
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := c.Post(server.URL+"/venues/"+y.venue.ID.String()+"/plan", form.FormDataContentType(), &body)
		y.must(err)
		defer res.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(res.Body)
		return res.StatusCode, b.String()
	}
	for _, bad := range []string{"", "GIF89a", "<html/>", "<svg>", `<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2">&a;</svg>`, `<svg xmlns="http://www.w3.org/2000/svg"/>`} {
		if status, page := upload(bad); status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d %s", bad, status, page)
		}
	}
	if status, page := upload(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200"><script>document.title="evil"</script><rect width="400" height="200" fill="#eee"/></svg>`); status != http.StatusSeeOther {
		t.Fatal(status, page)
	}
	v, err := y.Venue(t.Context(), y.venue.ID)
	if err != nil || v.Width != 120 || v.Height != 60 {
		t.Errorf("%g × %g %v", v.Width, v.Height, err)
	}
	res, err := http.Get(server.URL + "/venues/" + v.ID.String() + "/plan")
	y.must(err)
	defer res.Body.Close()
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "sandbox") || strings.Contains(p, "script-src") || res.Header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%v", res.Header)
	}
	b := webtest.NewBrowser(t, server.URL)
	b.Open("/venues/" + v.ID.String() + "/plan")
	if title := b.Text("document.title"); title == "evil" {
		t.Error("a script in a plan ran")
	}
}

// lively makes a yard with a crowd, queues, pictures and an offer that fired.
func lively(t *testing.T) (*yard, Offer) {
	t.Helper()
	y := newYard(t)
	_, err := y.PutPlan(t.Context(), y.venue.ID, []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 60"><rect x="8" y="8" width="34" height="34" fill="#cfd8d3"/></svg>`), 0)
	y.must(err)
	y.event.Attendance = 30
	_, _, err = y.PutEvent(t.Context(), y.event)
	y.must(err)
	y.agree(30)
	o := y.barOffer(func(o *Offer) { o.Holdout = 0.2 })
	for i := 16; i < 30; i++ {
		y.stay(phone(i), "stage-1", noon.Add(time.Duration(i)*time.Second), 90*time.Second)
	}
	y.clock.Advance(noon.Sub(y.clock.Now()))
	y.crowdAtBar(16, 6)
	y.clock.Advance(2 * time.Minute)
	y.must(y.Publish(t.Context()))
	return y, o
}

// The pages at phone and desktop width, light and dark, for people who see and who do not.
func TestBrowserFindsPagesAccessible(t *testing.T) {
	y, o := lively(t)
	server := siteOf(t, y.Service)
	v := y.give(o, 1)
	b := webtest.NewBrowser(t, server.URL)
	paths := []string{"/venues", "/venues/" + y.venue.ID.String(), "/crowd?event=summer", "/offers", "/offers/new", "/offers/" + o.ID.String(), "/till?till=bar-till-1"}
	if len(v) > 0 {
		paths = append(paths, "/vouchers/"+v[0].Code)
	}
	for _, path := range paths {
		b.Look(path)
		take(b, path)
	}
	b.Quiet()
}

// Clicks on the plan fill the form; the slider draws the day.
func TestBrowserDrawsAZone(t *testing.T) {
	y, _ := lively(t)
	server := siteOf(t, y.Service)
	b := webtest.NewBrowser(t, server.URL)
	b.Dress(1280, "light")
	b.Open("/venues/" + y.venue.ID.String())
	b.Until(`[...document.querySelectorAll("#zones details")].at(-1).querySelector("[data-start]").hidden === false`)
	b.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("#zones details")].at(-1).open = true;
		[...document.querySelectorAll("#zones details")].at(-1).querySelector("[data-start]").click();
		{ const plan = document.querySelector("[data-plan]"), box = plan.getBoundingClientRect();
		for (const [x, y] of [[.5, .5], [.6, .5], [.6, .7]]) plan.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: box.left + x * box.width, clientY: box.top + y * box.height })); } void 0`)))
	b.Until(`document.querySelector(".plan-sketch").getAttribute("points").split(" ").length === 3`)
	b.Do(chromedp.Steps(chromedp.Evaluate[chromedp.Void](`{ const form = [...document.querySelectorAll("#zones details")].at(-1).querySelector("form"); form.elements.name.value = "Drawn"; form.querySelector("[value=save]").click(); } void 0`)))
	b.Until(`[...document.querySelectorAll("#zones summary")].some((s) => s.textContent.includes("Drawn"))`)
	b.Open("/crowd?event=summer")
	b.Until(`document.querySelector(".uplot") !== null`)
	b.Quiet()
}

// A till looks a voucher up, redeems it, and is told why a second time.
func TestTillPage(t *testing.T) {
	y := newYard(t)
	code := y.give(y.barOffer(), 1)[0].Code
	server := siteOf(t, y.Service)
	form := url.Values{"till": {"bar-till-1"}, "code": {strings.ToLower(code)}, "do": {"lock"}}
	if status, page := post(t, server.URL, "/till", form); status != http.StatusOK || !strings.Contains(page, "2.00 EUR off") {
		t.Fatal(status, page)
	}
	form.Set("do", "redeem")
	if status, page := post(t, server.URL, "/till", form); status != http.StatusOK || !strings.Contains(page, "Redeemed") {
		t.Fatal(status, page)
	}
	if status, page := post(t, server.URL, "/till", form); status != http.StatusUnprocessableEntity || !strings.Contains(page, "was redeemed at") {
		t.Fatal(status, page)
	}
	var n int
	y.must(y.db.InTx(context.Background(), func(tx *db.Tx) error {
		return tx.Conn().QueryRow(tx.Ctx(), `SELECT count(*) FROM proximity.voucher WHERE status = 'redeemed'`).Scan(&n)
	}))
	if n != 1 {
		t.Error(n)
	}
}
