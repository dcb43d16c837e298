package analytics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/usherhq/usher/modules/analytics/cloudevent"
	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/web"
)

// export asks for an export and reads it to its end.
func (g *gate) export(query string) (*http.Response, []byte) {
	g.t.Helper()
	res, err := http.Get(g.url + "/v1/events/export?" + query)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res, body
}

// oddEvents are good events with everything an export could get wrong.
func oddEvents() []Event {
	odd := []string{"", `null`, `"<&>\u2028\u0001 ü 🎪"`, `{"b":1.50,"a":[1,{"c":-0.0,"d":1e3}],"é":null}`, `123456789012345678901234567890`,
		"[" + strings.TrimSuffix(strings.Repeat("1,", 32_767), ",") + "]", // 64 KB as it stands, and more with spaces
		`"` + strings.Repeat("<", 64<<10-2) + `"`}                         // and more when escaped
	var all []Event
	for i, data := range odd {
		e := Event{Type: "x.odd", Source: "/odd?a=b&c", ID: fmt.Sprint("i ", i), Key: fmt.Sprint("k\"", i), Data: json.RawMessage(data)}
		if data == "" {
			e.Data = nil
		}
		if i > 1 {
			e.Time = gateNoon.Add(-time.Duration(i)*20*time.Hour + 123456*time.Microsecond)
		}
		all = append(all, e)
	}
	return all
}

// ingest stores good events.
func (g *gate) ingest(events ...Event) {
	g.t.Helper()
	if r, err := g.Ingest(g.t.Context(), events); err != nil || r.Accepted != len(events) {
		g.t.Fatalf("%+v, %v", r, err)
	}
}

// What was exported can be posted again: every event is known, whatever it holds,
// also a day later. Usher's own facts stay Usher's own.
func TestExportedLinesArePostedAgain(t *testing.T) {
	g := newGate(t, web.Manage)
	g.ingest(oddEvents()...)
	err := g.db.InTx(t.Context(), func(tx *db.Tx) error { return tx.Emit(facts.DemandShifted{Event: "e", Direction: "up"}) })
	if err != nil {
		t.Fatal(err)
	}
	res, lines := g.export("format=ndjson")
	n := len(oddEvents())
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/x-ndjson" || res.Trailer.Get("X-Total-Count") != fmt.Sprint(n+1) ||
		res.Header.Get("Content-Disposition") != `attachment; filename="events-2026-07-10.ndjson"` {
		t.Errorf("%d %v %v", res.StatusCode, res.Header, res.Trailer)
	}
	keys := map[string]bool{}
	for line := range bytes.Lines(lines) {
		keys[cloudevent.Structured(line).PartitionKey] = true
	}
	for _, e := range oddEvents() {
		if !keys[e.Key] {
			t.Errorf("nothing is ordered by %s any more", e.Key)
		}
	}
	g.clock.Advance(20 * time.Hour)
	status, a := g.post(linesKind, lines)
	if status != 202 || a.Accepted != 0 || a.Duplicate != n || len(a.Rejected) != 1 || a.Rejected[0].Index != n || a.Rejected[0].Errors[0].Name != "source" {
		t.Errorf("%d %s %+v", status, a.counts(), a.Rejected)
	}
}

// A Parquet file says the same as the log, field by field.
func TestExportedParquetIsTheLog(t *testing.T) {
	g := newGate(t, web.Manage)
	g.ingest(oddEvents()...)
	many := make([]Event, 1200)
	for i := range many {
		many[i] = Event{Type: "x.many", Source: "/many", ID: fmt.Sprint(i), Data: json.RawMessage(`"` + strings.Repeat("0123456789", 2000) + `"`)}
	}
	g.ingest(many[:600]...)
	g.ingest(many[600:]...)
	res, body := g.export("format=parquet")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/vnd.apache.parquet" || res.Trailer.Get("X-Total-Count") != fmt.Sprint(1200+len(oddEvents())) {
		t.Fatalf("%d %v %v", res.StatusCode, res.Header, res.Trailer)
	}
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	if groups := len(file.RowGroups()); groups != 2 {
		t.Errorf("24 MB of data in %d row groups", groups)
	}
	for _, c := range file.Metadata().RowGroups[0].Columns {
		if c.MetaData.Codec.String() != "ZSTD" {
			t.Errorf("%v is packed by %s", c.MetaData.PathInSchema, c.MetaData.Codec)
		}
	}
	rows, err := parquet.Read[parquetFact](bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	log := g.facts()
	if len(rows) != len(log) {
		t.Fatalf("%d rows, %d facts", len(rows), len(log))
	}
	for i, f := range log {
		r := rows[i]
		if r.ID != f.SourceID || r.Source != f.Source || r.Type != f.Type || r.PartitionKey != f.Key || !r.Time.Equal(f.Time) ||
			!r.RecordedTime.Equal(f.ReceivedAt) || r.Data != string(f.Data) {
			t.Errorf("row %d is %.300v, the fact %.300v", i, r, f)
		}
	}
}

