package analytics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/analytics/forecast"
)

// A forecast is seen from the end of yesterday; what is sold is told as of now, and
// events by the name that their buyers know.
func TestForecastPagesTellWhatIsSoldNow(t *testing.T) {
	r := newForecastRig(t, 6, 2)
	r.must(r.Foresee(t.Context(), nil))
	e, today := r.upcoming()[0], forecast.DayOf(r.clock.Now())
	e.Sold[today-e.OnSale] += 3 // since
	now, event := e.SoldBy(today), r.shop.ids[e.ID].String()
	site := newQuerySite(t, r.Service)
	for path, want := range map[string]string{
		"/forecasts":          fmt.Sprintf(`%d <span class="quiet">of %d</span>`, now, e.Capacity),
		"/forecasts/" + event: fmt.Sprintf(`<dd>%d of %d</dd>`, now, e.Capacity),
		"/forecasts/calendar": fmt.Sprintf(`<a href="/forecasts/%s"><bdi>Gala %s</bdi></a>`, event, e.ID),
	} {
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if page := rec.Body.String(); rec.Code != http.StatusOK || !strings.Contains(page, want) || !strings.Contains(page, "<bdi>Gala "+e.ID+"</bdi>") {
			t.Errorf("%s: %d, no %s in %s", path, rec.Code, want, page)
		}
	}
}
