package analytics

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/webtest"
)

// newQuerySite serves the query pages as the house does.
func newQuerySite(t *testing.T, s *Service) *echo.Echo {
	t.Helper()
	return webtest.NewSite(t, anyone{}, s.Pages(), nil)
}

// busyQueries is a rig with a query by category whose windows are partly final.
func busyQueries(t *testing.T) *queryRig {
	t.Helper()
	r := newQueryRig(t)
	d := sales("sales-by-category")
	d.Key, d.Filter = "$.category", "$.total > 0"
	q := r.create(d)
	r.run(r.Service)
	var all []happening
	for i := range 60 {
		all = append(all, sale([]string{"<vip>", "day", "camping"}[i%3], minute(float64(i*i)/360)))
	}
	r.happen(all...)
	r.settled()
	r.finalsAt(q, minute(9.5))
	return r
}

var queryFormWrong = url.Values{"name": {"Sales!"}, "types": {"sale.completed, Not a type"}, "filter": {"$.total >"}, "window.kind": {"hopping"}, "window.size": {"5m"},
	"window.hop": {"2m"}, "aggregate.function": {"quantile"}, "aggregate.q": {"half"}, "max_keys": {"many"}, "do": {"save"}}

var queryFormRight = url.Values{"name": {"revenue"}, "types": {"sale.completed"}, "window.kind": {"tumbling"}, "window.size": {"2m"}, "aggregate.function": {"sum"},
	"aggregate.of": {"$.total"}, "lateness.otherwise": {"adjust"}, "do": {"try"}}

// To accept a change: go test ./modules/analytics -run GoldenQuery -update
func TestGoldenQueryPages(t *testing.T) {
	r := busyQueries(t)
	site := newQuerySite(t, r.Service)
	empty := newQuerySite(t, newQueryRig(t).Service)
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"queries-none":     webtest.Visit(empty, "/queries", nil),
		"queries-busy":     webtest.Visit(site, "/queries", nil),
		"query":            webtest.Visit(site, "/queries/sales-by-category", nil),
		"query-edit-new":   webtest.Visit(site, "/queries/new", nil),
		"query-edit-wrong": webtest.Visit(site, "/queries/new", queryFormWrong),
		"query-edit-trial": webtest.Visit(site, "/queries/new", queryFormRight),
	} {
		webtest.Same(t, filepath.Join("testdata", "pages", name+".html"), webtest.Main(answer.Body.Bytes()))
	}
}

// The form makes, changes, pauses, replays and deletes a query without JavaScript.
func TestQueryPagesWorkWithoutJavaScript(t *testing.T) {
	r := newQueryRig(t)
	r.run(r.Service)
	r.happen(sale("vip", minute(0)))
	r.settled()
	site := newQuerySite(t, r.Service)
	form := url.Values{}
	maps.Copy(form, queryFormRight)
	try := webtest.Visit(site, "/queries/new", form)
	if body := try.Body.String(); try.Code != 200 || !strings.Contains(body, "<strong>1</strong> count") || !strings.Contains(body, `<td class="num">10</td>`) {
		t.Fatalf("trying out: %d %s", try.Code, body)
	}
	form.Set("do", "save")
	for _, step := range []struct {
		path   string
		form   url.Values
		status int
		want   string
	}{
		{"/queries/new", form, 303, ""},
		{"/queries/new", form, 422, "already"},
		{"/queries/new", queryFormWrong, 422, "is not a name"},
		{"/queries/revenue", nil, 200, "sum of $.total every 2m in sale.completed"},
		{"/queries/revenue/edit", nil, 200, `value="$.total"`},
		{"/queries/revenue/edit", url.Values{"types": {"sale.completed"}, "window.kind": {"tumbling"}, "window.size": {"1m"}, "aggregate.function": {"count"}, "do": {"save"}}, 303, ""},
		{"/queries/revenue", nil, 200, "count of facts every 1m"},
		{"/queries/revenue/pause", url.Values{}, 303, ""},
		{"/queries/revenue", nil, 200, "paused"},
		{"/queries/revenue/resume", url.Values{}, 303, ""},
		{"/queries/revenue/replay", url.Values{"from": {"soon"}}, 422, "is not a date and time"},
		{"/queries/revenue/replay", url.Values{"from": {"1999-01-01T00:00"}}, 422, "facts are kept from"},
		{"/queries/revenue/replay", url.Values{"from": {"2026-06-01T12:00"}}, 303, ""},
		{"/queries/nothing", nil, 404, "no standing query"},
	} {
		answer := webtest.Visit(site, step.path, step.form)
		if answer.Code != step.status || !strings.Contains(answer.Body.String(), step.want) {
			t.Errorf("%s %v: %d %s", step.path, step.form, answer.Code, answer.Body)
		}
	}
	r.settled()
	q, err := r.Query(t.Context(), "revenue")
	r.must(err)
	expect(t, r.finalsAt(q, minute(9)), " (11:59:00, 12:00:00] 1 of 1")
	file := webtest.Visit(site, "/queries/revenue/outputs.csv", nil)
	if want := fmt.Sprintf("end,start,key,value,facts,complete,final_at\n2026-06-01T12:00:00Z,2026-06-01T11:59:00Z,,1,1,true,%s\n", minute(9).Format(time.RFC3339Nano)); file.Body.String() != want {
		t.Errorf("the file is %s, want %s", file.Body, want)
	}
	if gone := webtest.Visit(site, "/queries/revenue/delete", url.Values{}); gone.Code != 303 {
		t.Errorf("deleting: %d", gone.Code)
	}
	if rest := webtest.Visit(site, "/queries", nil); !strings.Contains(rest.Body.String(), "Nothing is counted yet") {
		t.Errorf("the list is %s", rest.Body)
	}
}

// Staff is shown nothing that only an admin may press, and may not press it.
func TestStaffLooksAtQueries(t *testing.T) {
	r := busyQueries(t)
	site := streamSite(t, r.Service, looker{})
	for _, path := range []string{"/queries", "/queries/sales-by-category"} {
		page := webtest.Visit(site, path, nil)
		if body := page.Body.String(); page.Code != 200 || strings.Contains(body, `method="post"`) || strings.Contains(body, "/queries/new") || strings.Contains(body, "/edit") {
			t.Errorf("%s: %d %s", path, page.Code, body)
		}
	}
	for _, path := range []string{"/queries/new", "/queries/sales/edit", "/queries/sales/pause", "/queries/sales/resume", "/queries/sales/replay", "/queries/sales/delete"} {
		if page := webtest.Visit(site, path, url.Values{}); page.Code != 403 {
			t.Errorf("%s: %d", path, page.Code)
		}
	}
}
