package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
)

func startPushtest(t *testing.T) *pushtest.Services {
	t.Helper()
	s, err := pushtest.Start(pushtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestTheCrowdIsWhatTheAPITakes(t *testing.T) {
	c := crowd{app: "mixed", n: 1000, service: mixture, handles: startPushtest(t), origin: "https://127.0.0.1:9"}
	lines := json.NewDecoder(c.ndjson())
	lines.DisallowUnknownFields()
	handles, byService, tenth := map[string]bool{}, map[push.Service]int{}, 0
	for range c.n {
		var in hub.Installation
		if err := lines.Decode(&in); err != nil {
			t.Fatal(err)
		}
		handles[in.Handle] = true
		service := push.Service(strings.TrimSuffix(in.Kind, "_token"))
		byService[service]++
		if in.Tags[0] == "tenth:0" {
			tenth++
		}
		if service == push.WebPush && !strings.HasPrefix(in.Handle, c.origin+"/push/") {
			t.Fatalf("%s is not at the service that runs", in.Handle)
		}
		if len(in.Props["name"]) == 0 || in.Locale == "" {
			t.Fatalf("%s is not personal", in.ID)
		}
	}
	if _, err := lines.Token(); err != io.EOF {
		t.Fatalf("more than %d lines: %v", c.n, err)
	}
	if len(handles) != c.n || byService[push.APNs] != 400 || byService[push.FCM] != 500 || byService[push.WebPush] != 100 || tenth != 100 {
		t.Fatalf("%d handles, %v, %d in the first tenth", len(handles), byService, tenth)
	}
}

func TestServicesTakeOrders(t *testing.T) {
	in, orders := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- runServices(nil, in, out) }()
	s := &services{orders: json.NewEncoder(orders), replay: json.NewDecoder(answers)}
	if err := s.replay.Decode(&s.addresses); err != nil {
		t.Fatal(err)
	}
	if status := pushOnce(t, s.addresses); status != http.StatusOK {
		t.Fatalf("a message with our provider token is answered %d", status)
	}
	now, err := s.tell(order{push.APNs, pushtest.Unavailable})
	if err != nil || now[push.APNs].Accepted != 1 {
		t.Fatalf("counted %+v, %v", now, err)
	}
	if status := pushOnce(t, s.addresses); status != http.StatusServiceUnavailable {
		t.Fatalf("during an outage a message is answered %d", status)
	}
	_ = orders.Close()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// pushOnce sends one message as the peers do.
func pushOnce(t *testing.T, a addresses) int {
	t.Helper()
	token, err := providerToken(a)
	if err != nil {
		t.Fatal(err)
	}
	roots := newRoots(t, a.CAPEM)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.APNsURL+"/3/device/"+strings.Repeat("0b5e55ed", 8), strings.NewReader(`{"aps":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"bearer " + token}, "Apns-Topic": {a.APNsTopic}, "Apns-Push-Type": {"alert"}}
	transport := &http.Transport{TLSClientConfig: roots, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestProcessFigures(t *testing.T) {
	self := os.Getpid()
	own, all := ownCPU(self), machineCPU()
	x := 1.0
	for ownCPU(self) < own+5*time.Second/ticks { // works until the clock has seen it
		for range 100_000 {
			x = math.Sqrt(x + 1)
		}
	}
	if machineCPU() <= all {
		t.Errorf("the machine did nothing while this process worked (%f)", x)
	}
	if rss := memory(self, "VmRSS"); rss < 1e6 || rss > memory(self, "VmHWM") {
		t.Errorf("this process has %d bytes", rss)
	}
	if pss := proportional(self); pss < 1e6 {
		t.Errorf("this process adds %d bytes to the machine's", pss)
	}
	found := false
	for _, pid := range childrenOf(os.Getppid()) {
		found = found || pid == self
	}
	if !found {
		t.Error("this process is not among its parent's children")
	}
	c := cpu{usher: time.Second, postgres: time.Second / 2, machine: 2 * time.Second}
	if got := c.each(100_000); got != "CPU µs each: usher 10.0, PostgreSQL 5.0, services 0.0" {
		t.Error(got)
	}
	if got := (cpu{usher: 3 * time.Second, machine: 2 * time.Second}).others(time.Second); got != 0 {
		t.Errorf("others took %f", got)
	}
}

func TestQuantile(t *testing.T) {
	var d []time.Duration
	for i := range 200 {
		d = append(d, time.Duration(200-i))
	}
	if p50, p99 := quantile(d, 0.5), quantile(d, 0.99); p50 != 100 || p99 != 198 {
		t.Errorf("p50 %d, p99 %d of 1 … 200", p50, p99)
	}
	if only := quantile(d[:1], 0.99); only != 200 {
		t.Errorf("p99 of one is %d", only)
	}
}

func TestResultPage(t *testing.T) {
	var r result
	r.section("Fan-out", "About it.")
	r.add("rate", "7/s", "≥ 5/s", verdictOf(true))
	r.fail(context.DeadlineExceeded)
	(&peer{name: "gorush", factor: 2, missing: "not installed"}).compare(&r, 10)
	(&peer{name: "other", factor: 2, rates: []float64{4, 6}, how: "well"}).compare(&r, 9)
	var page bytes.Buffer
	if err := r.write(&page, machine{cpu: "abacus"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## Fan-out\n\nAbout it.\n\n| what | figure | goal | |\n",
		"| rate | 7/s | ≥ 5/s | met |\n",
		"| this scenario ended | context deadline exceeded |  | **failed** |\n",
		"| gorush | not installed | usher ≥ 2 × | not measured |\n",
		"| other | 5/s (well); usher is 1.80 × | usher ≥ 2 × | **missed** |\n",
		"- abacus, ",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, page.String())
		}
	}
	if r.failures() != 1 {
		t.Errorf("%d failures", r.failures())
	}
}

func newRoots(t *testing.T, pem string) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
