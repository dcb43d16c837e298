package hub

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestQuietHoursDelayToTheirEnd(t *testing.T) {
	r := newRig(t)
	r.clock.Advance(10 * time.Hour) // midnight in Berlin, late afternoon in New York
	quiet := &Quiet{From: "22:00", To: "07:00"}
	sleeper := r.phone(push.APNs, 1, "", func(in *Installation) { in.Quiet = quiet })
	awake := r.phone(push.APNs, 2, "", func(in *Installation) { in.Quiet, in.Zone = quiet, "America/New_York" })
	n := r.send(hello)
	r.work()
	if len(r.got(sleeper.Handle)) != 0 || len(r.got(awake.Handle)) != 1 {
		t.Fatal("only the phone in New York may ring now")
	}
	if trace, _ := r.Trace(t.Context(), n.ID, sleeper.ID); trace.Outcome != "waiting" || !strings.Contains(trace.Steps[len(trace.Steps)-1].What, "quiet hours") {
		t.Errorf("the trace does not say so: %+v", trace)
	}
	r.clock.Advance(7*time.Hour + 2*time.Second)
	r.work()
	if len(r.got(sleeper.Handle)) != 1 {
		t.Error("at seven in the morning the phone must get it")
	}
	critical := hello
	critical.Critical = true
	r.clock.Advance(17 * time.Hour)
	r.send(critical)
	r.work()
	if len(r.got(sleeper.Handle)) != 2 {
		t.Error("a critical notification must pass quiet hours")
	}
}

func TestQuietHoursPastTheExpiry(t *testing.T) {
	r := newRig(t)
	r.clock.Advance(10 * time.Hour)
	phone := r.phone(push.APNs, 1, "", func(in *Installation) { in.Quiet = &Quiet{From: "22:00", To: "07:00"} })
	d := hello
	d.TTLSeconds = 300 // a five-minute voucher is worth nothing in the morning
	n := r.send(d)
	r.work()
	if trace, _ := r.Trace(t.Context(), n.ID, phone.ID); trace.Outcome != stateExpired {
		t.Errorf("outcome %q, want expired", trace.Outcome)
	}
}

func TestFrequencyCap(t *testing.T) {
	r := newRig(t)
	app, err := r.App(t.Context(), "festival")
	r.must(err)
	app.Cap = &Cap{Count: 2, Hours: 24}
	_, _, err = r.PutApp(t.Context(), app)
	r.must(err)
	phone := r.phone(push.FCM, 1, "")
	for range 3 {
		r.send(hello)
		r.work()
	}
	if got := len(r.got(phone.Handle)); got != 2 {
		t.Fatalf("the phone got %d messages, the cap is 2", got)
	}
	critical := hello
	critical.Critical = true
	r.send(critical)
	r.work()
	r.clock.Advance(25 * time.Hour)
	r.send(hello)
	r.work()
	if got := len(r.got(phone.Handle)); got != 4 {
		t.Fatalf("the phone got %d messages; a critical one and a new day make 4", got)
	}
}

func TestLocalTime(t *testing.T) {
	r := newRig(t)
	berlin := r.phone(push.APNs, 1, "")
	tokyo := r.phone(push.APNs, 2, "", func(in *Installation) { in.Zone = "Asia/Tokyo" })
	d := hello
	d.LocalTime = "2026-07-11T18:00"
	n := r.send(d)
	if n.State != stateScheduled {
		t.Fatalf("state %s", n.State)
	}
	r.sixOClock(n, tokyo.Handle, berlin.Handle)
}

func TestLocalTimeOfADirectSend(t *testing.T) {
	r := newRig(t)
	berlin, tokyo := r.services.Handle(push.APNs, 1, ""), r.services.Handle(push.APNs, 2, "")
	d := hello
	d.Targets = []Target{{Kind: berlin.Kind, Handle: berlin.Value}, {Kind: tokyo.Kind, Handle: tokyo.Value, Zone: "Asia/Tokyo"}}
	d.LocalTime = "2026-07-11T18:00"
	r.sixOClock(r.send(d), tokyo.Value, berlin.Value)
}

