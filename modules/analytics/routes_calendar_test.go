package analytics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/forecast"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func TestACalendarsEventsAreRivals(t *testing.T) {
	r := newForecastRig(t, 0, 1)
	e := r.upcoming()[0]
	r.must(r.saveProfile(t.Context(), r.shop.ids[e.ID], Profile{Genre: "rock", City: "Ulm"}))
	site := echo.New()
	site.HTTPErrorHandler = web.ErrorHandler(r.log, nil)
	web.Mounter{Echo: site, Guard: anyone{}}.Routes(r.calendarRoutes()...)
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	post := func(query, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/calendar"+query, strings.NewReader(body))
		r.must(err)
		res, err := http.DefaultClient.Do(req)
		r.must(err)
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(answer)
	}
	day := (e.Date + 1).Time().Format("20060102")
	file := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Rock in the yard\nDTSTART:" + day + "\nCREATED:20260101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n"
	for _, c := range []struct {
		query, body string
		status      int
		want        string
	}{
		{"?city=Ulm&genre=rock&capacity=300", file, 200, `{"events":1}`},
		{"?city=Ulm&genre=rock&capacity=300", file, 200, `{"events":1}`}, // again: replaced
		{"?genre=rock", file, 400, `"field":"city"`},
		{"?city=Ulm&capacity=many", file, 400, `"field":"capacity"`},
		{"?city=Ulm", "no calendar", 400, "does not begin a calendar"},
	} {
		if status, answer := post(c.query, c.body); status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s", c.query, status, answer)
		}
	}
	h, err := r.history(t.Context())
	r.must(err)
	rivals := h.calendar().Rivals(h.sales[0].Whole)
	if len(rivals) != 1 || rivals[0].ID != "Rock in the yard" || rivals[0].OnSale.String() != "2026-01-01" || rivals[0].Date != e.Date+1 {
		t.Fatalf("got %+v", rivals)
	}
	days := calendarDays(h, forecast.DayOf(queryNoon), map[id.ID]bool{h.sales[0].ID: true}, goldenName)
	if len(days) != 2 || days[0].Events[0].Link == "" || days[0].Events[0].Rivals == "0" || days[1].Events[0].Name != "Rock in the yard" {
		t.Errorf("got %+v", days)
	}
	r.must(r.deleteRival(t.Context(), h.rivals[0].ID))
	if left, err := r.rivals(t.Context(), 0); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}
