// Package paytest starts Stripe's own simulation of its API, for tests alone.
package paytest

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Mock is Stripe's own simulation of its API, which refuses a request that its
// specification does not know; it keeps nothing.
type Mock struct {
	URL string // of a recorder before it

	mu   sync.Mutex
	seen []Asked
}

// Asked is a request as it reached Stripe.
type Asked struct {
	Method, Path, Key string // Key: of idempotency
	Form              url.Values
}

// Start builds and runs stripe-mock until the test ends.
func Start(t testing.TB) *Mock {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "stripe-mock")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/stripe/stripe-mock").CombinedOutput(); err != nil {
		t.Fatalf("stripe-mock was not built: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return recordedAt(t, "http://"+address)
		}
	}
	t.Fatal("stripe-mock ended before it listened")
	return nil
}

// recordedAt notes what passes on its way to Stripe.
func recordedAt(t testing.TB, target string) *Mock {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	m := &Mock{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		form, _ := url.ParseQuery(string(body))
		m.mu.Lock()
		m.seen = append(m.seen, Asked{r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), form})
		m.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	m.URL = server.URL
	return m
}

// Last is the latest request of a method.
func (m *Mock) Last(t testing.TB, method string) Asked {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, asked := range slices.Backward(m.seen) {
		if asked.Method == method {
			return asked
		}
	}
	t.Fatalf("Stripe was sent no %s", method)
	return Asked{}
}
