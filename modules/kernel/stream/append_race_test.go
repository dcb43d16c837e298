package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
)

// Two writers get the same event without a time, one on each side of midnight, and
// meet in the database: one of them is the repetition, whichever goes first.
func TestAppendsMeetOverMidnight(t *testing.T) {
	for _, first := range []string{"the earlier", "the later"} {
		t.Run(first, func(t *testing.T) {
			clk := clock.At(time.Date(2026, 7, 10, 23, 59, 59, 0, time.UTC))
			h := newHouse(t, dbtest.WithClock(clk))
			s := h.stream()
			event := []Fact{told("s", "1", time.Time{})}
			earlier, began := make(chan bool), make(chan bool)
			var early, late []bool
			var all sync.WaitGroup
			all.Go(func() {
				err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
					close(began)
					<-earlier
					return again(tx, event, &early)
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-began
			if first == "the earlier" {
				close(earlier)
				all.Wait()
			}
			clk.Advance(2 * time.Second)
			late, err := s.Append(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			if first == "the later" {
				close(earlier)
				all.Wait()
			}
			if early[0] == late[0] || h.number(`SELECT count(*) FROM stream.log`) != 1 {
				t.Errorf("new: %v and %v", early, late)
			}
		})
	}
}

// again appends within a transaction of the test's own.
func again(tx *db.Tx, event []Fact, fresh *[]bool) (err error) {
	*fresh, err = appendFacts(tx, event, copyFacts)
	return err
}

// The lock makes the later writer wait for the earlier one's commit: without it
// neither would see the other.
func TestAppendsTakeTurnsAtMidnight(t *testing.T) {
	clk := clock.At(time.Date(2026, 7, 10, 23, 59, 59, 0, time.UTC))
	h := newHouse(t, dbtest.WithClock(clk))
	s := h.stream()
	event := []Fact{told("s", "1", time.Time{})}
	written := make(chan []bool, 1)
	var early []bool
	err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
		if err := again(tx, event, &early); err != nil {
			return err
		}
		clk.Advance(2 * time.Second)
		go func() {
			late, err := s.Append(context.WithoutCancel(t.Context()), event)
			if err != nil {
				t.Error(err)
			}
			written <- late
		}()
		h.await("the later one to wait for the lock", func() bool {
			return h.number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`) == 1
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if late := <-written; !early[0] || len(late) != 1 || late[0] || h.number(`SELECT count(*) FROM stream.log`) != 1 {
		t.Errorf("new: %v and %v", early, late)
	}
}

// Many writers, the same events, a clock that goes over midnight meanwhile: each
// event is new once.
func TestManyAppendsOverMidnight(t *testing.T) {
	clk := clock.At(time.Date(2026, 7, 10, 23, 59, 58, 0, time.UTC))
	h := newHouse(t, dbtest.WithClock(clk))
	s := h.stream()
	const events, writers = 40, 4
	var mu sync.Mutex
	times := map[string]int{}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := range events {
				event := told("s", fmt.Sprint(n), time.Time{})
				fresh, err := s.Append(t.Context(), []Fact{event})
				if err != nil {
					t.Error(err)
					return
				}
				clk.Advance(25 * time.Millisecond)
				mu.Lock()
				if fresh[0] {
					times[event.SourceID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for name, n := range times {
		if n != 1 {
			t.Errorf("%s was new %d times", name, n)
		}
	}
	if n := h.number(`SELECT count(*) FROM stream.log`); n != events || len(times) != events {
		t.Errorf("%d rows, %d new, of %d events", n, len(times), events)
	}
}

// A batch that meets another transaction's event in the unique index: COPY fails and
// is repeated, an insert steps over it. Either way what is there is left out, and said.
func TestAppendsMeetInTheIndex(t *testing.T) {
	for name, write := range map[string]func(*Stream, []Fact) ([]bool, error){
		"append": func(s *Stream, facts []Fact) ([]bool, error) { return s.Append(context.Background(), facts) },
		"insert": func(s *Stream, facts []Fact) (fresh []bool, err error) {
			err = s.store.db.InTx(context.Background(), func(tx *db.Tx) (err error) {
				fresh, err = appendFacts(tx, facts, insertFacts)
				return err
			})
			return fresh, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, dbtest.WithClock(clock.At(noon)))
			s := h.stream()
			answer := make(chan error, 1)
			var fresh []bool
			err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
				var theirs []bool
				if err := again(tx, []Fact{told("s", "2", noon)}, &theirs); err != nil {
					return err
				}
				go func() {
					var err error
					fresh, err = write(s, []Fact{told("s", "1", noon), told("s", "2", noon), told("s", "3", noon)})
					answer <- err
				}()
				// The look found nothing; the writing waits for the index.
				h.await("a wait for the other transaction", func() bool {
					return h.number(`SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted`) == 1
				})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-answer; err != nil || fmt.Sprint(fresh) != "[true false true]" {
				t.Errorf("%v, %v", fresh, err)
			}
			if n := h.number(`SELECT count(*) FROM stream.log`); n != 3 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// What the inserts write is what the copy would have written.
func TestInsertsKeepEveryField(t *testing.T) {
	h := newHouse(t, dbtest.WithClock(clock.At(noon)))
	at := time.Date(2026, 7, 9, 23, 59, 59, 123456000, time.UTC)
	for i, write := range []func(*db.Tx, []outside, []bool) error{copyFacts, insertFacts} {
		f := Fact{Type: "x.é", Key: "k\"", Source: fmt.Sprint("s", i), SourceID: "i\t", Time: at, Data: json.RawMessage(`{"b":[1.50,"ü"],"a":null}`)}
		err := h.db.InTx(t.Context(), func(tx *db.Tx) error {
			fresh, err := appendFacts(tx, []Fact{f}, write)
			if err == nil && !fresh[0] {
				t.Error("is not new")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := h.number(`SELECT count(DISTINCT (day, partition, type, key, source_id, time, received_at, data)) FROM stream.log`); n != 1 {
		t.Error("the two rows differ")
	}
	if n := h.number(`SELECT count(*) FROM stream.log WHERE day = '2026-07-09'`); n != 2 {
		t.Errorf("%d rows on their day", n)
	}
}
