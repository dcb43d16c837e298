package stream

import (
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

func withClock(c clock.Clock) dbtest.Option { return dbtest.WithClock(c) }

func TestPartitionsComeAndGoAndKeepTheFacts(t *testing.T) {
	at := time.Date(2026, 6, 1, 23, 59, 0, 0, time.UTC)
	clk := clock.At(at)
	h := newHouse(t, withClock(clk))
	h.cfg.RetentionDays = 3
	s := h.stream(Listener{Name: "all", From: Beginning, Handle: note("all")})
	h.emit(noted{"odd", "k", 1}) // no partition for it yet
	h.exec(`INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
		SELECT d, $1, 'test.odd', 'k', 'x', d::text, d, d, '{"n":9}' FROM unnest('{2026-05-20,2026-05-30,2026-07-01}'::date[]) d`, db.PartitionOf("k"))
	maintain := func() {
		t.Helper()
		if err := s.Maintain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	state := func(days string, stray, facts int) {
		t.Helper()
		var got string
		if err := h.db.Pool().QueryRow(t.Context(), `SELECT string_agg(substr(inhrelid::regclass::text, 16), ' ' ORDER BY inhrelid::regclass::text)
			FROM pg_inherits WHERE inhparent = 'stream.log'::regclass AND inhrelid::regclass::text ~ '\d$'`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != days {
			t.Errorf("days %q, want %q", got, days)
		}
		if n := h.number(`SELECT count(*) FROM stream.log_other`); n != stray {
			t.Errorf("%d facts without a partition, want %d", n, stray)
		}
		if n := h.number(`SELECT count(*) FROM stream.log`); n != facts {
			t.Errorf("%d facts, want %d", n, facts)
		}
	}
	maintain() // the one of May 20 is past retention; the one of July waits
	state("0530 0531 0601 0602 0603", 1, 3)
	maintain()
	state("0530 0531 0601 0602 0603", 1, 3)
	clk.Advance(2 * 24 * time.Hour)
	maintain()
	state("0531 0601 0602 0603 0604 0605", 1, 2)
	clk.Advance(27 * 24 * time.Hour) // to June 30
	maintain()
	state("0629 0630 0701 0702", 0, 1)
	h.start(s)
	h.emit(noted{"odd", "k", 2})
	h.expect("all", 9, 2)
}

func TestMaintainDuringTraffic(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "all", Handle: note("all")})
	h.start(s) // makes the partitions while facts are written and read
	want := make([]int, 100)
	for n := range want {
		want[n] = n
		h.emit(noted{"odd", "k", n})
	}
	h.expect("all", want...)
	h.await("partitions", func() bool { return h.number(`SELECT count(*) FROM stream.log_other`) == 0 })
}