// The schema is a promise: docs/stream.md shows it.
func TestParquetSchemaIsDocumented(t *testing.T) {
	want := parquetSchema.String()
	doc, err := os.ReadFile("../../docs/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), want) {
		t.Errorf("docs/stream.md does not show\n%s", want)
	}
}

func TestExportIsNarrowed(t *testing.T) {
	g := newGate(t, web.Manage)
	for i, typ := range []string{"x.a", "x.b", "x.a", "x.b"} {
		g.ingest(Event{Type: typ, Source: "/" + typ[2:], ID: fmt.Sprint(i), Key: fmt.Sprint(i / 2), Time: gateNoon.Add(time.Duration(i-4) * time.Hour), Data: json.RawMessage("1")})
	}
	for query, want := range map[string]string{
		"": "0123", "type=x.a": "02", "source=/b": "13", "key=1": "23", "type=x.c": "",
		"from=2026-07-10T09:00:00Z": "123", "to=2026-07-10T09:00:00Z": "0", "from=2026-07-10T11:00:00%2B02:00&to=2026-07-10T11:00:00Z&type=x.b": "1",
	} {
		res, lines := g.export(query)
		ids := ""
		for line := range bytes.Lines(lines) {
			var e eventLine
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			ids += e.ID
		}
		if res.StatusCode != 200 || ids != want || res.Trailer.Get("X-Total-Count") != fmt.Sprint(len(want)) {
			t.Errorf("%s: %d %q %v, want %q", query, res.StatusCode, ids, res.Trailer, want)
		}
	}
	res, body := g.export("format=parquet&type=x.c")
	if rows, err := parquet.Read[parquetFact](bytes.NewReader(body), int64(len(body))); res.StatusCode != 200 || err != nil || len(rows) != 0 {
		t.Errorf("an empty file: %d, %d rows, %v", res.StatusCode, len(rows), err)
	}
}

func TestExportTellsEveryFaultAtOnce(t *testing.T) {
	g := newGate(t, web.Manage)
	res, body := g.export("format=csv&from=yesterday&to=tomorrow&type=a%07&source=a&source=b")
	var p struct {
		Errors []fault.Field `json:"errors"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range p.Errors {
		got[f.Name] = f.Problem
	}
	if res.StatusCode != 400 || len(got) != 5 {
		t.Errorf("%d %v", res.StatusCode, got)
	}
	if res, body := g.export("from=2026-07-10T09:00:00Z&to=2026-07-10T09:00:00Z"); res.StatusCode != 400 {
		t.Errorf("an empty span: %d %s", res.StatusCode, body)
	}
	if res, _ := newGate(t, web.Send).export(""); res.StatusCode != 403 {
		t.Errorf("with Send: %d", res.StatusCode)
	}
}

// fat fills the log with more than a connection's buffers take, in two chunks.
func (g *gate) fat() {
	g.t.Helper()
	for n := range 4 {
		batch := make([]stream.Fact, 200)
		for i := range batch {
			batch[i] = stream.Fact{Type: "x.fat", Source: "/fat", SourceID: fmt.Sprint(n, i), Time: gateNoon, Data: json.RawMessage(`"` + strings.Repeat("a", 60_000) + `"`)}
		}
		if _, err := g.stream.Append(g.t.Context(), batch); err != nil {
			g.t.Fatal(err)
		}
	}
}

// begun asks for an export and gives it back with its first bytes read.
func (g *gate) begun() *http.Response {
	g.t.Helper()
	res, err := http.Get(g.url + "/v1/events/export")
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		g.t.Fatal(err)
	}
	return res
}

// A read that fails in the middle must not look like the end.
func TestExportIsCutOffWhenTheLogFails(t *testing.T) {
	g := newGate(t, web.Manage)
	g.fat()
	res := g.begun()
	defer res.Body.Close()
	g.loseLog()
	if n, err := io.Copy(io.Discard, res.Body); err == nil || res.Trailer.Get("X-Total-Count") != "" {
		t.Errorf("%d bytes ended well, %v", n, res.Trailer)
	}
}

// A caller that leaves ends the reading: Close of the test's server waits for it.
func TestExportEndsWithItsCaller(t *testing.T) {
	g := newGate(t, web.Manage)
	g.fat()
	_ = g.begun().Body.Close()
	left := make(chan bool)
	go func() { g.server.Close(); close(left) }()
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Error("the export goes on")
	}
}
