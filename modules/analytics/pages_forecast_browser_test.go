package analytics

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

// upload sends a file as the form on the page does, and follows to where it leads.
func upload(t *testing.T, address, name string, file []byte) (status int, page string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = form.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	_, _ = out.ReadFrom(res.Body)
	return res.StatusCode, out.String()
}

func TestBrowserLooksAtForecastPages(t *testing.T) {
	r := newForecastRig(t, 14, 4)
	ctx := t.Context()
	r.train()
	r.must(r.Foresee(ctx, nil))
	server := httptest.NewServer(newQuerySite(t, r.Service))
	t.Cleanup(server.Close)

	if status, page := upload(t, server.URL+"/forecasts/import", "wrong.csv", []byte("event_id,event_date,on_sale_date,capacity,date,sold\na,2026-05-02,2026-04-01,100,2026-04-02,six\n")); status != 422 || !strings.Contains(page, "wrong.csv: line 2, sold") {
		t.Errorf("%d %s", status, page)
	}
	var past bytes.Buffer
	r.must(bookings.WriteDaily(&past, forecasttest.NewMarket(3).Past(3, 19_000)))
	if status, page := upload(t, server.URL+"/forecasts/import", "past.csv", past.Bytes()); status != 200 || !strings.Contains(page, "0 of 3 events") {
		t.Errorf("%d %s", status, page)
	}
	orders := "Order code,Position ID,Status,Order date,Price,Event slug\nA,1,Paid,2026-04-01,20,gala\n"
	r.must(r.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := r.BeginImport(tx, "orders.csv", []byte(orders), "eva")
		return err
	}))
	list, err := r.imports(ctx, 2)
	r.must(err)
	for _, i := range list {
		r.must(r.runImport(ctx, i.ID))
	}

	ics := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Rock in the yard\nDTSTART:20260608\nEND:VEVENT\nEND:VCALENDAR\n"
	if _, err := r.ImportCalendar(ctx, []byte(ics), Surroundings{City: "Ulm", Genre: "rock", Capacity: 300}); err != nil {
		t.Fatal(err)
	}
	b := webtest.NewBrowser(t, server.URL)
	event := "/forecasts/" + r.shop.ids[r.upcoming()[3].ID].String()
	r.customersOf(90)
	r.must(r.Segment(ctx))
	for _, path := range []string{"/forecasts", "/segments", event, "/forecasts/models", "/forecasts/calibration", "/forecasts/calendar", "/forecasts/import"} {
		b.Look(path)
	}
	b.Open("/forecasts/import")
	b.Until(`document.body.innerText.includes("1 of them lack a capacity")`)
	b.Until(`document.querySelectorAll("progress").length === 2 && document.querySelector("progress").value === 100`)
	b.Quiet()
}
