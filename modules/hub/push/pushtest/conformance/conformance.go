// Package conformance is the suite that every push.Sender passes, whatever
// service and transport it speaks: each answer on demand, contexts, load under
// GOAWAY and stream limits, outages, and Close.
package conformance

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/kernel/id"
)

// New makes the sender under test for running services. Run closes it.
type New func(t testing.TB, s *pushtest.Services) push.Sender

// patience bounds what must not hang for ever; nothing is timed against it.
const patience = 30 * time.Second

// suite is one sender's run.
type suite struct {
	service push.Service
	create  New
}

// Run runs the suite for one service's sender.
func Run(t *testing.T, service push.Service, create New) {
	t.Helper()
	s := suite{service, create}
	t.Run("accepts", s.accepts)
	t.Run("answers", s.answers)
	t.Run("context", s.contexts)
	t.Run("concurrent", s.concurrent)
	t.Run("stream limit", s.streamLimit)
	t.Run("goaway", s.goAway)
	t.Run("outage", s.outage)
	t.Run("close", s.closes)
}

// start starts services and a sender against them.
func (s suite) start(t testing.TB, cfg pushtest.Config) (*pushtest.Services, push.Sender) {
	t.Helper()
	services, err := pushtest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sender := s.create(t, services)
	t.Cleanup(func() {
		for _, name := range push.Services { // lets hung messages go
			services.Outage(name, pushtest.Reset)
		}
		if err := sender.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := services.Close(); err != nil {
			t.Errorf("closing the services: %v", err)
		}
	})
	if sender.Service() != s.service {
		t.Fatalf("Service() = %q, want %q", sender.Service(), s.service)
	}
	return services, sender
}

// shape is the service's own settings within cfg.
func (s suite) shape(cfg pushtest.ServiceConfig) pushtest.Config {
	switch s.service {
	case push.APNs:
		return pushtest.Config{APNs: cfg}
	case push.FCM:
		return pushtest.Config{FCM: cfg}
	}
	return pushtest.Config{WebPush: cfg}
}

// Message makes a message that the service of h accepts.
func Message(h push.Handle) *push.Message {
	payload := `{"title":"Doors open","body":"Gate 4"}`
	switch h.Kind {
	case "apns":
		payload = `{"aps":{"alert":{"title":"Doors open","body":"Gate 4"}}}`
	case "fcm_token", "fcm_fid":
		payload = `{"notification":{"title":"Doors open","body":"Gate 4"},"data":{"gate":"4"}}`
	}
	return &push.Message{ID: id.New().String(), Handle: h, Payload: []byte(payload), Priority: push.High}
}

func send(t testing.TB, sender push.Sender, m *push.Message) push.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return sender.Send(ctx, m)
}

// receipts collects what a service saw.
type receipts struct {
	mu  sync.Mutex
	all []pushtest.Receipt
}

func (r *receipts) add(x pushtest.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
}

// accepted counts the accepted messages by handle.
func (r *receipts) accepted() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := map[string]int{}
	for _, x := range r.all {
		if x.Status/100 == 2 {
			n[x.Handle]++
		}
	}
	return n
}

func (s suite) accepts(t *testing.T) {
	var seen receipts
	services, sender := s.start(t, pushtest.Config{OnMessage: seen.add})
	m := Message(services.Handle(s.service, 1, ""))
	m.Expires = time.Now().Add(time.Hour)
	if o := send(t, sender, m); o.Verdict != push.Delivered || o.Status/100 != 2 || o.ProviderID == "" {
		t.Fatalf("outcome %+v, want delivered with the service's id", o)
	}
	if len(seen.all) != 1 {
		t.Fatalf("the service saw %d messages, want 1", len(seen.all))
	}
	r := seen.all[0]
	if r.Handle != m.Handle.Value || r.ID != m.ID {
		t.Errorf("the service saw handle %q and id %q, want %q and %q", r.Handle, r.ID, m.Handle.Value, m.ID)
	}
	if s.service == push.FCM {
		wantFCM(t, r.Payload, m)
	} else if string(r.Payload) != string(m.Payload) {
		t.Errorf("the service saw payload %s, want %s", r.Payload, m.Payload)
	}
}

// wantFCM checks that the request carries the message and its target.
func wantFCM(t *testing.T, request []byte, m *push.Message) {
	t.Helper()
	var got struct {
		Message struct {
			Token        string
			Notification struct{ Title string }
			Data         map[string]string
			Android      struct{ Priority, TTL string }
		}
	}
	if err := json.Unmarshal(request, &got); err != nil {
		t.Fatal(err)
	}
	g := got.Message
	if g.Token != m.Handle.Value || g.Notification.Title != "Doors open" || g.Data["gate"] != "4" ||
		g.Android.Priority != "high" || !strings.HasSuffix(g.Android.TTL, "s") {
		t.Errorf("the service saw %s", request)
	}
}

// answers asks for every answer the service can give.
func (s suite) answers(t *testing.T) {
	services, sender := s.start(t, pushtest.Config{})
	asked := 0
	for n, p := range pushtest.Prefixes {
		if p.Service != s.service {
			continue
		}
		asked++
		t.Run(strings.Trim(p.Prefix, "/-"), func(t *testing.T) {
			m := Message(services.Handle(s.service, n, p.Prefix))
			want(t, p, send(t, sender, m))
			if p.Transient() {
				want(t, p, send(t, sender, m))
				want(t, p, send(t, sender, m))
				if o := send(t, sender, m); o.Verdict != push.Delivered {
					t.Errorf("the fourth try gave %+v, want delivered", o)
				}
			}
		})
	}
	if asked == 0 {
		t.Fatal("no answers listed for the service")
	}
}

func want(t *testing.T, p pushtest.Prefix, o push.Outcome) {
	t.Helper()
	if o.Verdict != p.Verdict || o.Status != p.Status || o.DeviceOnly != p.DeviceOnly ||
		p.Reason != "" && o.Reason != p.Reason {
		t.Errorf("outcome %+v, want %+v", o, p)
	}
	if o.RetryAfter < p.RetryAfter || p.RetryAfter == 0 && o.Verdict == push.Delivered && o.RetryAfter != 0 {
		t.Errorf("retry after %v, want at least %v", o.RetryAfter, p.RetryAfter)
	}
	if p.Service == push.APNs && p.Status == 410 && (o.Since.IsZero() || o.Since.After(time.Now())) {
		t.Errorf("since %v, want the answer's timestamp", o.Since)
	}
	if p.Status == 0 && o.Err == nil {
		t.Error("no answer came, and the outcome names no error")
	}
}
