package fcm

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/usherhq/usher/modules/kernel/clock"
)

// endpoint counts the tokens it gives out, each good for an hour.
type endpoint struct {
	clock clock.Clock
	given atomic.Int32
	delay time.Duration
}

func (e *endpoint) fetch() (*oauth2.Token, error) {
	time.Sleep(e.delay) // in synctest's time
	n := e.given.Add(1)
	return &oauth2.Token{AccessToken: strconv.Itoa(int(n)), Expiry: e.clock.Now().Add(time.Hour)}, nil
}

func TestBearersFetchOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{clock: clock.System{}, delay: time.Second}
		b := &bearers{fetch: e.fetch, clock: clock.System{}}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := b.get(t.Context()); got != "1" || err != nil {
					t.Errorf("bearer %q, %v", got, err)
				}
			})
		}
		wg.Wait()
		time.Sleep(56 * time.Minute) // within renewBefore of its end
		if got, err := b.get(t.Context()); got != "1" || err != nil {
			t.Errorf("a message waited for the renewal: %q, %v", got, err)
		}
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if got, err := b.get(t.Context()); got != "2" || err != nil {
			t.Errorf("after the renewal: %q, %v", got, err)
		}
	})
}

// TestBearersKeepTheContext: a slow token endpoint holds no message longer
// than its own deadline.
func TestBearersKeepTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{clock: clock.System{}, delay: time.Minute}
		b := &bearers{fetch: e.fetch, clock: clock.System{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the deadline", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestDiscard(t *testing.T) {
	c := clock.At(noon)
	e := &endpoint{clock: c}
	b := &bearers{fetch: e.fetch, clock: c}
	first, err := b.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b.discard(first) {
		t.Error("a bearer just fetched was blamed")
	}
	c.Advance(innocent)
	if !b.discard(first) {
		t.Error("an old bearer was not dropped")
	}
	if second, err := b.get(t.Context()); err != nil || second == first {
		t.Errorf("bearer %q, %v, want a new one", second, err)
	}
	if !b.discard(first) {
		t.Error("a message with the old bearer is not repeated with the new")
	}
}
