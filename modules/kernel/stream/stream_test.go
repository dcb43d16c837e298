package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// noted is the fact of these tests.
type noted struct {
	Kind string `json:"-"`
	Key  string `json:"key"`
	N    int    `json:"n"`
}

func (f noted) FactType() string { return "test." + f.Kind }
func (f noted) FactKey() string  { return f.Key }

// house is a database with a table that keeps what listeners did.
type house struct {
	t   *testing.T
	db  *db.DB
	cfg Config
}

func newHouse(t *testing.T, opts ...dbtest.Option) *house {
	t.Helper()
	h := &house{t: t, db: dbtest.New(t, opts...), cfg: Config{Poll: 50 * time.Millisecond, RetryMin: time.Millisecond}}
	h.exec(`CREATE TABLE effect (no bigint GENERATED ALWAYS AS IDENTITY, listener text, key text, n int)`)
	return h
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool().Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) number(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) stream(listeners ...Listener) *Stream {
	h.t.Helper()
	s := New(h.db, h.cfg, slog.New(slog.NewTextHandler(h.t.Output(), nil)))
	for _, l := range listeners {
		s.Listen(l)
	}
	if err := s.Register(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// start runs s until stop is called or the test ends.
func (h *house) start(s *Stream) (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Transient) {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

func (h *house) emit(facts ...noted) {
	h.t.Helper()
	err := h.db.InTx(h.t.Context(), func(tx *db.Tx) error { return emit(tx, facts...) })
	if err != nil {
		h.t.Fatal(err)
	}
}

func emit(tx *db.Tx, facts ...noted) error {
	for _, f := range facts {
		if err := tx.Emit(f); err != nil {
			return err
		}
	}
	return nil
}

// note is a handler that writes the facts into the effect table.
func note(listener string) func(context.Context, *db.Tx, []Fact) error {
	return func(ctx context.Context, tx *db.Tx, facts []Fact) error {
		for _, f := range facts {
			n, err := Decode[noted](f)
			if err != nil {
				return err
			}
			if _, err := tx.Conn().Exec(ctx, `INSERT INTO effect (listener, key, n) VALUES ($1, $2, $3)`, listener, f.Key, n.N); err != nil {
				return err
			}
		}
		return nil
	}
}

func (h *house) await(what string, done func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second) // less than recheck
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// effects waits for n effects of a listener and gives its numbers in order.
func (h *house) effects(listener string, n int) []int {
	h.t.Helper()
	h.await(fmt.Sprintf("%d effects of %s", n, listener), func() bool {
		return h.number(`SELECT count(*) FROM effect WHERE listener = $1`, listener) >= n
	})
	var numbers []int
	err := h.db.Pool().QueryRow(h.t.Context(), `SELECT array_agg(n ORDER BY no) FROM effect WHERE listener = $1`, listener).Scan(&numbers)
	if err != nil {
		h.t.Fatal(err)
	}
	return numbers
}

func (h *house) expect(listener string, want ...int) {
	h.t.Helper()
	if got := h.effects(listener, len(want)); fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s handled %v, want %v", listener, got, want)
	}
}

func TestFactsReachTheirListenersInOrder(t *testing.T) {
	h := newHouse(t)
	s := h.stream(
		Listener{Name: "all", Batch: 2, Handle: note("all")},
		Listener{Name: "odd", Types: []string{"test.odd"}, Workers: 3, Handle: note("odd")},
	)
	h.start(s)
	h.emit(noted{"odd", "k", 1}, noted{"even", "k", 2}, noted{"odd", "k", 3})
	h.emit(noted{"even", "k", 4}, noted{"odd", "k", 5})
	h.expect("all", 1, 2, 3, 4, 5)
	h.expect("odd", 1, 3, 5)
}

func TestFactIsTheRowAsItWasAnnounced(t *testing.T) {
	h := newHouse(t)
	got := make(chan Fact, 1)
	h.start(h.stream(Listener{Name: "one", Handle: func(_ context.Context, _ *db.Tx, facts []Fact) error { got <- facts[0]; return nil }}))
	h.emit(noted{"odd", "k", 7})
	f := <-got
	if f.Type != "test.odd" || f.Key != "k" || f.Partition != db.PartitionOf("k") || f.Source != "usher" || f.SourceID == "" ||
		f.XID == 0 || f.ID == 0 || f.Time.IsZero() || !f.ReceivedAt.Equal(f.Time) {
		t.Errorf("got %+v", f)
	}
	if n, err := Decode[noted](f); err != nil || n.N != 7 {
		t.Errorf("decoded %+v, %v", n, err)
	}
	if _, err := Decode[int](f); !fault.Is(err, fault.Invalid) {
		t.Errorf("decoded as an int: %v", err)
	}
}

// A begins first and commits last: B's fact must wait for A's, and A's must not be skipped.
func TestLateCommitIsNotSkipped(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "all", Handle: note("all")})
	h.start(s)
	err := h.db.InTx(t.Context(), func(a *db.Tx) error {
		if err := emit(a, noted{"odd", "k", 1}); err != nil {
			return err
		}
		h.emit(noted{"even", "k", 2}) // B
		h.await("B is held", func() bool {
			lag, err := s.Lag(t.Context())
			return err == nil && lag[0].Behind == 1 && lag[0].Held && lag[0].Blocker != nil && lag[0].Blocker.State == "idle in transaction"
		})
		if n := h.number(`SELECT count(*) FROM effect`); n != 0 {
			t.Errorf("%d facts were handled before A committed", n)
		}
		return emit(a, noted{"odd", "k", 3})
	})
	if err != nil {
		t.Fatal(err)
	}
	h.expect("all", 1, 3, 2)
	h.await("no lag", func() bool {
		lag, err := s.Lag(t.Context())
		return err == nil && lag[0] == Lag{Listener: "all"}
	})
}

