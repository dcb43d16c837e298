package analytics

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

func TestStreamPagesWorkWithoutJavaScript(t *testing.T) {
	r := newStreamRig(t)
	r.came()
	r.happen(sale("vip", minute(0)), sale("<day>", minute(0)), sale("camping", minute(0)))
	list := r.parked(3)
	one := "/stream/parked/" + list[0].ID.String()
	site, look := streamSite(t, r.Service, anyone{}), streamSite(t, r.Service, looker{})
	for _, step := range []struct {
		name, path string
		form       url.Values
		status     int
		want       string
	}{
		{"an hour", "/stream", nil, 200, `<dd>150</dd>`},
		{"a rate", "/stream?type=sale.completed", nil, 200, `<dt>A second, last minute</dt><dd>1.50</dd>`},
		{"a day", "/stream?span=day", nil, 200, `x.old`},
		{"rejected", "/stream", nil, 200, `data.page is missing (text)`},
		{"listeners", "/stream/listeners", nil, 200, "prints tickets"},
		{"no replay", "/stream/listeners/test.tickets/replay?from=2026-06-01T12:00", nil, 200, "Tickets would be printed twice."},
		{"not even so", "/stream/listeners/test.tickets/replay", url.Values{"from": {"2026-06-01T12:00"}}, 409, "must not handle facts again"},
		{"nobody", "/stream/listeners/nobody/replay", nil, 404, "no such listener"},
		{"what it would do", "/stream/listeners/analytics.windows/replay?from=2026-06-01T12:00", nil, 200, "about <strong>3</strong> facts"},
		{"too old", "/stream/listeners/analytics.windows/replay?from=1999-01-01T00:00", nil, 422, "facts are kept from"},
		{"no time", "/stream/listeners/analytics.windows/replay", url.Values{"from": {"soon"}}, 422, "is not a date and time"},
		{"replay", "/stream/listeners/analytics.windows/replay", url.Values{"from": {"2026-06-01T12:00"}}, 303, ""},
		{"parked", "/stream/parked", nil, 200, "the printer is &lt;out of paper&gt;"},
		{"of another", "/stream/parked?listener=other", nil, 200, "No fact is parked."},
		{"one", one, nil, 200, "&#34;total&#34;: 10"},
		{"none", "/stream/parked/" + id.New().String(), nil, 404, "no parked fact"},
		{"no id", "/stream/parked/x", nil, 404, "no parked fact"},
		{"still broken", one + "/replay", url.Values{}, 409, "still cannot be handled"},
		{"all broken", "/stream/parked/replay", url.Values{"listener": {"test.tickets"}}, 303, ""},
		{"told", "/stream/parked?done=0&failed=3", nil, 200, "0 handled, 3 still fail and stay parked."},
		{"not meant", one + "/discard", url.Values{}, 422, "tick the box"},
		{"discard", one + "/discard", url.Values{"confirm": {"yes"}}, 303, ""},
		{"gone", one, nil, 404, "no parked fact"},
		{"log", "/stream/log?type=sale.completed&key=vip&source=test&from=2026-06-01T11:00", nil, 200, ">sale.completed</a>"},
		{"nothing there", "/stream/log?type=sale.refunded", nil, 200, "No fact fits."},
		{"backwards", "/stream/log?from=2026-06-01T12:00&to=2026-06-01T11:00", nil, 422, "is not after from"},
		{"odd text", "/stream/log?key=%00", nil, 400, "no fact has such characters"},
		{"odd cursor", "/stream/log?cursor=x", nil, 400, "cursor"},
		{"its fact", factLink(list[1].Fact), nil, 200, "&#34;total&#34;: 10"},
		{"no fact", "/stream/log/1/1", nil, 404, "no such fact"},
		{"no place", "/stream/log/x/1", nil, 404, "no such fact"},
		{"export", "/stream/export", nil, 200, `value="2026-05-31T12:00"`},
		{"export what", "/stream/export?format=parquet&from=x", nil, 422, "is not a date and time"},
	} {
		answer := webtest.Visit(site, step.path, step.form)
		if answer.Code != step.status || !strings.Contains(answer.Body.String(), step.want) {
			t.Errorf("%s: %s %v: %d %s", step.name, step.path, step.form, answer.Code, answer.Body)
		}
		if step.form == nil && step.status == 200 && !strings.Contains(step.path, "/replay") {
			if seen := webtest.Visit(look, step.path, nil); seen.Code != 200 || strings.Contains(seen.Body.String(), `method="post"`) && !strings.Contains(seen.Body.String(), "/sign-out") {
				t.Errorf("%s: who may only look sees %d %s", step.name, seen.Code, seen.Body)
			}
		}
		if step.form != nil {
			if refused := webtest.Visit(look, step.path, step.form); refused.Code != 403 {
				t.Errorf("%s: who may only look gets %d", step.name, refused.Code)
			}
		}
	}
	to := webtest.Visit(site, "/stream/export?format=parquet&from=2026-06-01T11:00&to=&type=x.a%26b", nil)
	if want := "/v1/events/export?format=parquet&from=2026-06-01T11%3A00%3A00Z&type=x.a%26b"; to.Code != 303 || to.Header().Get("Location") != want {
		t.Errorf("the form leads with %d to %s, want %s", to.Code, to.Header().Get("Location"), want)
	}
	if u, err := url.Parse(to.Header().Get("Location")); err != nil {
		t.Error(err)
	} else if w, format, err := exportOf(u.Query()); err != nil || format != formatParquet || w.Type != "x.a&b" || !w.From.Equal(queryNoon.Add(-time.Hour)) {
		t.Errorf("the export understands %+v, %s, %v", w, format, err)
	}
}

