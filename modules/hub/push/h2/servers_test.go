package h2

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

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
			for i := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				if w%2 == 1 {
					go cancel()
				}
				sent := fmt.Sprintf("%d of %d", i, w)
				_, got, err := s.post(ctx, tr, "/echo", sent)
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

// startGo is x/net's server: interim answers and trailers with each answer, and a
// farewell every 50.
func startGo(t *testing.T) server {
	t.Helper()
	var served atomic.Int64
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/echo" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has reset the stream
		}
		w.Header().Set("Trailer", "X-Size")
		w.Header().Set("X-Id", r.Header.Get("Apns-Id"))
		w.WriteHeader(http.StatusEarlyHints)
		if served.Add(1)%50 == 0 {
			w.Header().Set("Connection", "close") // x/net says GOAWAY
		}
		_, _ = w.Write(body)
		w.Header().Set("X-Size", strconv.Itoa(len(body)))
	}))
	if err := http2.ConfigureServer(ts.Config, &http2.Server{MaxConcurrentStreams: 20}); err != nil {
		t.Fatal(err)
	}
	ts.TLS = ts.Config.TLSConfig
	ts.StartTLS()
	t.Cleanup(ts.Close)
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	return server{ts.URL, roots, func(t *testing.T, resp *http.Response, sent string) {
		t.Helper()
		size := strconv.Itoa(len(sent))
		if resp.Header.Get("X-Id") != size || resp.Trailer.Get("X-Size") != size || resp.ProtoMajor != 2 {
			t.Errorf("%d bytes: header %v, trailer %v", len(sent), resp.Header, resp.Trailer)
		}
	}}
}

// startNghttpd is nghttp2's server, with small windows, a small header table,
// padding and trailers.
func startNghttpd(t *testing.T) server {
	t.Helper()
	program, err := exec.LookPath("nghttpd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nghttpd"); err != nil {
			t.Fatal("nghttpd is missing: apt-get install nghttp2-server")
		}
	}
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	ts.Close()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(ts.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile, certFile := write("key.pem", "PRIVATE KEY", key), write("cert.pem", "CERTIFICATE", ts.Certificate().Raw)
	if err := os.WriteFile(filepath.Join(dir, "echo"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	_ = ln.Close()
	cmd := exec.Command(program, "--echo-upload", "-d", dir, "-a", "127.0.0.1", "-m", "15", "-w", "14", "-W", "16",
		"-c", "200", "-b", "20", "--trailer", "x-end: 1", port, keyFile, certFile)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = nc.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nghttpd does not listen: %v %s", err, said.String())
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	return server{"https://127.0.0.1:" + port, roots, func(t *testing.T, resp *http.Response, _ string) {
		t.Helper()
		if resp.Trailer.Get("X-End") != "1" {
			t.Errorf("trailer %v", resp.Trailer)
		}
	}}
}

// startPushtest is the server of our simulated push services, which says goodbye
// every 40 requests of a connection and refuses every 7th stream.
func startPushtest(t *testing.T) server {
	t.Helper()
	s, _ := servePushtest(t, h2.Config{MaxStreams: 20, GoAwayEvery: 40, RefuseEvery: 7, Handler: func(r *h2.Request, a *h2.Answer) {
		a.Status, a.Body = 200, bytes.Clone(r.Body)
		if r.Path != "/echo" {
			a.Status = 404
		}
		if r.Size > len(r.Body) {
			a.Body = bytes.Repeat(a.Body[:1], r.Size) // it keeps 64 KiB
		}
	}})
	return s
}

func servePushtest(t *testing.T, cfg h2.Config) (server, *h2.Server) {
	t.Helper()
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	ts.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = ts.TLS
	s := h2.Serve(ln, cfg)
	t.Cleanup(func() { _ = s.Close() })
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	return server{url: "https://" + ln.Addr().String(), roots: roots}, s
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