func TestWhereANewListenerBegins(t *testing.T) {
	h := newHouse(t)
	h.emit(noted{"odd", "k", 1})
	s := h.stream(Listener{Name: "now", Handle: note("now")}, Listener{Name: "beginning", From: Beginning, Handle: note("beginning")})
	h.emit(noted{"odd", "k", 2}) // registered, not running yet
	h.start(s)
	h.expect("beginning", 1, 2)
	h.expect("now", 2)
}

// The second process hears of commits of the first, whose signal it does not get.
func TestOtherProcessesHearOfFacts(t *testing.T) {
	h := newHouse(t)
	h.cfg.Poll = time.Hour // only a notification can wake it
	elsewhere, err := db.Open(t.Context(), db.Config{URL: h.db.Pool().Config().ConnString(), MaxConns: 4}, clockOf(h))
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	first := h.stream()
	h.start(first)
	second := New(elsewhere, h.cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	second.Listen(Listener{Name: "all", Handle: note("all")})
	stop := (&house{t: t, db: elsewhere}).start(second)
	defer stop()
	h.await("both listen", func() bool {
		return h.number(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`) == 2 &&
			h.number(`SELECT count(*) FROM stream.cursor`) == db.Partitions
	})
	h.emit(noted{"odd", "k", 1}) // may be found by the first look
	h.expect("all", 1)
	h.emit(noted{"odd", "k", 2})
	h.expect("all", 1, 2)
}

func TestUnwantedFactsMoveTheCursor(t *testing.T) {
	h := newHouse(t)
	s := h.stream(Listener{Name: "odd", Types: []string{"test.odd"}, Handle: note("odd")})
	h.emit(noted{"even", "k", 2})
	// As if a thousand transactions ago.
	h.exec(`UPDATE stream.cursor SET xid = (xid::text::bigint - 1100)::text::xid8`)
	h.start(s)
	h.await("cursor moved", func() bool {
		return h.number(`SELECT count(*) FROM stream.cursor c JOIN stream.log l USING (partition) WHERE c.xid > l.xid`) == 1
	})
	h.emit(noted{"odd", "k", 3})
	h.expect("odd", 3)
}
