package analytics

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/web"
)

// anyone lets every caller do everything.
type anyone struct{}

func (anyone) Allow(echo.Context, web.Right) error { return nil }

// queryAPI serves the JSON routes of the rig's queries.
func queryAPI(t *testing.T, s *Service) *httptest.Server {
	t.Helper()
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(s.log, nil)
	web.Mounter{Echo: e, Guard: anyone{}}.Routes(s.QueryRoutes()...)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return server
}

const revenue = `{"name": "revenue", "types": ["sale.completed"], "key": "$.category", "window": {"kind": "tumbling", "size": "1m"},
	"aggregate": {"function": "sum", "of": "$.total"}}`

func TestQueryAPI(t *testing.T) {
	r := newQueryRig(t)
	api := queryAPI(t, r.Service)
	r.run(r.Service)
	r.happen(sale("early", minute(0.2)))
	r.settled()
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/queries", "", 200, `{"items":[]}`},
		{"POST", "/v1/queries", `{"name": "Revenue!", "types": [], "filter": "$.", "window": {"kind": "tumbling", "size": "1"}, "aggregate": {"function": "sum"}, "lateness": {"late": "2d", "otherwise": "guess"}}`, 400, `"field":"name"`},
		{"POST", "/v1/queries", revenue, 201, `"origin":"dashboard"`},
		{"POST", "/v1/queries", revenue, 409, "already"},
		{"GET", "/v1/queries/revenue", "", 200, `"size":"1m"`},
		{"GET", "/v1/queries/nothing", "", 404, "no standing query"},
		{"PUT", "/v1/queries/revenue", strings.Replace(revenue, "sum", "max", 1), 200, `"function":"max"`},
		{"PUT", "/v1/queries/revenue", `{"name": "other"}`, 400, "a query keeps its name"},
		{"PUT", "/v1/queries/revenue", `{"types": ["a"]}`, 400, "aggregate.function"},
		{"POST", "/v1/queries/try", `{"definition": ` + revenue + `}`, 200, `"value":10`},
		{"POST", "/v1/queries/try", `{"definition": {"name": "x"}}`, 400, "window.kind"},
		{"POST", "/v1/queries/revenue/pause", "", 200, `"paused_at":"2026`},
		{"POST", "/v1/queries/revenue/resume", "", 200, `"paused_at":null`},
		{"POST", "/v1/queries/revenue/replay", `{"from": "2026-06-01T12:00:12Z"}`, 400, "facts are kept from"},
		{"POST", "/v1/queries/revenue/replay", `{}`, 400, "from"},
		{"GET", "/v1/queries/revenue/outputs?from=x&to=y", "", 400, `"field":"to"`},
		{"GET", "/v1/queries/revenue/outputs?cursor=x", "", 400, "cursor"},
		{"GET", "/v1/queries/revenue/provisional", "", 200, `{"items":[]}`},
		{"DELETE", "/v1/queries/revenue", "", 204, ""},
		{"DELETE", "/v1/queries/revenue", "", 404, ""},
	} {
		status, body := call(t, c.method, api.URL+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %s: %d %s; want %d and %q", c.method, c.path, c.body, status, body, c.status, c.want)
		}
	}
}

func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// Every fault of a definition is told at once, under the name it has in JSON.
func TestEveryFaultOfADefinitionIsTold(t *testing.T) {
	d := Definition{Name: "A", Types: []string{"ok", "Not", "ok"}, Filter: "$.x =", Key: "total", Window: WindowText{Kind: "hopping", Size: "90", Hop: "1m"},
		Aggregate: Aggregation{Function: "avg", Of: "$$"}, Lateness: LatenessText{Late: "-1s", Reorder: "48h", Otherwise: "maybe"}, MaxKeys: -1}
	_, err := Defaults().Windows.plan(d)
	for _, field := range []string{"name:", "types[1]:", "types[2]:", "filter:", "key:", "window.size:", "aggregate.function:", "aggregate.of:", "lateness.late:", "lateness.reorder:", "lateness.otherwise:", "max_keys:"} {
		if !strings.Contains(fmt.Sprint(err), field) {
			t.Errorf("nothing is said about %s in %v", field, err)
		}
	}
	if _, err := Defaults().Windows.plan(sales("sales")); err != nil {
		t.Error(err)
	}
}

func TestOutputsAreListedByCursor(t *testing.T) {
	r := newQueryRig(t)
	d := sales("sales")
	d.Key = "$.category"
	q := r.create(d)
	r.run(r.Service)
	var all []happening
	for i := range 40 {
		all = append(all, sale(fmt.Sprint("k", i%4), minute(float64(i/4)+0.5)))
	}
	r.happen(all...)
	r.settled()
	want := r.finalsAt(q, minute(30))
	api := queryAPI(t, r.Service)
	var got []Output
	for cursor := ""; ; {
		_, body := call(t, "GET", api.URL+"/v1/queries/sales/outputs?limit=7&cursor="+cursor, "")
		var page web.Page[Output]
		r.must(json.Unmarshal([]byte(body), &page))
		got = append(got, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(got) != 40 || told(got[0]) != told(want[39]) || told(got[39]) != told(want[0]) {
		t.Errorf("got %v", tell(got))
	}
	_, body := call(t, "GET", api.URL+"/v1/queries/sales/outputs?key=k1&from="+minute(2).Format("2006-01-02T15:04:05Z")+"&to="+minute(5).Format("2006-01-02T15:04:05Z"), "")
	if n := strings.Count(body, `"key":"k1"`); n != 3 || strings.Contains(body, `"k2"`) {
		t.Errorf("of k1 in three minutes: %s", body)
	}
}

// The live stream tells provisional outputs at once, and finals when they are.
func TestLiveOutputs(t *testing.T) {
	r := newQueryRig(t)
	q := r.create(sales("sales"))
	r.run(r.Service)
	r.happen(sale("a", minute(0)), sale("b", minute(0)))
	r.settled()
	api := queryAPI(t, r.Service)
	req, err := http.NewRequestWithContext(t.Context(), "GET", api.URL+"/v1/queries/sales/live", nil)
	r.must(err)
	answer, err := http.DefaultClient.Do(req)
	r.must(err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func() (l Live) {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				r.must(json.Unmarshal([]byte(data), &l))
				return l
			}
		}
		t.Fatal("the stream ended")
		return l
	}
	if l := next(); len(l.Provisional) != 1 || l.Provisional[0].Revision != 2 || len(l.Final) != 0 {
		t.Fatalf("first: %+v", l)
	}
	r.finalsAt(q, minute(9))
	for l := next(); ; l = next() {
		if len(l.Final) == 1 {
			expect(t, l.Final, " (11:59:00, 12:00:00] 2 of 2")
			return
		}
	}
}
