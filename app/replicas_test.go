package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/identity"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/sales"
)

// replicas are processes of usher on one PostgreSQL and one Redis, behind a proxy that gives each
// request to the next of them.
type replicas struct {
	t        *testing.T
	database string
	key      string
	proxy    *httptest.Server

	mu   sync.Mutex
	all  []*house
	next int
}

func newReplicas(t *testing.T, n int) *replicas {
	t.Helper()
	r := &replicas{t: t, database: dbtest.URL(t), key: identity.NewKeySecret()}
	settings := []string{"database.url=" + r.database, "database.max_conns=12", "redis.url=redis-socket://" + newRedis(t).socket, "seal.key=" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"access.keys=[{name: test, secret: " + r.key + ", rights: [manage]}]"}
	for range n {
		h := newHouse(t, settings...)
		h.key = r.key
		if r.all = append(r.all, h); len(r.all) == 1 { // the others send to its push services
			settings = append(settings, "hub.services.apns_endpoint="+h.services.APNsURL(), "hub.services.fcm_endpoint="+h.services.FCMURL(),
				"hub.services.webpush_hosts="+h.services.WebPushHost(), "hub.services.ca_file="+h.caFile)
		}
	}
	r.proxy = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(r.turn()) }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)})
	t.Cleanup(r.proxy.Close)
	return r
}

func (r *replicas) turn() *url.URL {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	to, err := url.Parse(r.all[r.next%len(r.all)].url)
	if err != nil {
		panic(err)
	}
	return to
}

// lose kills the last one. The proxy learns of it later, as from a health check: what it sends
// there meanwhile is not answered.
func (r *replicas) lose() {
	last := r.all[len(r.all)-1]
	last.killed()
	last.child = nil
	time.Sleep(100 * time.Millisecond)
	r.mu.Lock()
	r.all = r.all[:len(r.all)-1]
	r.mu.Unlock()
}

// insist repeats a call through the proxy until it is answered, with the same key.
func (r *replicas) insist(method, path, key string, in, out any) error {
	return r.insistAs(r.key, method, path, key, in, out)
}

func (r *replicas) insistAs(secret, method, path, key string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		status, text, err := r.once(secret, method, path, key, body)
		switch {
		case err != nil || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusConflict && key != "":
			continue // not answered, or the one who began it may have died: 409 until it is known
		case status >= 300:
			return fmt.Errorf("%s %s: %d %s", method, path, status, text)
		}
		if raw, ok := out.(*[]byte); ok {
			*raw = text
			return nil
		}
		return json.Unmarshal(text, out)
	}
	return fmt.Errorf("%s %s was not answered", method, path)
}

func (r *replicas) once(secret, method, path, key string, body []byte) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.proxy.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// TestEveryJourneyThroughReplicas lets a crowd go its whole way through two, and through three
// processes behind a proxy, kills one of them in the middle, and looks for everything that was
// answered: no order, ticket, message or entry is lost, and none is there twice.
func TestEveryJourneyThroughReplicas(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newReplicas(t, n)
			one := r.all[0]
			one.festival(0)
			c := &crowd{replicas: r, event: one.onSaleEvent(1000), orders: map[string]keptOrder{}}
			c.scanner = r.all[n-1].enrolled(c.event) // its claim link is the newest
			next := make(chan int)
			var all sync.WaitGroup
			for range fansAtOnce {
				all.Go(func() {
					for i := range next {
						if err := c.goes(i); err != nil {
							t.Error(err)
						}
						c.through()
					}
				})
			}
			for i := range fans {
				if i == fans/3 {
					c.mu.Lock()
					c.killed = time.Now()
					c.mu.Unlock()
					r.lose()
				}
				next <- i
			}
			close(next)
			all.Wait()
			c.judge(one, n)
		})
	}
}

// enrolled makes a scanner as staff do: a one-time code on one device, its key on the other.
func (h *house) enrolled(e sales.Event) string {
	h.t.Helper()
	h.claimed()
	var paper struct{ Code string }
	var made struct{ Secret string }
	h.buyer(h.owner, "POST", "/v1/scanners", map[string]string{"name": "gate", "event": e.ID.String()}, &paper)
	h.buyer(nil, "POST", "/v1/scanners/enrol", map[string]string{"code": paper.Code}, &made)
	return made.Secret
}