// sixOClock checks that what is for six o'clock comes at six on each phone's clock, once.
func (r *rig) sixOClock(n Notification, tokyo, berlin string) {
	r.t.Helper()
	at := func(when string) {
		target, _ := time.Parse(time.RFC3339, when)
		r.clock.Advance(target.Sub(r.clock.Now()))
		r.work()
	}
	at("2026-07-11T08:59:00Z")
	if len(r.got(tokyo)) != 0 {
		r.t.Fatal("too early in Tokyo")
	}
	at("2026-07-11T09:00:00Z")
	if len(r.got(tokyo)) != 1 || len(r.got(berlin)) != 0 {
		r.t.Fatal("18:00 in Tokyo reaches Tokyo alone")
	}
	at("2026-07-11T16:00:00Z")
	if len(r.got(berlin)) != 1 || len(r.got(tokyo)) != 1 || r.report(n.ID).Notification.State != stateDone {
		r.t.Fatal("18:00 in Berlin completes it")
	}
}

func TestScheduleAndCancel(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.WebPush, 1, "")
	later := rigStart.Add(48 * time.Hour)
	d := hello
	d.SendAt = &later
	kept, dropped := r.send(d), r.send(d)
	newcomer := r.phone(push.WebPush, 2, "") // registered before it is due: part of the audience
	if _, err := r.Cancel(t.Context(), dropped.ID); err != nil {
		t.Fatal(err)
	}
	r.work()
	if len(r.got(phone.Handle)) != 0 {
		t.Fatal("sent before its time")
	}
	r.clock.Advance(48 * time.Hour)
	r.work()
	if len(r.got(phone.Handle)) != 1 || len(r.got(newcomer.Handle)) != 1 {
		t.Fatalf("got %d and %d messages, want one each", len(r.got(phone.Handle)), len(r.got(newcomer.Handle)))
	}
	if _, err := r.Cancel(t.Context(), kept.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("cancelling what is done: %v", err)
	}
	if rep := r.report(dropped.ID); rep.Notification.State != stateCancelled || rep.Notification.FinishedAt == nil {
		t.Errorf("cancelled one: %+v", rep.Notification)
	}
}

func TestCancelStopsWhatWaits(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "dead5031")
	n := r.send(hello)
	r.work()
	_, err := r.Cancel(t.Context(), n.ID)
	r.must(err)
	asked := len(r.got(phone.Handle))
	r.clock.Advance(time.Hour)
	r.work()
	if len(r.got(phone.Handle)) != asked {
		t.Error("a cancelled notification was tried again")
	}
	if rep := r.report(n.ID); !rep.Finished() {
		t.Errorf("it must be finished: %+v", rep.Notification)
	}
}

func TestSkipAfter(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "dead0503")
	d := hello
	d.SkipAfterMinutes = 5
	n := r.send(d)
	r.work()
	r.clock.Advance(10 * time.Minute)
	r.work()
	if trace, _ := r.Trace(t.Context(), n.ID, phone.ID); trace.Outcome != stateSkipped {
		t.Errorf("outcome %q, want skipped", trace.Outcome)
	}
}

func TestDirectSend(t *testing.T) {
	r := newRig(t)
	var targets []Target
	for i, s := range push.Services {
		h := r.services.Handle(s, i, "")
		targets = append(targets, Target{Kind: h.Kind, Handle: h.Value, P256dh: h.P256dh, Auth: h.Auth, Locale: "de"})
	}
	d := hello
	d.Targets = targets
	n := r.send(d)
	r.work()
	rep := r.report(n.ID)
	if rep.Outcomes[stateDelivered] != 3 {
		t.Fatalf("report %+v", rep)
	}
	for _, x := range targets {
		if got := r.got(x.Handle); len(got) != 1 || !strings.Contains(got[0], "Einlass") {
			t.Errorf("%s got %q", x.Kind, got)
		}
	}
}

func TestNativeSend(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "")
	bystander := r.phone(push.FCM, 1, "")
	n := r.send(Draft{Native: map[push.Service]json.RawMessage{push.APNs: json.RawMessage(`{"aps":{"badge":7}}`)}, Services: []push.Service{push.APNs}})
	r.work()
	if got := r.got(phone.Handle); len(got) != 1 || got[0] != `{"aps":{"badge":7}}` {
		t.Errorf("the phone got %q", got)
	}
	if rep := r.report(n.ID); rep.Total != 1 || len(r.got(bystander.Handle)) != 0 {
		t.Errorf("it went beyond its service: %+v", rep)
	}
}

