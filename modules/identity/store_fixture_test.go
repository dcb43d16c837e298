package identity

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/web"
)

// house is a Service on a database of its own, with a clock that the test moves.
type house struct {
	*Service
	t     *testing.T
	clock *clock.Fixed
	key   *seal.Key
	shop  Shop // of doors; nil: any event will do
}

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, clock: clock.At(goldenNow)}
	var err error
	if h.key, err = seal.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="); err != nil {
		t.Fatal(err)
	}
	cfg := Defaults()
	for _, f := range change {
		f(&cfg)
	}
	h.Service = New(cfg, dbtest.New(t, dbtest.WithClock(h.clock)), h.key, Site{}, slog.New(slog.DiscardHandler))
	return h
}

// as runs fn in a transaction of the caller's.
func (h *house) as(c web.Caller, fn func(tx *db.Tx) error) error {
	return h.db.InTx(web.WithCaller(h.t.Context(), c), fn)
}

// must runs fn in a transaction as the command line would.
func (h *house) must(fn func(tx *db.Tx) error) {
	h.t.Helper()
	if err := h.as(web.Caller{Name: "test"}, fn); err != nil {
		h.t.Fatal(err)
	}
}

// person makes somebody of a role, and the caller they are.
func (h *house) person(role Role, name string) web.Caller {
	h.t.Helper()
	p := Person{Name: name, Role: role}
	h.must(func(tx *db.Tx) error { return insertPerson(tx, &p) })
	return callerOf(p, personActor(p.ID))
}

func (h *house) roleOf(c web.Caller) Role {
	h.t.Helper()
	p, err := h.Person(h.t.Context(), c.Person)
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Role
}

func (h *house) newKey(d KeyDraft) (k NewKey) {
	h.t.Helper()
	h.must(func(tx *db.Tx) (err error) { k, err = h.CreateKey(tx, d); return err })
	return k
}

// actions are what the audit says happened, the oldest first.
func (h *house) actions() (out []string) {
	h.t.Helper()
	_, err := h.readAudit(h.t.Context(), func(l AuditLine) error { out = append(out, l.Action); return nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// behind changes the database as somebody would who has it and not Usher: the
// triggers are off.
func (h *house) behind(sql string, args ...any) {
	h.t.Helper()
	h.must(func(tx *db.Tx) error {
		if _, err := tx.Conn().Exec(tx.Ctx(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Conn().Exec(tx.Ctx(), sql, args...)
		return err
	})
}

// atOnce runs all of them at the same time and returns how they ended.
func atOnce(all ...func() error) []error {
	errs := make([]error, len(all))
	start := make(chan struct{})
	var running sync.WaitGroup
	for i, f := range all {
		running.Go(func() {
			<-start
			errs[i] = f()
		})
	}
	close(start)
	running.Wait()
	return errs
}

// overtaken runs first, and before it commits begins second, which gets as far as it
// can: to its end, or to a lock that first holds.
func (h *house) overtaken(first, second func(tx *db.Tx) error) (firstEnded, secondEnded error) {
	h.t.Helper()
	return h.overtakenAs(web.Caller{Name: "first"}, web.Caller{Name: "second"}, first, second)
}

// overtakenAs is overtaken by two callers.
func (h *house) overtakenAs(one, other web.Caller, first, second func(tx *db.Tx) error) (firstEnded, secondEnded error) {
	h.t.Helper()
	ended := make(chan error, 1)
	firstEnded = h.as(one, func(tx *db.Tx) error {
		if err := first(tx); err != nil {
			return err
		}
		go func() { ended <- h.as(other, second) }()
		for waiting := false; !waiting && len(ended) == 0; {
			err := h.db.Pool().QueryRow(h.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return firstEnded, <-ended
}

func wantCode(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func knows(h *house, secret string) bool {
	_, _, err := h.keyOf(context.Background(), secret)
	return err == nil
}

const day = 24 * time.Hour
