package analytics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// queryRig is a database, a clock and one process's analytics over them.
type queryRig struct {
	*Service
	t     *testing.T
	clock *clock.Fixed
	db    *db.DB
	no    int // facts made so far
}

var queryNoon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func newQueryRig(t *testing.T) *queryRig {
	t.Helper()
	c := clock.At(queryNoon)
	r := &queryRig{t: t, clock: c, db: dbtest.New(t, dbtest.WithClock(c))}
	r.Service = r.process(Defaults())
	return r
}

// process is one more process on the same database.
func (r *queryRig) process(cfg Config) *Service {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.t.Output(), nil))
	st := stream.New(r.db, stream.Config{Poll: 20 * time.Millisecond, RetryMin: time.Millisecond}, log)
	s := New(cfg, r.db, st, nil, nil, nil, log)
	st.Listen(s.Windows())
	r.must(st.Register(r.t.Context()))
	return s
}

func (r *queryRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// run lets a process read the stream until stop is called or the test ends.
func (r *queryRig) run(s *Service) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.stream.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Transient) {
			r.t.Errorf("Run: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// happening is a fact for the log.
type happening struct {
	kind, key    string
	at, received time.Time
	data         map[string]any
}

// happen writes facts into the log, in one transaction each batch of ten.
func (r *queryRig) happen(all ...happening) {
	r.t.Helper()
	for i := 0; i < len(all); i += 10 {
		r.must(r.db.InTx(r.t.Context(), func(tx *db.Tx) error {
			for _, h := range all[i:min(i+10, len(all))] {
				if h.received.IsZero() {
					h.received = r.clock.Now()
				}
				if h.at.IsZero() {
					h.at = h.received
				}
				data, err := json.Marshal(h.data)
				if err != nil {
					return err
				}
				r.no++
				if _, err := tx.Conn().Exec(tx.Ctx(), `INSERT INTO stream.log (day, partition, type, key, source, source_id, time, received_at, data)
					VALUES (($1::timestamptz AT TIME ZONE 'UTC')::date, $2, $3, $4, 'test', $5, $1, $6, $7)`,
					h.at, db.PartitionOf(h.key), h.kind, h.key, fmt.Sprint(r.no), h.received, data); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// settled waits until everything in the log has been handled.
func (r *queryRig) settled() {
	r.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	patience := time.After(30 * time.Second)
	for {
		idle, err := r.stream.Idle(r.t.Context(), windowsListener)
		r.must(err)
		if len(idle) == db.Partitions {
			return
		}
		select {
		case <-look.C:
		case <-patience:
			r.t.Fatalf("only the partitions %v are done", idle)
		}
	}
}

func (r *queryRig) create(d Definition) Query {
	r.t.Helper()
	var q Query
	r.must(r.db.InTx(r.t.Context(), func(tx *db.Tx) (err error) {
		q, err = r.CreateQuery(tx, d)
		return err
	}))
	return q
}

// finalsAt moves the clock and gives all final outputs there are then, oldest first.
func (r *queryRig) finalsAt(q Query, now time.Time) []Output {
	r.t.Helper()
	if d := now.Sub(r.clock.Now()); d > 0 {
		r.clock.Advance(d)
	}
	r.must(r.Finalise(r.t.Context()))
	return r.outputs(q)
}

func (r *queryRig) outputs(q Query) []Output {
	r.t.Helper()
	list, _, err := r.Outputs(r.t.Context(), q, OutputRange{}, outputPlace{}, 100_000)
	r.must(err)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// sales counts sales by the minute.
func sales(name string) Definition {
	return Definition{Name: name, Types: []string{"sale.completed"}, Window: WindowText{Kind: "tumbling", Size: "1m"}, Aggregate: Aggregation{Function: "count"}}
}

func sale(key string, at time.Time) happening {
	return happening{kind: "sale.completed", key: key, at: at, received: at, data: map[string]any{"total": 10, "category": key}}
}

// told is an output in one line.
func told(o Output) string {
	value := "none"
	if o.Value != nil {
		value = fmt.Sprintf("%.6g", *o.Value)
	}
	return fmt.Sprintf("%s (%s, %s] %s of %d", o.Key, o.Start.Format("15:04:05"), o.End.Format("15:04:05"), value, o.Revision)
}

func tell(all []Output) (lines []string) {
	for _, o := range all {
		lines = append(lines, told(o))
	}
	return lines
}