func TestAnOwnTemplateIsUsed(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "", func(in *Installation) {
		in.Templates = map[string]Template{"score": {Body: `{"aps":{"alert":"$(home)"}}`}}
	})
	r.send(Draft{Properties: map[string]any{"home": "3:1"}})
	r.work()
	if got := r.got(phone.Handle); len(got) != 1 || got[0] != `{"aps":{"alert":"3:1"}}` {
		t.Errorf("the phone got %q", got)
	}
}

func TestAnOversizedPayloadIsRefusedBeforeSending(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "")
	d := hello
	d.Properties = map[string]any{"title": strings.Repeat("x", 4200), "body": "b"}
	_, err := r.trySend(d)
	if !fault.Is(err, fault.TooLarge) || !strings.Contains(fault.Message(err), "4096") {
		t.Fatalf("error %v, want one that names size and limit", err)
	}
	dry, err := r.DryRun(t.Context(), Draft{App: "festival", Template: d.Template, Properties: d.Properties})
	r.must(err)
	if dry.Audience != 1 || dry.Samples[0].Problem == "" || dry.Samples[0].Bytes <= dry.Samples[0].Limit {
		t.Errorf("dry run %+v", dry)
	}
}

// An app whose handles all belong to the other environment must not lose its installations.
func TestAWrongEnvironmentRetiresNobody(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FlushSize, c.InFlight = 100, 400 })
	for i := range 100 {
		r.phone(push.APNs, i, "dead4001")
	}
	r.send(hello)
	r.work()
	in, err := r.Installation(t.Context(), "festival", "apns-7")
	r.must(err)
	cred, err := r.openCredential(t.Context(), "festival", push.APNs)
	r.must(err)
	if in.Status != StatusActive || cred.PausedAt == nil {
		t.Errorf("installation %s, credential paused %v: want active and paused", in.Status, cred.PausedAt != nil)
	}
}

// A chunk that goes well is recorded in one transaction; one whose service is slow,
// every second, so that a crash repeats little.
func TestOutcomesAreRecordedByChunkOrSecond(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FlushSize = 5000 })
	flushes := func(n Notification) (most int) {
		r.must(r.db.Pool().QueryRow(t.Context(), `SELECT max(c.flushes) FROM hub.chunk c JOIN hub.notification n ON n.no = c.notification_no WHERE n.id = $1`, n.ID).Scan(&most))
		return most
	}
	for i := range 50 {
		r.phone(push.APNs, i, "")
	}
	quick := r.send(hello)
	r.work()
	if got := flushes(quick); got != 1 {
		t.Errorf("a chunk of 50 took %d transactions, want 1", got)
	}
	r.phone(push.APNs, 50, "dead0001") // answers after pushtest.Slow, which is more than flushEvery
	slow := r.send(hello)
	r.work()
	if got := flushes(slow); got != 2 {
		t.Errorf("a chunk with one slow answer took %d transactions, want 2: the others and then it", got)
	}
	if rep := r.report(slow.ID); rep.Outcomes[stateDelivered] != 51 {
		t.Errorf("%+v", rep.Outcomes)
	}
}

func TestAServiceThatIsDownHoldsItsChunks(t *testing.T) {
	r := newRig(t)
	for i := range 60 {
		r.phone(push.APNs, i, "")
		r.phone(push.FCM, i, "")
	}
	r.services.Outage(push.APNs, pushtest.Unavailable)
	n := r.send(hello)
	r.work()
	rep := r.report(n.ID)
	if rep.Outcomes[stateDelivered] != 60 {
		t.Fatalf("FCM must be served meanwhile: %+v", rep.Outcomes)
	}
	if asked := r.services.Stats(push.APNs).Requests; asked > 60 {
		t.Errorf("a service that is down was asked %d times", asked)
	}
	r.services.Outage(push.APNs, pushtest.Off)
	for range 20 {
		r.clock.Advance(time.Minute)
		r.work()
	}
	rep = r.report(n.ID)
	if rep.Outcomes[stateDelivered] != 120 || rep.Notification.State != stateDone {
		t.Fatalf("after the outage: %+v", rep)
	}
}

