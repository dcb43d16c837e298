package web_test

import (
	"io"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// till is an endpoint whose work leaves a row of queue.outbox, so that tests can
// see whether it was done: once, twice, or rolled back.
type till struct {
	*echo.Echo
	db    *db.DB
	clock *clock.Fixed
	runs  atomic.Int64
	work  func(run int64) error // nil: succeeds at once
}

type sale struct {
	Seat int `json:"seat"`
}

func newTill(t *testing.T) *till {
	t.Helper()
	s := &till{clock: clock.At(noon)}
	s.db = dbtest.New(t, dbtest.WithClock(s.clock))
	sell := func(c echo.Context) error {
		in, err := web.Bind[sale](c)
		if err != nil {
			return err
		}
		return web.Idempotent(c, s.db, 201, func(tx *db.Tx) (any, error) {
			run := s.runs.Add(1)
			if err := tx.Enqueue(db.Job{Name: "till:print", Queue: "low", Payload: in, Timeout: time.Second, Retries: 1}); err != nil {
				return nil, err
			}
			if s.work != nil {
				if err := s.work(run); err != nil {
					return nil, err
				}
			}
			return map[string]int64{"sale": run}, nil
		})
	}
	cancel := func(c echo.Context) error {
		return web.Idempotent(c, s.db, 204, func(*db.Tx) (any, error) { s.runs.Add(1); return nil, nil })
	}
	s.Echo = house(t, io.Discard, nil, nil,
		web.Route{Method: "POST", Path: "/sales/:event", Right: web.Public, Handler: sell},
		web.Route{Method: "DELETE", Path: "/sales/:event", Right: web.Public, Handler: cancel})
	return s
}

func (s *till) sell(body, key string, headers ...string) *httptest.ResponseRecorder {
	return call(s.Echo, "POST", "/sales/1", body, append(headers, "Idempotency-Key", key)...)
}

func (s *till) done(t *testing.T) (n int) {
	t.Helper()
	if err := s.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM queue.outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIdempotentReplays(t *testing.T) {
	s := newTill(t)
	first := s.sell(`{"seat": 7}`, "k1")
	if first.Code != 201 || first.Header().Get("Idempotent-Replayed") != "" {
		t.Fatalf("first: %d %s", first.Code, first.Body)
	}
	again := s.sell(`{ "seat":7 }`, "k1") // the same JSON, written differently
	if again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" ||
		again.Header().Get("Content-Type") != first.Header().Get("Content-Type") {
		t.Errorf("again: %d %s %v", again.Code, again.Body, again.Header())
	}
	if s.runs.Load() != 1 || s.done(t) != 1 {
		t.Errorf("the work ran %d times and left %d rows", s.runs.Load(), s.done(t))
	}
	s.sell(`{"seat":7}`, "k2")
	s.sell(`{"seat":7}`, "k1", "X-Actor", "till-2") // keys belong to their caller
	call(s.Echo, "POST", "/sales/1", `{"seat":7}`)  // without a key
	call(s.Echo, "POST", "/sales/1", `{"seat":7}`)
	if s.done(t) != 5 {
		t.Errorf("%d sales, want 5", s.done(t))
	}
}

func TestIdempotentWithoutBody(t *testing.T) {
	s := newTill(t)
	for i, replayed := range []string{"", "true"} {
		rec := call(s.Echo, "DELETE", "/sales/1", "", "Idempotency-Key", "k")
		if rec.Code != 204 || rec.Body.Len() != 0 || rec.Header().Get("Idempotent-Replayed") != replayed {
			t.Errorf("%d: %d %q %v", i, rec.Code, rec.Body, rec.Header())
		}
	}
	if s.runs.Load() != 1 {
		t.Errorf("ran %d times", s.runs.Load())
	}
}

func TestIdempotentRefusesAnotherRequest(t *testing.T) {
	s := newTill(t)
	s.sell(`{"seat":7}`, "k")
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"another body":    s.sell(`{"seat":8}`, "k"),
		"another address": call(s.Echo, "POST", "/sales/2", `{"seat":7}`, "Idempotency-Key", "k"),
		"another query":   call(s.Echo, "POST", "/sales/1?dry=1", `{"seat":7}`, "Idempotency-Key", "k"),
	} {
		p := problem(t, rec)
		if p.Status != 422 || p.Code != fault.Invalid || len(p.Errors) != 1 || p.Errors[0].Name != "Idempotency-Key" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := problem(t, s.sell(`{"seat":7}`, "a\tb")); p.Status != 400 {
		t.Errorf("a key that is not printable: %+v", p)
	}
	if s.done(t) != 1 {
		t.Errorf("%d sales, want 1", s.done(t))
	}
}

func TestIdempotentForgetsErrors(t *testing.T) {
	s := newTill(t)
	s.work = func(run int64) error {
		if run == 1 {
			return fault.E("till", fault.Conflict, "sold out", nil)
		}
		return nil
	}
	if p := problem(t, s.sell(`{"seat":7}`, "k")); p.Status != 409 || s.done(t) != 0 {
		t.Errorf("the failed work was kept: %+v, %d rows", p, s.done(t))
	}
	if rec := s.sell(`{"seat":7}`, "k"); rec.Code != 201 || rec.Header().Get("Idempotent-Replayed") != "" || s.done(t) != 1 {
		t.Errorf("retry: %d %s, %d rows", rec.Code, rec.Body, s.done(t))
	}
}

func TestIdempotentWhileInFlight(t *testing.T) {
	s := newTill(t)
	started, finish := make(chan struct{}), make(chan struct{})
	s.work = func(int64) error { close(started); <-finish; return nil }
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- s.sell(`{"seat":7}`, "k") }()
	<-started
	rec := s.sell(`{"seat":7}`, "k") // must answer although the first does not end
	if p := problem(t, rec); p.Status != 409 || p.Code != fault.Conflict || rec.Header().Get("Retry-After") != "1" {
		t.Errorf("in flight: %+v", p)
	}
	close(finish)
	if rec := <-first; rec.Code != 201 {
		t.Errorf("first: %d %s", rec.Code, rec.Body)
	}
	if rec := s.sell(`{"seat":7}`, "k"); rec.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("after it: %d %s", rec.Code, rec.Body)
	}
}

