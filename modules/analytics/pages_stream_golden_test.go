package analytics

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/stream"
	"github.com/usherhq/usher/modules/kernel/webtest"
)

func goldenStreamPages() map[string]any {
	at := queryNoon
	fact := stream.Fact{Partition: 3, XID: 7001, ID: 42, Type: "sale.completed", Key: "order-<7>", Source: "/shop", SourceID: "s-1", Time: at.Add(-time.Minute), ReceivedAt: at, Data: json.RawMessage(`{"event":"gig","amount":4200}`)}
	parked := stream.Parked{ID: id.ID{1}, Listener: "sales.count", Fact: fact, Error: "the table is <gone>", ParkedAt: at}
	p := streamPage{Hour: true, Live: "/stream/live?span=hour&type=", Refusals: []Refusal{{At: at, Type: "page.viewed", Source: "/web", SourceID: "9", Problem: "data.page is missing (text)"}}}
	p.draw([]intakeRow{{at.Add(-time.Minute), "page.viewed", 120, 0, 1}, {at.Add(-time.Minute), "sale.completed", 60, 2, 0}}, at.Add(-2*time.Minute), time.Minute, 3, at)
	moved := at.Add(-time.Second)
	good := listenerRow{listenerState{Name: "analytics.windows", About: "counts facts", Replayable: true, ReplayNote: "A query passes over what it has counted.", Partitions: []readingState{{0, 7001, 42, 0, &moved}, {1, 0, 0, 0, nil}}}}
	held := listenerRow{listenerState{Name: "sales.count", About: "counts sales", Types: []string{"sale.completed"}, Behind: 12, Seconds: 90, Held: true, Parked: 2, ReplayNote: "Sales would count twice.", Blocker: &blockerState{PID: 311, Seconds: 301, State: "idle in transaction", Query: "UPDATE big SET x = $1"}}}
	ready := replayPage{listenerRow: good, From: "2026-06-01T10:00", Oldest: "2026-03-01T00:00", Facts: 1234, Ready: true, Back: moment{at.Add(-2 * time.Hour)}}
	return map[string]any{
		"stream-busy": p, "stream-none": streamPage{Live: "/stream/live?span=day&type="},
		"stream_listeners-held": listenersPage{Listeners: []listenerRow{good, held}, Blocker: held.Blocker, Oldest: "2026-03-01T00:00", May: true},
		"stream_listeners-look": listenersPage{Listeners: []listenerRow{good}},
		"stream_replay-ready":   ready, "stream_replay-refused": replayPage{listenerRow: held},
		"stream_replay-wrong":  replayPage{listenerRow: good, From: "x", Wrong: []fault.Field{{Name: "from", Problem: "is not a date and time", Fix: "such as 2026-06-01T12:00"}}},
		"stream_parked-some":   parkedPage{Parked: []parkedRow{{parked}}, Counts: []parkedCount{{"sales.count", 2}}, Listener: "sales.count", Next: "abc", May: true, Said: "1 handled."},
		"stream_parked-none":   parkedPage{First: true},
		"stream_parked_fact":   parkedFactPage{parkedRow: parkedRow{parked}, May: true, Wrong: "the fact still cannot be handled"},
		"stream_log-some":      logPage{Type: "sale.completed", Facts: []factRow{{fact}}, Next: "/stream/log?cursor=abc&type=sale.completed", First: true},
		"stream_log-none":      logPage{Key: "<k>"},
		"stream_log-onward":    logPage{Key: "k", Next: "/stream/log?cursor=abc"},
		"stream_fact":          factRow{fact},
		"stream_export":        exportPage{Format: "parquet", From: "2026-05-31T12:00", To: "2026-06-01T12:00", Types: []string{"sale.completed"}, May: true},
		"stream_export-nobody": exportPage{},
	}
}

// TestGoldenStreamPages draws the pages from fixed data. To accept a change:
// go test ./modules/analytics -run Golden -update
func TestGoldenStreamPages(t *testing.T) { webtest.Golden(t, "analytics", goldenStreamPages()) }
