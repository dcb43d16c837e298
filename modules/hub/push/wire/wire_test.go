package wire

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"0":                             0,
		"-3":                            0,
		"soon":                          0,
		"999999999":                     24 * time.Hour,
		"99999999999999999999":          0,
		"Fri, 01 May 2026 12:00:30 GMT": 30 * time.Second,
		"Fri, 01 May 2026 11:00:00 GMT": 0,
		"Fri, 01 May 2099 11:00:00 GMT": 24 * time.Hour,
	} {
		h := http.Header{}
		h.Set("Retry-After", header)
		if got := RetryAfter(h, now); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", header, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"7", "-1", "Fri, 01 May 2026 12:00:30 GMT", "1e9", ""} {
		f.Add(s)
	}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d := RetryAfter(http.Header{"Retry-After": {s}}, now)
		if d < 0 || d > maxWait {
			t.Fatalf("RetryAfter(%q) = %v, outside 0 to a day", s, d)
		}
	})
}

func TestGateBoundsAndCloses(t *testing.T) {
	g := NewGate(2)
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := g.Enter(ctx); err != nil {
			t.Fatal(err)
		}
	}
	third := make(chan error)
	go func() { third <- g.Enter(ctx) }()
	cancel()
	if err := <-third; !errors.Is(err, context.Canceled) {
		t.Fatalf("a third message entered: %v", err)
	}
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	g.Leave()
	g.Leave()
	<-closed
	if err := g.Enter(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatalf("entered a closed gate: %v", err)
	}
}

func TestUnanswered(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for want, o := range map[string]string{
		"cancelled":   Unanswered(cancelled, errors.New("x")).Reason,
		"timeout":     Unanswered(late, errors.New("x")).Reason,
		"closed":      Unanswered(t.Context(), ErrClosed).Reason,
		"unreachable": Unanswered(t.Context(), errors.New("connection reset")).Reason,
	} {
		if o != want {
			t.Errorf("reason %q, want %q", o, want)
		}
	}
}