func TestIdempotentRace(t *testing.T) {
	s := newTill(t)
	var all sync.WaitGroup
	var created atomic.Int64
	for range 20 {
		all.Go(func() {
			rec := s.sell(`{"seat":7}`, "k")
			switch {
			case rec.Code == 201 && rec.Header().Get("Idempotent-Replayed") == "":
				created.Add(1)
			case rec.Code == 201, rec.Code == 409:
			default:
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
	all.Wait()
	if created.Load() != 1 || s.done(t) != 1 {
		t.Errorf("%d answers of a first request, %d sales", created.Load(), s.done(t))
	}
}

func TestIdempotencyAge(t *testing.T) {
	s := newTill(t)
	s.sell(`{"seat":7}`, "old")
	s.clock.Advance(time.Hour)
	s.sell(`{"seat":7}`, "new")
	s.clock.Advance(web.IdempotencyAge - time.Hour)
	if rec := s.sell(`{"seat":9}`, "old"); rec.Code != 201 || rec.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("an expired key binds still: %d %s", rec.Code, rec.Body)
	}
	s.clock.Advance(time.Hour)
	if n, err := web.PurgeIdempotency(t.Context(), s.db); n != 1 || err != nil {
		t.Errorf("purged %d, %v; want the one of 24 hours ago", n, err)
	}
	if rec := s.sell(`{"seat":9}`, "old"); rec.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("a fresh answer was purged: %d %s", rec.Code, rec.Body)
	}
}
