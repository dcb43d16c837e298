package analytics

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/facts"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
	"github.com/usherhq/usher/modules/kernel/stream"
)

// receiver is somebody's server that verifies what it gets, as the specification says,
// and answers as it is told to.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	secrets []string // any of them may have signed
	answer  int      // 0: 204
	header  http.Header
	got     []string // bodies, by arrival
	ids     []string
	bad     []string // what was wrong with a request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{header: http.Header{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP verifies: base64 of HMAC-SHA256 over "id.timestamp.body", space-separated after "v1,".
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	name, at, signatures := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), strings.Fields(req.Header.Get("webhook-signature"))
	verified := false
	for _, secret := range r.secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			r.bad = append(r.bad, "the secret is no base64")
		}
		m := hmac.New(sha256.New, key)
		fmt.Fprintf(m, "%s.%s.%s", name, at, body)
		verified = verified || slices.Contains(signatures, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	if !verified || name == "" || req.Header.Get("Content-Type") != "application/json" {
		r.bad = append(r.bad, fmt.Sprintf("not verified: %v", req.Header))
	}
	r.got, r.ids = append(r.got, string(body)), append(r.ids, name)
	maps.Copy(w.Header(), r.header)
	if r.answer == 0 {
		r.answer = http.StatusNoContent
	}
	w.WriteHeader(r.answer)
}

func (r *receiver) says(status int, header ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.header = status, http.Header{}
	for i := 0; i < len(header); i += 2 {
		r.header.Set(header[i], header[i+1])
	}
}

// outletRig is analytics with a clock, and an outlet that leads to a receiver.
type outletRig struct {
	*Service
	t     *testing.T
	clock *clock.Fixed
	to    *receiver
	Outlet
}

// refusePrivate stands in for the hub's guard, which app hands in.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if ip := at.Addr(); err != nil || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
		return errors.New("not the public internet: " + address)
	}
	return nil
}

func newOutletRig(t *testing.T, shape ...func(c *Config)) *outletRig {
	t.Helper()
	r := &outletRig{t: t, clock: clock.At(queryNoon), to: newReceiver(t)}
	key, err := seal.Parse(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, seal.KeySize)))
	r.must(err)
	cfg := Defaults()
	cfg.Key, cfg.OutletHosts, cfg.DialGuard = key, []string{strings.TrimPrefix(r.to.URL, "http://")}, refusePrivate
	for _, s := range shape {
		s(&cfg)
	}
	d := dbtest.New(t, dbtest.WithClock(r.clock))
	r.Service = New(cfg, d, stream.New(d, stream.Config{}, slog.New(slog.DiscardHandler)), nil, nil, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(r.Close)
	return r
}

