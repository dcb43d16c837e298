package h2

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/usherhq/usher/modules/hub/push/pushtest/h2"
)

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
		if r.URL.RawQuery != withoutHints {
			w.WriteHeader(http.StatusEarlyHints)
		}
		if served.Add(1)%50 == 0 {
			w.Header().Set("Connection", "close") // x/net says GOAWAY
		}
		_, _ = w.Write(body)
		w.Header().Set("X-Size", strconv.Itoa(len(body)))
	}))
	//nolint:staticcheck // SA1019: net/http's settings do not bound the streams
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

// withoutHints asks for no interim answer: of a stream that is reset, x/net's server may still be
// writing it while the handler goes on with the same header.
const withoutHints = "without-hints"

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