// The count of everyone but some is the audience a send reaches.
func TestANegatedAudienceIsCountedRight(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "", tagged("vip"))
	r.phone(push.APNs, 2, "")
	r.phone(push.FCM, 1, "", tagged("press"))
	for tags, want := range map[string]int64{"!vip": 2, "!(vip || press)": 1, "!nobody": 3} {
		by, err := r.Audience(t.Context(), "festival", tags)
		r.must(err)
		d := hello
		d.Tags = tags
		if n := r.send(d); by[push.APNs]+by[push.FCM] != want || n.Audience != want {
			t.Errorf("%s: counted %v, sent to %d, want %d", tags, by, n.Audience, want)
		}
	}
}

// An installation that leaves between the split and its turn is no longer wanted:
// the report adds up.
func TestAnInstallationLeavesBeforeItsTurn(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "")
	gone := r.phone(push.APNs, 2, "")
	n := r.send(hello)
	r.must(r.DeleteInstallation(t.Context(), "festival", gone.ID))
	r.work()
	if rep := r.report(n.ID); !rep.Finished() || rep.Total != 1 || rep.Recorded != 1 || rep.Notification.Audience != 2 {
		t.Errorf("report %+v", rep)
	}
}

// Pages of outcomes follow one another over the chunks without a gap or a repeat.
func TestPagesOfDeliveries(t *testing.T) {
	r := newRig(t)
	for i := range 25 {
		for _, s := range push.Services {
			r.phone(s, i, "")
		}
	}
	n := r.send(hello)
	r.work()
	seen := map[string]bool{}
	from := &deliveryPlace{No: noPlace}
	for pages := 0; from != nil; pages++ {
		page, next, err := r.Deliveries(t.Context(), n, *from, 10)
		r.must(err)
		if next != nil && len(page) != 10 || pages > 8 {
			t.Fatalf("page %d has %d outcomes", pages, len(page))
		}
		for _, d := range page {
			if seen[d.Installation] {
				t.Errorf("%s is listed twice", d.Installation)
			}
			seen[d.Installation] = true
		}
		from = next
	}
	if len(seen) != 75 {
		t.Errorf("%d outcomes listed, want 75", len(seen))
	}
}

// A test send reaches ten installations and no more, wherever updates have moved
// their rows: the ten are chosen so that nobody else lies between them.
func TestATestSendReachesTen(t *testing.T) {
	r := newRig(t)
	for i := range 30 {
		r.phone(push.APNs, i, "")
	}
	for i := 2; i < 20; i++ {
		r.phone(push.APNs, i, "", speaks("de")) // the row moves behind the others
	}
	d := hello
	d.App, d.Test = "festival", true
	p, err := r.Prepare(t.Context(), d)
	r.must(err)
	var n Notification
	r.must(r.db.InTx(t.Context(), func(tx *db.Tx) error {
		readInHeapOrder(t, tx)
		n, err = r.Send(tx, p, "test")
		return err
	}))
	r.work()
	if rep := r.report(n.ID); rep.Notification.Audience != testDevices || rep.Recorded != testDevices || len(r.receipts) != testDevices {
		t.Errorf("chosen %d, recorded %d, asked for %d: want %d", rep.Notification.Audience, rep.Recorded, len(r.receipts), testDevices)
	}
}

// More sends at once than the pool has connections: none may wait for a second
// one while it holds its first.
func TestManySendsAtOnce(t *testing.T) {
	r := newRig(t)
	r.phone(push.APNs, 1, "")
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := r.trySend(hello); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOpensAreCountedOnce(t *testing.T) {
	r := newRig(t)
	phone := r.phone(push.APNs, 1, "")
	n := r.send(hello)
	r.work()
	delivery := r.receipts[phone.Handle][0].ID
	for range 2 {
		r.must(r.interact(t.Context(), delivery, "open"))
	}
	if rep := r.report(n.ID); rep.Opened != 1 {
		t.Errorf("opened %d times, want 1", rep.Opened)
	}
	if err := r.interact(t.Context(), deliveryID(999, 1), "open"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown delivery: %v", err)
	}
}
