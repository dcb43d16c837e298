package h2

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
)

// server is a true HTTP/2 server that answers with the request's body.
type server struct {
	url   string
	roots *x509.CertPool
	echo  func(t *testing.T, resp *http.Response, sent string) // checks what it tells of the request; nil: nothing
}

// TestServers: the same requests to three servers that were not written for us, or
// not for this.
func TestServers(t *testing.T) {
	for name, start := range map[string]func(*testing.T) server{
		"x/net": startGo, "nghttpd": startNghttpd, "pushtest": startPushtest,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			t.Run("bodies", s.bodies)
			t.Run("many", s.many)
			t.Run("cancelled", s.cancelled)
			t.Run("drained", s.drained)
		})
	}
}

func (s server) transport(t *testing.T, cfg Config) *Transport {
	t.Helper()
	cfg.TLS = tlsFor(s.roots)
	cfg.MaxBody = 1 << 20
	tr := New(cfg)
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// post sends a body and returns what came back.
func (s server) post(ctx context.Context, tr http.RoundTripper, path, body string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Apns-Id", strconv.Itoa(len(body)))
	req.Header.Set("Apns-Topic", "app.usher.demo")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// bodies of all sizes, in both directions, through all windows, over one connection.
func (s server) bodies(t *testing.T) {
	tr := s.transport(t, Config{MaxConns: 1})
	for _, size := range []int{1, 100, 16_384, 16_385, 65_535, 65_536, 300_000, 2} {
		sent := strings.Repeat(string(rune('a'+size%26)), size)
		resp, got, err := s.post(t.Context(), tr, "/echo", sent)
		if err != nil || resp.StatusCode != 200 || got != sent {
			t.Fatalf("%d bytes: %v, %d bytes back", size, err, len(got))
		}
		if s.echo != nil {
			s.echo(t, resp, sent)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", s.url+"/nothing-here", nil)
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != 404 {
		t.Fatalf("%v %v", resp, err)
	}
}

// many requests at once, more than the server takes: each gets its own answer.
func (s server) many(t *testing.T) {
	tr := s.transport(t, Config{})
	var wg sync.WaitGroup
	for w := range 60 {
		wg.Go(func() {
			for i := range 30 {
				sent := fmt.Sprintf("message %d of %d %s", i, w, strings.Repeat("x", rand.IntN(2000)))
				if _, got, err := s.post(t.Context(), tr, "/echo", sent); err != nil || got != sent {
					t.Errorf("%v, %.30q for %.30q", err, got, sent)
					return
				}
			}
		})
	}
	wg.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.flying != 0 {
		t.Errorf("%d requests have no end", tr.flying)
	}
}

// cancelled requests among others leave the others alone.
func (s server) cancelled(t *testing.T) {
	tr := s.transport(t, Config{MaxConns: 1})
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			times := 20
			if w%2 == 1 {
				times = 6 // x/net's server hangs up on who resets 80 streams that it has not begun with
			}
			for i := range times {
				ctx, cancel := context.WithCancel(t.Context())
				if w%2 == 1 {
					go cancel()
				}
				sent := fmt.Sprintf("%d of %d", i, w)
				_, got, err := s.post(ctx, tr, "/echo?"+withoutHints, sent)
				cancel()
				if w%2 == 0 && (err != nil || got != sent) || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%d: %v %q", w, err, got)
				}
			}
		})
	}
	wg.Wait()
}

// drained: Close in the middle of many requests lets each have its answer, or says that
// it came too late; nothing is cut off.
func (s server) drained(t *testing.T) {
	tr := s.transport(t, Config{MaxConns: 1, MaxStreams: 3})
	var wg sync.WaitGroup
	first := make(chan struct{}, 10)
	for range 10 {
		wg.Go(func() {
			for range 20 {
				_, got, err := s.post(t.Context(), tr, "/echo", "x")
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil || got != "x" {
					t.Errorf("%q %v", got, err)
				}
				select {
				case first <- struct{}{}:
				default:
				}
			}
		})
	}
	<-first
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, _, err := s.post(t.Context(), tr, "/echo", "x"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestNothingIsLostOrRepeated: over a service that says goodbye, refuses streams
// and cuts connections, the transport by itself loses only what was in flight at a
// cut, repeats nothing that was served, and a sender that repeats what failed
// delivers everything.
func TestNothingIsLostOrRepeated(t *testing.T) {
	var mu sync.Mutex
	served := map[string]int{}
	s, service := servePushtest(t, h2.Config{MaxStreams: 50, GoAwayEvery: 500, RefuseEvery: 31, CutEvery: 170, Handler: func(r *h2.Request, a *h2.Answer) {
		mu.Lock()
		defer mu.Unlock()
		served[string(r.Body)]++
		a.Status = 200
	}})
	tr := s.transport(t, Config{})
	const workers, each = 40, 100
	var failed atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				message := fmt.Sprintf("%d of %d", i, w)
				tries := 0
				for _, _, err := s.post(t.Context(), tr, "/", message); err != nil; _, _, err = s.post(t.Context(), tr, "/", message) {
					failed.Add(1)
					if tries++; tries > 50 {
						t.Errorf("%s: %v", message, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	repeats := 0
	for _, n := range served {
		repeats += n - 1
	}
	if len(served) != workers*each {
		t.Errorf("%d of %d messages were served", len(served), workers*each)
	}
	cuts := service.Connections()
	if repeats > int(failed.Load()) || failed.Load() > cuts*workers {
		t.Errorf("%d messages were served again, %d failed at %d cuts of %d in flight", repeats, failed.Load(), cuts, workers)
	}
	if failed.Load() == 0 || cuts < 10 {
		t.Error("nothing was cut: the test means nothing")
	}
}