func (r *outletRig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// wants makes the outlet.
func (r *outletRig) wants(types ...string) {
	r.t.Helper()
	r.in(func(tx *db.Tx) (err error) {
		r.Outlet, err = r.CreateOutlet(tx, OutletDraft{Name: "shop", URL: r.to.URL + "/hook?x=1", Types: types})
		return err
	})
	secrets, err := r.OutletSecrets(r.t.Context(), r.ID)
	r.must(err)
	r.to.secrets = []string{secrets.Secret}
}

func (r *outletRig) in(do func(tx *db.Tx) error) {
	r.t.Helper()
	r.must(r.db.InTx(r.t.Context(), do))
}

// happens hands facts to the listener, as the stream does.
func (r *outletRig) happens(all ...db.Fact) {
	r.t.Helper()
	var batch []stream.Fact
	for _, f := range all {
		data, err := json.Marshal(f)
		r.must(err)
		batch = append(batch, stream.Fact{Type: f.FactType(), Key: f.FactKey(), Source: db.OwnSource, Time: r.clock.Now(), Data: data})
	}
	r.in(func(tx *db.Tx) error { return r.deliverFacts(r.t.Context(), tx, batch) })
}

// works makes one attempt for everything that waits and returns the errors' waits.
func (r *outletRig) works() (waits []time.Duration) {
	r.t.Helper()
	all, err := r.Deliveries(r.t.Context(), r.ID, stateWaiting, 0, 100)
	r.must(err)
	slices.Reverse(all)
	for _, d := range all {
		err := r.SendDelivery(r.t.Context(), d.ID)
		if err == nil {
			continue
		}
		if !fault.Is(err, fault.Transient) {
			r.t.Fatal(err)
		}
		waits = append(waits, retryAfter(err))
	}
	return waits
}

// count is how many deliveries are in each state: waiting, delivered, failed.
func (r *outletRig) count() string {
	r.t.Helper()
	n := map[string]int{}
	all, err := r.Deliveries(r.t.Context(), r.ID, "", 0, 100)
	r.must(err)
	for _, d := range all {
		n[d.State]++
	}
	return fmt.Sprint(n[stateWaiting], n[stateDelivered], n[stateFailed])
}

// jobs is how many sends are in the outbox.
func (r *outletRig) jobs() (n int) {
	r.t.Helper()
	r.must(r.db.Pool().QueryRow(r.t.Context(), `SELECT count(*) FROM queue.outbox WHERE name = $1`, jobSend).Scan(&n))
	return n
}

func price(minor int64) facts.PriceSet {
	return facts.PriceSet{Event: id.New(), Category: id.New(), Version: 2, PriceMinor: minor, Currency: "EUR", Shop: "gig-9", ShopName: "floor", At: queryNoon}
}

func TestAWebhookGetsWhatItWants(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set", "sales.capacity_reached")
	r.happens(price(2500), facts.OrdersPlaced{Event: id.New(), Count: 1, At: queryNoon}, facts.CapacityReached{Event: id.New(), At: queryNoon})
	if r.jobs() != 2 {
		t.Errorf("%d jobs for two facts that are wanted and one that is not", r.jobs())
	}
	if waits := r.works(); len(waits) != 0 || r.count() != "0 2 0" {
		t.Fatalf("deliveries %s, waits %v", r.count(), waits)
	}
	if len(r.to.bad) > 0 {
		t.Error(r.to.bad)
	}
	var got struct {
		Type      string
		Timestamp time.Time
		Data      facts.PriceSet
	}
	r.must(json.Unmarshal([]byte(r.to.got[0]), &got))
	if got.Type != "sales.price_set" || !got.Timestamp.Equal(queryNoon) || got.Data.PriceMinor != 2500 || got.Data.ShopName != "floor" {
		t.Errorf("it got %s", r.to.got[0])
	}
	foreign := stream.Fact{Type: "sales.price_set", Source: "https://somebody.example", Data: json.RawMessage(`{}`)}
	r.in(func(tx *db.Tx) error { return r.deliverFacts(t.Context(), tx, []stream.Fact{foreign}) })
	if r.count() != "0 2 0" {
		t.Error("what a stranger claims at the ingest door goes out in our name")
	}
}

func TestADeliveryIsRepeatedUntilItIsTaken(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set")
	r.happens(price(1))
	r.to.says(500)
	if waits := r.works(); !slices.Equal(waits, []time.Duration{backoff[0]}) {
		t.Fatalf("waits %v", waits)
	}
	r.to.says(429, "Retry-After", "90")
	r.clock.Advance(backoff[0])
	if waits := r.works(); !slices.Equal(waits, []time.Duration{90 * time.Second}) {
		t.Errorf("it asked for 90 seconds, and gets %v", waits)
	}
	r.to.says(302, "Location", "http://127.0.0.1:1/")
	r.works()
	if d, err := r.Deliveries(t.Context(), r.ID, "", 0, 1); err != nil || d[0].Status != 302 || !strings.Contains(d[0].Error, "redirects are not followed") || d[0].Attempts != 3 {
		t.Errorf("%+v %v", d, err)
	}
	r.to.says(200)
	r.works()
	if r.count() != "0 1 0" || len(r.to.got) != 4 || len(slices.Compact(slices.Clone(r.to.ids))) != 1 || len(slices.Compact(slices.Clone(r.to.got))) != 1 {
		t.Errorf("deliveries %s; %d requests with the ids %v", r.count(), len(r.to.got), r.to.ids)
	}
	if len(r.to.bad) > 0 {
		t.Error(r.to.bad)
	}
	if o, err := r.Service.Outlet(t.Context(), r.ID); err != nil || o.Failures != 0 || o.OKAt == nil {
		t.Errorf("%+v %v", o, err)
	}
}

func TestADeliveryIsGivenUpAndReplayed(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set")
	r.happens(price(1), price(2))
	r.to.says(503)
	var all time.Duration
	for range backoff {
		waits := r.works()
		if len(waits) != 2 {
			t.Fatalf("waits %v", waits)
		}
		all += waits[0]
		r.clock.Advance(waits[0])
	}
	if r.works(); r.count() != "0 0 2" || all < 40*time.Hour {
		t.Fatalf("deliveries %s after %v", r.count(), all)
	}
	r.to.says(204)
	r.in(func(tx *db.Tx) error {
		n, err := r.ReplayFailed(tx, r.ID)
		if n != 2 {
			t.Errorf("%d are replayed", n)
		}
		return err
	})
	r.works()
	first, err := r.Deliveries(t.Context(), r.ID, "", 0, 1)
	r.must(err)
	r.in(func(tx *db.Tx) error { return r.ReplayDelivery(tx, r.ID, first[0].ID) })
	if r.works(); r.count() != "0 2 0" || len(r.to.bad) > 0 {
		t.Errorf("deliveries %s, %v", r.count(), r.to.bad)
	}
	if last := r.to.ids[len(r.to.ids)-1]; last != first[0].ID.String() {
		t.Error("a replay has another id: its receiver could not tell it from news")
	}
	err = r.db.InTx(t.Context(), func(tx *db.Tx) error { return r.ReplayDelivery(tx, id.New(), first[0].ID) })
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("another webhook's delivery: %v", err)
	}
}

