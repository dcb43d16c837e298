package analytics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// holder is a guard that knows one right beside Listen: the caller's.
type holder struct{ right web.Right }

func (h holder) Allow(_ echo.Context, r web.Right) error {
	if r == web.Listen || r == h.right || h.right == web.Manage {
		return nil
	}
	return fault.E("test", fault.Forbidden, "no", nil)
}

// gate is the ingest door over HTTP, on a database of its own.
type gate struct {
	*Service
	t     *testing.T
	clock *clock.Fixed
	url   string

	server *httptest.Server
}

var gateNoon = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

func newGate(t *testing.T, right web.Right, change ...func(*Config)) *gate {
	t.Helper()
	g := &gate{t: t, clock: clock.At(gateNoon)}
	d := dbtest.New(t, dbtest.WithClock(g.clock))
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg := Defaults()
	for _, c := range change {
		c(&cfg)
	}
	g.Service = New(cfg, d, stream.New(d, stream.Config{}, log), nil, nil, nil, log)
	t.Cleanup(g.Close)
	e := echo.New()
	e.HTTPErrorHandler = web.ErrorHandler(log, nil)
	web.Mounter{Echo: e, Guard: holder{right}}.Routes(slices.Concat(g.ingestRoutes(), g.exportRoutes())...)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	g.url, g.server = server.URL, server
	return g
}

// post sends a body and gives the status, Retry-After and the answer.
func (g *gate) post(kind string, body []byte, headers ...string) (int, answerToEvents) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), "POST", g.url+"/v1/events", bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	a := answerToEvents{retry: res.Header.Get("Retry-After")}
	if err := json.Unmarshal(b, &a); err != nil {
		g.t.Fatalf("%d %s: %v", res.StatusCode, b, err)
	}
	return res.StatusCode, a
}

type answerToEvents struct {
	Result
	Code  string `json:"code"`
	Fix   string `json:"fix"`
	retry string
}

func (a answerToEvents) counts() string {
	return fmt.Sprintf("%d accepted, %d duplicate, %d rejected", a.Accepted, a.Duplicate, len(a.Rejected))
}

// toldEvent is a good structured event of a free type.
func toldEvent(id string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/test","type":"x.told","data":{"n":1}}`
}

const (
	structuredKind = "application/cloudevents+json; charset=utf-8"
	batchKind      = "application/cloudevents-batch+json"
	linesKind      = "application/x-ndjson"
)

func TestEventsComeInEveryForm(t *testing.T) {
	g := newGate(t, web.Send)
	for _, tc := range []struct {
		name, kind, body string
		headers          []string
		status           int
		want             string
	}{
		{"structured", structuredKind, toldEvent("1"), nil, 202, "1 accepted, 0 duplicate, 0 rejected"},
		{"repeated in another form", batchKind, "[" + toldEvent("1") + "]", nil, 202, "0 accepted, 1 duplicate, 0 rejected"},
		{"batch", batchKind, "[" + toldEvent("2") + "," + toldEvent("3") + "," + toldEvent("2") + "]", nil, 202, "2 accepted, 1 duplicate, 0 rejected"},
		{"empty batch", batchKind, "[]", nil, 202, "0 accepted, 0 duplicate, 0 rejected"},
		{"lines, one of them broken", linesKind, toldEvent("4") + "\n\n{\n" + toldEvent("5"), nil, 202, "2 accepted, 0 duplicate, 1 rejected"},
		{"binary", "application/json", `{"n":2}`, []string{"ce-specversion", "1.0", "ce-id", "6", "ce-source", "/test", "ce-type", "x.told"}, 202, "1 accepted, 0 duplicate, 0 rejected"},
		{"binary text", "text/plain", `Grüezi`, []string{"ce-specversion", "1.0", "ce-id", "7", "ce-source", "/te%20st", "ce-type", "x.told"}, 202, "1 accepted, 0 duplicate, 0 rejected"},
		{"binary without data", "application/json", ``, []string{"ce-specversion", "1.0", "ce-id", "8", "ce-source", "/test", "ce-type", "x.told"}, 202, "1 accepted, 0 duplicate, 0 rejected"},
		{"base64", structuredKind, `{"specversion":"1.0","id":"9","source":"/test","type":"x.told","data_base64":"eyJuIjoxfQ=="}`, nil, 202, "1 accepted, 0 duplicate, 0 rejected"},
		{"all wrong", batchKind, `[{},1]`, nil, 400, "0 accepted, 0 duplicate, 2 rejected"},
		{"broken batch", batchKind, "[" + toldEvent("10"), nil, 400, "0 accepted, 0 duplicate, 0 rejected"},
		{"another media type", "application/json", toldEvent("11"), nil, 400, "0 accepted, 0 duplicate, 0 rejected"},
		{"another format", "application/cloudevents+avro", "x", nil, 400, "0 accepted, 0 duplicate, 0 rejected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, a := g.post(tc.kind, []byte(tc.body), tc.headers...)
			if status != tc.status || a.counts() != tc.want {
				t.Errorf("%d, %s: %+v", status, a.counts(), a)
			}
		})
	}
	if n := len(g.facts()); n != 9 {
		t.Errorf("%d facts in the log", n)
	}
}

