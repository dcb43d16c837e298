package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/analytics/bookings"
	"github.com/usherhq/usher/modules/analytics/forecasttest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

func TestForecastAPI(t *testing.T) {
	r := newForecastRig(t, 12, 2)
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(r.log, nil)
	web.Mounter{Echo: e, Guard: anyone{}}.Routes(slices.Concat(r.forecastRoutes(), r.segmentRoutes(), r.segmentPages())...)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	event := r.shop.ids[r.upcoming()[0].ID].String()
	var past bytes.Buffer
	r.must(bookings.WriteDaily(&past, forecasttest.NewMarket(3).Past(4, 19_000)))
	r.train()
	r.must(r.Foresee(t.Context(), nil))
	r.customersOf(60)
	r.must(r.Segment(t.Context()))
	for i, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/forecasts", "", 200, `"p_within":`},
		{"GET", "/v1/forecasts/" + event, "", 200, `"sold_out":[`},
		{"GET", "/v1/forecasts/" + id.New().String(), "", 404, "there is no forecast of it"},
		{"GET", "/v1/forecasts/x", "", 404, "there is no forecast of it"},
		{"PUT", "/v1/forecasts/" + event + "/profile", `{"genre": "rock", "tags": ["indoor"], "lat": 48.2, "lon": 16.4}`, 204, ""},
		{"PUT", "/v1/forecasts/" + event + "/profile", `{"genre": "rock", "lat": 100}`, 400, `"field":"lat"`},
		{"GET", "/v1/models", "", 200, `"promoted_by":"Usher"`},
		{"GET", "/v1/models/1", "", 200, `"names":["intercept"`},
		{"GET", "/v1/models/9", "", 404, "no such model"},
		{"POST", "/v1/models", "", 202, "asked for"},
		{"POST", "/v1/models/1/promote", "", 204, ""},
		{"POST", "/v1/models/7/promote", "", 404, "no such model"},
		{"GET", "/v1/calibration", "", 200, `"bins":`},
		{"POST", "/v1/history", past.String(), 202, `"events":4`},
		{"POST", "/v1/history", "event_id,event_date\n", 400, "on_sale_date"},
		{"GET", "/v1/history/imports", "", 200, `"state":"waiting"`},
		{"GET", "/v1/segments", "", 200, `"tag":"$Segment:{1}"`},
		{"POST", "/v1/segments", "", 202, "asked for"},
		{"GET", "/v1/segments/1/members?limit=2", "", 200, `"next":`},
		{"GET", "/v1/segments/99/members", "", 404, "no such segment"},
		{"PUT", "/v1/segments/1", `{"name": "Regulars"}`, 204, ""},
		{"PUT", "/v1/segments/1", `{"name": "` + strings.Repeat("x", 81) + `"}`, 400, `"field":"name"`},
		{"PUT", "/v1/segments/99", `{"name": "Nobody"}`, 404, "no such segment"},
		{"GET", "/segments/1/members.csv", "", 200, "segment,person\nRegulars,"},
		{"GET", "/v1/history.csv", "", 200, "event_id,event_date,on_sale_date"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
		r.must(err)
		req.Header.Set("Idempotency-Key", fmt.Sprint("key-", i))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		r.must(err)
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: %d %.300s", c.method, c.path, res.StatusCode, body)
		}
	}
	list, err := r.imports(t.Context(), 1)
	r.must(err)
	r.must(r.runImport(t.Context(), list[0].ID))
	r.must(r.runImport(t.Context(), list[0].ID)) // twice does no harm
	imported, err := r.pastEvents(t.Context())
	r.must(err)
	if list, err = r.imports(t.Context(), 1); err != nil || list[0].State != importDone || list[0].Percent() != 100 || len(imported) != 4 {
		t.Errorf("%+v with %d events, %v", list, len(imported), err)
	}
	want := forecasttest.NewMarket(3).Past(4, 19_000)
	got, err := json.Marshal(imported[0].Event.Sold)
	r.must(err)
	if w, _ := json.Marshal(want[3].Sold); !bytes.Equal(got, w) {
		t.Errorf("the latest sold %s, want %s", got, w)
	}
}

// What a house exports and imports again is known to it: no model learns from a booking twice.
func TestTheExportedHistoryIsKnownAgain(t *testing.T) {
	r := newForecastRig(t, 5, 1)
	take := func(file []byte) {
		t.Helper()
		var i Import
		r.must(r.db.InTx(t.Context(), func(tx *db.Tx) (err error) { i, err = r.BeginImport(tx, "file", file, "ana"); return err }))
		r.must(r.runImport(t.Context(), i.ID))
	}
	export := func() []byte {
		t.Helper()
		h, err := r.history(t.Context())
		r.must(err)
		var out bytes.Buffer
		r.must(bookings.WriteDaily(&out, h.over))
		return out.Bytes()
	}
	var past bytes.Buffer
	r.must(bookings.WriteDaily(&past, forecasttest.NewMarket(3).Past(4, 19_000)))
	take(past.Bytes())
	first := export()
	take(first)
	if again := export(); !bytes.Equal(again, first) {
		t.Errorf("%d lines became %d", bytes.Count(first, []byte("\n")), bytes.Count(again, []byte("\n")))
	}
}