func TestAReceiverThatIsGoneIsPaused(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set")
	r.happens(price(1), price(2))
	r.to.says(410)
	r.works()
	o, err := r.Service.Outlet(t.Context(), r.ID)
	r.must(err)
	if !o.Paused || o.Problem == "" || r.count() != "1 0 1" {
		t.Fatalf("%+v, deliveries %s", o, r.count())
	}
	before := r.jobs()
	r.happens(price(3)) // while it is paused
	if r.works(); r.jobs() != before || r.count() != "1 0 1" {
		t.Errorf("a paused webhook is sent to: %s", r.count())
	}
	r.to.says(204)
	r.in(func(tx *db.Tx) error { return r.ResumeOutlet(tx, r.ID) })
	if r.jobs() != before+1 {
		t.Errorf("%d jobs for the one that waited", r.jobs()-before)
	}
	if r.works(); r.count() != "0 1 1" {
		t.Errorf("deliveries %s", r.count())
	}
}

func TestASecretIsRotatedWithoutLoss(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set")
	old := r.to.secrets[0]
	var now Secrets
	r.in(func(tx *db.Tx) (err error) { now, err = r.RotateSecret(tx, r.ID); return err })
	if now.Previous != old || now.Secret == old || len(now.Secret) != len("whsec_")+44 {
		t.Fatalf("%+v", now)
	}
	for _, secret := range []string{old, now.Secret} { // the receiver changes over when it likes
		r.to.secrets = []string{secret}
		r.happens(price(1))
		r.works()
	}
	if len(r.to.bad) > 0 || len(r.to.got) != 2 {
		t.Error(r.to.bad)
	}
	r.clock.Advance(secretOverlap)
	r.to.secrets = []string{old}
	r.happens(price(2))
	if r.works(); len(r.to.bad) != 1 {
		t.Error("the old secret signs for ever")
	}
}

