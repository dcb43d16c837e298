package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// journal writes down what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) { j.mu.Lock(); defer j.mu.Unlock(); j.lines = append(j.lines, line) }

func (j *journal) String() string { return strings.Join(j.lines, " ") }

func (j *journal) part(name string) Component {
	return Component{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.add(name)
		return nil
	}}
}

func TestRunStopsInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, slog.New(slog.DiscardHandler), j.part("database"), j.part("jobs"), j.part("stream"), j.part("http"))
		}()
		synctest.Wait()
		if j.String() != "" {
			t.Errorf("stopped before it was asked: %s", &j)
		}
		cancel()
		if err := <-done; err != nil || j.String() != "http stream jobs database" {
			t.Errorf("order %s, %v", &j, err)
		}
	})
}

func TestRunStopsWhenOneFails(t *testing.T) {
	broken := errors.New("port taken")
	for name, tc := range map[string]struct {
		fail func(context.Context) error
		want string
	}{
		"an error":      {func(context.Context) error { return broken }, "http failed"},
		"a silent end":  {func(context.Context) error { return nil }, "http ended by itself"},
		"a late error":  {func(ctx context.Context) error { <-ctx.Done(); return broken }, "http failed"},
		"just canceled": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if strings.Contains(name, "late") || strings.Contains(name, "canceled") {
					cancel()
				}
				err := Run(ctx, slog.New(slog.DiscardHandler), j.part("database"), Component{"http", tc.fail})
				if got := errText(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
					t.Errorf("got %q, want %q", got, tc.want)
				}
				if j.String() != "database" {
					t.Errorf("the others were not stopped: %q", &j)
				}
			})
		})
	}
}

func TestRunDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		release := make(chan struct{})
		defer close(release)
		stuck := Component{"http", func(context.Context) error { <-release; return nil }}
		err := Run(ctx, slog.New(slog.NewTextHandler(&log, nil)), j.part("database"), stuck)
		if !strings.Contains(errText(err), "http did not stop within 20s") || j.String() != "database" {
			t.Errorf("%v; stopped %q", err, &j)
		}
	})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
