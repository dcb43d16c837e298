package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/clock"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/dbtest"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/seal"
)

// rig is a hub on a database of its own, with simulated push services and a
// clock that the test moves.
type rig struct {
	*Service
	t        *testing.T
	clock    *clock.Fixed
	services *pushtest.Services

	asked chan struct{} // holds a token once a service was asked for anything

	mu       sync.Mutex
	receipts map[string][]pushtest.Receipt // by handle
}

var rigStart = time.Date(2026, 7, 10, 12, 0, 0, 0, time.UTC)

// newRig sets up the app "festival" with all three credentials.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, clock: clock.At(rigStart), receipts: map[string][]pushtest.Receipt{}, asked: make(chan struct{}, 1)}
	var err error
	r.services, err = pushtest.Start(pushtest.Config{OnMessage: r.receive})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.services.Close() })
	cfg := Defaults()
	cfg.ChunkSize, cfg.FlushSize, cfg.InFlight, cfg.SendTimeout = 100, 20, 40, 5*time.Second
	cfg.Services = Services{
		APNsEndpoint: r.services.APNsURL(), FCMEndpoint: r.services.FCMURL(),
		WebPushHosts: []string{r.services.WebPushHost()}, Connections: 2, Roots: r.services.RootCAs(),
	}
	for _, f := range change {
		f(&cfg)
	}
	key, err := seal.Load(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	r.Service = New(cfg, dbtest.New(t, dbtest.WithClock(r.clock)), key, NewSender, slog.New(slog.DiscardHandler))
	t.Cleanup(r.Close)
	r.must(r.Maintain(t.Context()))
	_, _, err = r.PutApp(t.Context(), App{ID: "festival", Name: "Festival", Locale: "en", Zone: "Europe/Berlin", Currency: "EUR"})
	r.must(err)
	for _, c := range []NewCredential{
		APNsCredential{KeyPEM: string(r.services.APNsKeyPEM()), KeyID: r.services.APNsKeyID(), TeamID: r.services.APNsTeamID(), Topic: r.services.APNsTopic()},
		FCMCredential{ServiceAccount: r.services.ServiceAccountJSON()},
		WebPushCredential{Subject: "mailto:test@usher.example"},
	} {
		_, err := r.PutCredential(t.Context(), "festival", c)
		r.must(err)
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) receive(m pushtest.Receipt) {
	select {
	case r.asked <- struct{}{}:
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receipts[m.Handle] = append(r.receipts[m.Handle], m)
}

// phone registers the nth installation of a service with the given handle prefix.
func (r *rig) phone(service push.Service, n int, prefix string, change ...func(*Installation)) Installation {
	r.t.Helper()
	h := r.services.Handle(service, n, prefix)
	in := Installation{App: "festival", ID: fmt.Sprintf("%s-%d", service, n), Kind: h.Kind, Handle: h.Value, P256dh: h.P256dh, Auth: h.Auth}
	for _, f := range change {
		f(&in)
	}
	_, err := r.Put(r.t.Context(), &in)
	r.must(err)
	return in
}

func speaks(locale string) func(*Installation)  { return func(in *Installation) { in.Locale = locale } }
func tagged(tags ...string) func(*Installation) { return func(in *Installation) { in.Tags = tags } }

func (r *rig) send(d Draft) Notification {
	r.t.Helper()
	n, err := r.trySend(d)
	r.must(err)
	return n
}

func (r *rig) trySend(d Draft) (n Notification, err error) {
	d.App = "festival"
	p, err := r.Prepare(r.t.Context(), d)
	if err != nil {
		return n, err
	}
	err = r.db.InTx(r.t.Context(), func(tx *db.Tx) error {
		n, err = r.Send(tx, p, "test")
		return err
	})
	return n, err
}

// work runs the hub's jobs that are due, as the queue would, until none is left.
func (r *rig) work() {
	r.t.Helper()
	for range 1000 {
		name, payload, ok := takeJob(r.t, r.db)
		if !ok {
			return
		}
		r.must(r.runJob(r.t.Context(), name, payload))
	}
	r.t.Fatal("the jobs do not come to an end")
}

func (r *rig) runJob(ctx context.Context, name string, payload []byte) error {
	switch name {
	case jobDeliver:
		var p deliverPayload
		r.must(json.Unmarshal(payload, &p))
		return r.Deliver(ctx, p.Chunk)
	case jobRelease:
		var p releasePayload
		r.must(json.Unmarshal(payload, &p))
		return r.release(ctx, p.Notification)
	}
	return fault.E("rig", fault.Internal, "unknown job "+name, nil)
}

func (r *rig) report(n id.ID) Report {
	r.t.Helper()
	rep, err := r.Report(r.t.Context(), n)
	r.must(err)
	return rep
}

// got is what the phone with the handle was shown.
func (r *rig) got(handle string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, m := range r.receipts[handle] {
		out = append(out, string(m.Payload))
	}
	return out
}

var hello = Draft{Template: "alert", Properties: map[string]any{"title": "Doors open", "title_de": "Einlass", "body": "Gate A"}}

func TestSendReachesEachPhoneInItsLanguage(t *testing.T) {
	r := newRig(t)
	var phones []Installation
	for i, s := range push.Services {
		phones = append(phones, r.phone(s, 2*i, "", speaks("en-GB"), tagged("fan")), r.phone(s, 2*i+1, "", speaks("de-CH"), tagged("fan", "vip")))
	}
	stranger := r.phone(push.APNs, 99, "", tagged("press"))
	d := hello
	d.Tags = "fan && !press"
	n := r.send(d)
	r.work()
	rep := r.report(n.ID)
	if rep.Notification.State != stateDone || rep.Total != 6 || rep.Outcomes[stateDelivered] != 6 {
		t.Fatalf("report: %+v", rep)
	}
	for i, p := range phones {
		want, not := "Doors open", "Einlass"
		if i%2 == 1 {
			want, not = not, want
		}
		got := strings.Join(r.got(p.Handle), "\n")
		if !strings.Contains(got, want) || strings.Contains(got, not) || len(r.got(p.Handle)) != 1 {
			t.Errorf("%s (%s) got %q", p.ID, p.Locale, got)
		}
	}
	if got := r.got(stranger.Handle); got != nil {
		t.Errorf("a phone outside the audience got %q", got)
	}
}

// Every answer a push service can give leads to the outcome hub.md asks for, and
// to the installation's right fate.
func TestEveryAnswerHasItsOutcome(t *testing.T) {
	states := map[push.Verdict]string{
		push.Delivered: stateDelivered, push.Gone: stateGone, push.Quarantine: stateQuarantined, push.Failed: stateFailed,
		push.Retry: "waiting", push.Throttled: "waiting", push.Credential: "waiting",
	}
	fates := map[push.Verdict]string{push.Gone: StatusRetired, push.Quarantine: StatusQuarantined}
	for _, p := range pushtest.Prefixes {
		t.Run(string(p.Service)+" "+p.Prefix, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			phone := r.phone(p.Service, 1, p.Prefix)
			n := r.send(hello)
			r.work()
			trace, err := r.Trace(t.Context(), n.ID, phone.ID)
			r.must(err)
			want := states[p.Verdict]
			if p.Verdict == push.Retry && len(r.got(phone.Handle)) == 0 && p.Status != 0 {
				t.Fatal("the service was not asked")
			}
			if trace.Outcome != want {
				t.Errorf("outcome %q, want %q: %+v", trace.Outcome, want, trace.Steps)
			}
			in, err := r.Installation(t.Context(), "festival", phone.ID)
			r.must(err)
			if fate := fates[p.Verdict]; in.Status != fate && !(fate == "" && in.Status == StatusActive) {
				t.Errorf("installation is %s, want %q", in.Status, fate)
			}
			cred, err := r.openCredential(t.Context(), "festival", p.Service)
			r.must(err)
			if paused := cred.PausedAt != nil; paused != (p.Verdict == push.Credential) {
				t.Errorf("credential paused: %v", paused)
			}
		})
	}
}

func TestTransientAnswersAreRetriedAlone(t *testing.T) {
	r := newRig(t)
	fine := r.phone(push.APNs, 1, "")
	shaky := r.phone(push.APNs, 2, "dead0503")
	n := r.send(hello)
	for range 12 {
		r.work()
		r.clock.Advance(time.Minute)
	}
	rep := r.report(n.ID)
	if rep.Notification.State != stateDone || rep.Outcomes[stateDelivered] != 2 || rep.Retried != 1 {
		t.Fatalf("report %+v", rep)
	}
	if a, b := len(r.got(fine.Handle)), len(r.got(shaky.Handle)); a != 1 || b != 4 {
		t.Errorf("the sound phone was asked %d times, the shaky one %d; want 1 and 4", a, b)
	}
	ids := map[string]bool{}
	for _, m := range r.receipts[shaky.Handle] {
		ids[m.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("repeats carry the ids %v; want a single one", ids)
	}
}

func TestATransientDeliveryExpires(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "dead5031")
	d := hello
	d.TTLSeconds = 600
	n := r.send(d)
	for range 30 {
		r.work()
		r.clock.Advance(time.Minute)
	}
	if rep := r.report(n.ID); rep.Outcomes[stateExpired] != 1 || rep.Notification.State != stateDone {
		t.Fatalf("report %+v", rep)
	}
}

// Two runs at one chunk, at once and over and over: every outcome is recorded once.
func TestConcurrentRunsRecordOnce(t *testing.T) {
	r := newRig(t)
	for i := range 90 {
		r.phone(push.APNs, i, "")
	}
	n := r.send(hello)
	chunks := chunksOf(t, r.db, n.ID)
	var wg sync.WaitGroup
	for range 8 {
		for _, c := range chunks {
			wg.Go(func() {
				if err := r.Deliver(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	r.work()
	if total, distinct := countDeliveries(t, r.db, n.ID); total != 90 || distinct != 90 {
		t.Fatalf("%d outcomes for %d installations, want 90 for 90", total, distinct)
	}
	if rep := r.report(n.ID); rep.Recorded != 90 || rep.Notification.State != stateDone {
		t.Fatalf("report %+v", rep)
	}
}

// A run that dies after any of its transactions leaves a chunk that another run
// completes without sending again what was recorded.
func TestAStoppedRunIsContinued(t *testing.T) {
	r := newRig(t)
	for i := range 90 {
		r.phone(push.APNs, i, "")
	}
	n := r.send(hello)
	ctx, stop := context.WithCancel(t.Context())
	r.mu.Lock() // the services block on the receipt: nothing is answered yet
	go func() {
		<-r.asked // requests are on the wire
		stop()
		r.mu.Unlock()
	}()
	for _, c := range chunksOf(t, r.db, n.ID) {
		_ = r.Deliver(ctx, c)
	}
	r.work()
	if total, distinct := countDeliveries(t, r.db, n.ID); total != 90 || distinct != 90 {
		t.Fatalf("%d outcomes for %d installations, want 90 for 90", total, distinct)
	}
	for i := range 90 {
		if got := len(r.got(r.services.Handle(push.APNs, i, "").Value)); got != 1 {
			t.Errorf("phone %d got %d messages: what was on the wire came home and must not be repeated", i, got)
		}
	}
}