func (g *gate) facts() []stream.Fact {
	g.t.Helper()
	all, err := g.stream.Recent(g.t.Context(), nil, 50_000)
	if err != nil {
		g.t.Fatal(err)
	}
	return all
}

func TestRejectionsSayWhereAndHowToMend(t *testing.T) {
	g := newGate(t, web.Send)
	event := func(members string) string {
		return `{"specversion":"1.0","id":"1","source":"/test",` + members + `}`
	}
	for _, tc := range []struct{ body, field, fix string }{
		{`{"specversion":"0.3","id":"1","source":"/t","type":"x.a"}`, "specversion", "1.0"},
		{event(`"type":"page.veiwed"`), "type", "did you mean page.viewed? A type of your own begins with x."},
		{event(`"type":"x."`), "type", "known are"},
		{event(`"type":7`), "type", ""},
		{event(`"type":"x.a","time":"yesterday"`), "time", "such as"},
		{event(`"type":"x.a","time":"2026-07-10T12:05:01Z"`), "time", "set the sender's clock"},
		{event(`"type":"x.a","time":"2026-01-01T00:00:00Z"`), "time", "events are kept for 90 days"},
		{event(`"type":"x.a","data":"` + strings.Repeat("a", 64<<10) + `"`), "data", "at most 64 KB"},
		{event(`"type":"x.a","subject":"` + strings.Repeat("a", 300) + `"`), "partitionkey", "at most 256 bytes"},
		{event(`"type":"x.a","data":1,"data_base64":"MQ=="`), "data_base64", "send one"},
		{event(`"type":"x.a","data_base64":"no base64"`), "data_base64", ""},
		{event(`"type":"x.a","datacontenttype":"image/png","data_base64":"MQ=="`), "datacontenttype", "send the data as application/json"},
		{`{"specversion":"1.0","id":"1","source":"usher","type":"x.a"}`, "source", "name your system"},
		{`{"specversion":"1.0","id":"1","type":"x.a"}`, "source", ""},
		{event(`"type":"page.viewed"`), "data", ""},
		{event(`"type":"page.viewed","data":{}`), "data.page", "text of 1 to 2000"},
		{event(`"type":"beacon.sighting","data":{"installation":"i","beacon":"b","rssi":"loud"}`), "data.rssi", "a number from -127 to 20"},
		{event(`"type":"beacon.sighting","data":{"installation":"i","beacon":"b","rssi":-300}`), "data.rssi", "a number from -127 to 20"},
		{event(`"type":"beacon.sighting","data":{"installation":"i","beacon":"b","rssi":-60,"tx_ref":"2m"}`), "data.tx_ref", "1m or 0m"},
		{event(`"type":"sale.completed","data":{"event":"e","order":"o","quantity":1.5,"amount":1,"currency":"EUR"}`), "data.quantity", "a whole number"},
		{event(`"type":"cart.opened","data":{"cart":"c","hold_until":"soon"}`), "data.hold_until", "such as"},
	} {
		status, a := g.post(structuredKind, []byte(tc.body))
		if status != 400 || a.Code != "invalid" || len(a.Rejected) != 1 {
			t.Errorf("%.100s: %d %+v", tc.body, status, a)
			continue
		}
		found := false
		for _, f := range a.Rejected[0].Errors {
			found = found || f.Name == tc.field && strings.Contains(f.Fix, tc.fix)
		}
		if !found {
			t.Errorf("%.100s: %+v, want %s %q", tc.body, a.Rejected[0].Errors, tc.field, tc.fix)
		}
	}
	if n := len(g.facts()); n != 0 {
		t.Errorf("%d facts in the log", n)
	}
}