// What leads into our own network is refused when it is dialled, whatever its name says.
func TestAWebhookReachesNothingPrivate(t *testing.T) {
	r := newOutletRig(t)
	port := strings.TrimPrefix(r.to.URL, "http://127.0.0.1:")
	for _, private := range []string{"https://127.0.0.1:" + port, "https://localhost:" + port, "https://10.0.0.1/x", "https://[::1]:" + port, "https://169.254.169.254/latest/meta-data"} {
		r.in(func(tx *db.Tx) (err error) {
			r.Outlet, err = r.CreateOutlet(tx, OutletDraft{Name: private[8:min(len(private), 40)], URL: private, Types: []string{"sales.price_set"}})
			return err
		})
		r.happens(price(1))
		r.works()
		d, err := r.Deliveries(t.Context(), r.ID, "", 0, 1)
		r.must(err)
		if d[0].Status != 0 || !strings.Contains(d[0].Error, "cannot reach") {
			t.Errorf("%s: %+v", private, d[0])
		}
	}
	if len(r.to.got) > 0 {
		t.Error("something arrived")
	}
	for what, raw := range map[string]string{"no TLS": "http://shop.example/hook", "a password": "https://a:b@shop.example/", "a fragment": "https://shop.example/#x",
		"a file": "file:///etc/passwd", "no host": "https:///x", "nothing": "", "too long": "https://shop.example/" + strings.Repeat("x", 2000)} {
		err := r.db.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := r.CreateOutlet(tx, OutletDraft{Name: what, URL: raw, Types: []string{"sales.price_set"}})
			return err
		})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWebhookPages(t *testing.T) {
	r := newOutletRig(t)
	r.wants("sales.price_set")
	site := streamSite(t, r.Service, anyone{})
	ask := func(method, path string, form url.Values) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "text/html")
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		return rec
	}
	rec := ask("POST", "/webhooks", url.Values{"name": {"shop"}, "url": {"http://x.example"}, "types": {"sales.price_sett"}})
	for _, want := range []string{"is not https", "did you mean sales.price_set?", `value="http://x.example"`} {
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%d, no %q in the refusal", rec.Code, want)
		}
	}
	if rec := ask("POST", "/webhooks", url.Values{"name": {"shop"}, "url": {"https://x.example"}, "types": {"sales.price_set"}}); !strings.Contains(rec.Body.String(), "is another webhook") {
		t.Errorf("two of one name: %d", rec.Code)
	}
	page := "/webhooks/" + r.ID.String()
	if rec := ask("POST", page+"/do", url.Values{"do": {"test"}}); rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	r.works()
	for _, want := range []string{"webhook.test", "delivered", r.to.secrets[0], "Send again"} {
		if body := html.UnescapeString(ask("GET", page, nil).Body.String()); !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if body := ask("GET", "/webhooks", nil).Body.String(); !strings.Contains(body, "working") {
		t.Error("the list does not say that it works")
	}
	looking := streamSite(t, r.Service, looker{})
	rec = httptest.NewRecorder()
	looking.ServeHTTP(rec, httptest.NewRequest("GET", page, nil))
	if body := rec.Body.String(); rec.Code != 200 || strings.Contains(body, "whsec_") || strings.Contains(body, "<form") {
		t.Errorf("who may only look sees the secret, or buttons: %d", rec.Code)
	}
	for _, do := range []string{"rotate", "pause", "resume", "replay", "remove"} {
		if rec := ask("POST", page+"/do", url.Values{"do": {do}}); rec.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", do, rec.Code, rec.Body)
		}
	}
	if rec := ask("GET", page, nil); rec.Code != http.StatusNotFound {
		t.Errorf("it is still there: %d", rec.Code)
	}
}

// Every fact that is offered exists, under that name.
func TestWebhookTypesAreFacts(t *testing.T) {
	var source []byte
	files, err := filepath.Glob("../facts/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	for _, o := range OutletTypes {
		if !bytes.Contains(source, []byte(`return "`+o.Type+`"`)) {
			t.Errorf("no fact is named %s", o.Type)
		}
	}
}