// A fact that was parked has its effect once the listener is mended, and only once.
func TestAParkedFactTakesEffectOnceWhenItsListenerIsMended(t *testing.T) {
	r := newStreamRig(t)
	r.happen(sale("vip", minute(0)), sale("day", minute(0)))
	list := r.parked(2)
	site := streamSite(t, r.Service, anyone{})
	if tickets, _ := r.printed(); tickets != 0 {
		t.Fatalf("%d tickets of a broken printer", tickets)
	}
	r.mended.Store(true)
	path := "/stream/parked/" + list[0].ID.String() + "/replay"
	if answer := webtest.Visit(site, path, url.Values{}); answer.Code != 303 {
		t.Errorf("replay: %d %s", answer.Code, answer.Body)
	}
	if answer := webtest.Visit(site, path, url.Values{}); answer.Code != 404 {
		t.Errorf("the second replay: %d", answer.Code)
	}
	all := webtest.Visit(site, "/stream/parked/replay", url.Values{"listener": {"test.tickets"}})
	if to := all.Header().Get("Location"); to != "/stream/parked?done=1&failed=0&left=0" {
		t.Errorf("all: %d to %s", all.Code, to)
	}
	if tickets, distinct := r.printed(); tickets != 2 || distinct != 2 {
		t.Errorf("%d tickets for %d sales, want two for two", tickets, distinct)
	}
	if rest := webtest.Visit(site, "/stream/parked", nil); !strings.Contains(rest.Body.String(), "No fact is parked.") {
		t.Errorf("the list is %s", rest.Body)
	}
}

func TestStreamAPI(t *testing.T) {
	r := newStreamRig(t)
	r.happen(sale("a", minute(0)), sale("b", minute(0)), sale("c", minute(0)))
	list := r.parked(3)
	api := httptest.NewServer(streamSite(t, r.Service, anyone{}))
	t.Cleanup(api.Close)
	one, other := "/v1/stream/parked/"+list[0].ID.String(), "/v1/stream/parked/"+list[1].ID.String()
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/stream/listeners", "", 200, `"name":"test.tickets","about":"prints tickets","types":["sale.completed"],"behind":0,`},
		{"GET", "/v1/stream/listeners", "", 200, `"parked":3,"replayable":false,"replay_note":"Tickets would be printed twice.","partitions":[{"partition":0,`},
		{"GET", "/v1/stream/parked", "", 200, `"error":"the printer is \u003cout of paper\u003e"`},
		{"GET", "/v1/stream/parked?listener=other", "", 200, `{"items":[]}`},
		{"GET", "/v1/stream/parked?listener=%00", "", 400, "listener"},
		{"GET", "/v1/stream/parked?cursor=x", "", 400, "cursor"},
		{"GET", "/v1/stream/parked?limit=501", "", 400, "limit"},
		{"POST", one + "/replay", "", 409, "stays parked"},
		{"DELETE", one, "", 204, ""},
		{"DELETE", one, "", 404, "no parked fact"},
		{"POST", "/v1/stream/parked/x/replay", "", 404, "no parked fact"},
		{"POST", "/v1/stream/listeners/test.tickets/replay", `{"from": "2026-06-01T12:00:00Z"}`, 409, "Tickets would be printed twice."},
		{"POST", "/v1/stream/listeners/nobody/replay", `{"from": "2026-06-01T12:00:00Z"}`, 404, "no listener"},
		{"POST", "/v1/stream/listeners/analytics.carts/replay", `{"from": "1999-06-01T12:00:00Z"}`, 400, "facts are kept from"},
		{"POST", "/v1/stream/listeners/analytics.carts/replay", `{"from": "2026-06-01T12:00:01Z"}`, 400, "facts are kept from"},
		{"POST", "/v1/stream/listeners/analytics.carts/replay", `{}`, 400, "from"},
		{"POST", "/v1/stream/listeners/analytics.carts/replay", `{"from": "2026-06-01T12:00:00Z"}`, 202, `{"facts":3}`},
	} {
		status, body := call(t, c.method, api.URL+c.path, c.body)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %s: %d %s; want %d and %q", c.method, c.path, c.body, status, body, c.status, c.want)
		}
	}
	r.mended.Store(true)
	if status, body := call(t, "POST", api.URL+other+"/replay", ""); status != 204 {
		t.Errorf("after mending: %d %s", status, body)
	}
	var page web.Page[parkedView]
	_, body := call(t, "GET", api.URL+"/v1/stream/parked?limit=1", "")
	r.must(json.Unmarshal([]byte(body), &page))
	if len(page.Items) != 1 || page.Items[0].ID != list[2].ID || page.Next != "" {
		t.Errorf("what is left: %s", body)
	}
	if tickets, _ := r.printed(); tickets != 1 {
		t.Errorf("%d tickets, want one: of the fact that was replayed", tickets)
	}
}

// The live stream tells at once how the page looks, and again when more came in.
func TestStreamPageIsKeptAlive(t *testing.T) {
	r := newStreamRig(t)
	server := httptest.NewServer(streamSite(t, r.Service, anyone{}))
	t.Cleanup(server.Close)
	next := listenTo(t, server.URL+"/stream/live?span=hour")
	if first := next(); !strings.Contains(first, "Nothing came in") || strings.Count(first, `\u003ctr\u003e`) != 60 {
		t.Errorf("first: %s", first)
	}
	r.came()
	if then := next(); !strings.Contains(then, "sale.completed") {
		t.Errorf("then: %s", then)
	}
}