// One table says which key may send what.
func TestRightsOfTypes(t *testing.T) {
	for typ, data := range map[string]string{
		"beacon.sighting":  `{"installation":"i","beacon":"b","rssi":-60.5}`,
		"location.fix":     `{"installation":"i","lat":48.1,"lon":11.5,"accuracy":10}`,
		"page.viewed":      `{"page":"/tickets"}`,
		"sale.completed":   `{"event":"e","order":"o","quantity":2,"amount":5000,"currency":"EUR"}`,
		"cart.opened":      `{"cart":"c","hold_until":"2026-07-10T12:10:00Z"}`,
		"cart.item_added":  `{"cart":"c","quantity":1}`,
		"cart.abandoned":   `{"cart":"c"}`,
		"social.post":      `{"text":"Great!"}`,
		"weather.observed": `{"station":"s","temperature":-3}`,
		"x.anything":       `[1,2]`,
	} {
		t.Run(typ, func(t *testing.T) {
			body := []byte(`{"specversion":"1.0","id":"1","source":"/test","type":"` + typ + `","data":` + data + `}`)
			free := map[string]bool{"beacon.sighting": true, "location.fix": true, "page.viewed": true}[typ]
			status, a := newGate(t, web.Listen).post(structuredKind, body)
			if free && status != 202 || !free && (status != 403 || a.Code != "forbidden" || len(a.Rejected) != 1) {
				t.Errorf("with Listen: %d %+v", status, a)
			}
			if status, a := newGate(t, web.Send).post(structuredKind, body); status != 202 {
				t.Errorf("with Send: %d %+v", status, a)
			}
		})
	}
}

func TestOrderingKeyAndTimeOfAnEvent(t *testing.T) {
	g := newGate(t, web.Send)
	event := func(id, members string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/test","type":"x.a"` + members + `}` + "\n"
	}
	status, a := g.post(linesKind, []byte(event("1", `,"subject":"cart-1","partitionkey":"k"`)+event("2", `,"subject":"cart-1"`)+event("3", "")+
		event("4", `,"time":"2026-07-10T13:59:59.1234567+02:00"`)))
	if status != 202 || a.Accepted != 4 {
		t.Fatalf("%d %+v", status, a)
	}
	for _, f := range g.facts() {
		key := map[string]string{"1": "k", "2": "cart-1", "3": "/test", "4": "/test"}[f.SourceID]
		at := gateNoon
		if f.SourceID == "4" {
			at = time.Date(2026, 7, 10, 11, 59, 59, 123456000, time.UTC)
		}
		if f.Key != key || !f.Time.Equal(at) || !f.ReceivedAt.Equal(gateNoon) {
			t.Errorf("%+v", f)
		}
	}
}

func TestTooManyEvents(t *testing.T) {
	g := newGate(t, web.Send)
	many := "[" + strings.TrimSuffix(strings.Repeat(toldEvent("1")+",", ingestEvents+1), ",") + "]"
	if status, a := g.post(batchKind, []byte(many)); status != 413 {
		t.Errorf("1001 events: %d %+v", status, a)
	}
	if status, a := g.post(linesKind, []byte(strings.Repeat(toldEvent("1")+"\n", ingestEvents+1))); status != 413 {
		t.Errorf("1001 lines: %d %+v", status, a)
	}
	if status, a := g.post(linesKind, bytes.Repeat([]byte("\n"), ingestLimit+1)); status != 413 {
		t.Errorf("1 MB and 1 byte: %d %+v", status, a)
	}
	// As much as the queue may hold is on its way already: not even the body is read.
	g.door.held.Store(g.door.most)
	if status, a := g.post(structuredKind, []byte(toldEvent("1"))); status != 429 || a.retry != "1" || a.Code != "limited" {
		t.Errorf("a full door: %d %+v", status, a)
	}
	g.door.held.Store(0)
	if status, _ := g.post(structuredKind, []byte(toldEvent("1"))); status != 202 {
		t.Errorf("afterwards: %d", status)
	}
	if g.door.held.Load() != 0 {
		t.Errorf("%d bytes are still held", g.door.held.Load())
	}
}

// Random requests with repeated, wrong and refused events, at once: the log is the
// set of the good ones, and the answers add up.
func TestConcurrentRequestsAreASet(t *testing.T) {
	g := newGate(t, web.Send)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		ids := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 40), 1, 30), 1, 5).Draw(r, "requests")
		good := map[int]bool{}
		var mu sync.Mutex
		var all sync.WaitGroup
		accepted := 0
		for _, list := range ids {
			all.Go(func() {
				events := make([]Event, len(list))
				wrong := 0
				for i, n := range list {
					events[i] = Event{Type: "x.n", Source: fmt.Sprintf("/%d", run), ID: fmt.Sprint(n), Data: json.RawMessage(`{}`)}
					if n%10 == 9 {
						events[i].Type, wrong = "nonsense", wrong+1
					}
				}
				res, err := g.Ingest(t.Context(), events)
				if err != nil || len(res.Rejected) != wrong || res.Accepted+res.Duplicate+wrong != len(list) {
					r.Errorf("%v %+v", err, res)
				}
				mu.Lock()
				defer mu.Unlock()
				accepted += res.Accepted
				for _, n := range list {
					good[n] = good[n] || n%10 != 9
				}
			})
		}
		all.Wait()
		want := 0
		for _, ok := range good {
			if ok {
				want++
			}
		}
		if accepted != want {
			r.Errorf("%d accepted of %d different events", accepted, want)
		}
	})
}
