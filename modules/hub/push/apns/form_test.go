package apns_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

// TestFormsSayWhatTheLibrarySays: the service sees the same message whether apns2 sends it
// or fills in the form it drew up for another.
func TestFormsSayWhatTheLibrarySays(t *testing.T) {
	var mu sync.Mutex
	var seen []pushtest.Receipt
	services, err := pushtest.Start(pushtest.Config{
		OnMessage: func(r pushtest.Receipt) { mu.Lock(); defer mu.Unlock(); seen = append(seen, r) },
		Headers:   []string{"apns-id", "apns-collapse-id", "apns-topic", "apns-push-type", "apns-priority", "apns-expiration", "content-type", "content-length"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	own, library := over(wire.Own)(t, services), over(wire.Standard)(t, services)
	defer own.Close()
	defer library.Close()
	prefixes := []string{"", "", "", "dead4101", "dead4003", "dead5000", "dead5020"}
	rapid.Check(t, func(rt *rapid.T) {
		m := push.Message{
			ID:       rapid.StringMatching("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").Draw(rt, "id"),
			Handle:   services.Handle(push.APNs, rapid.IntRange(0, 9).Draw(rt, "handle"), rapid.SampledFrom(prefixes).Draw(rt, "prefix")),
			Payload:  []byte(rapid.SampledFrom([]string{`{"aps":{"alert":"x"}}`, `{"aps":{}}`}).Draw(rt, "payload")),
			Priority: rapid.SampledFrom([]push.Priority{"", push.High, push.Normal}).Draw(rt, "priority"),
			PushType: rapid.SampledFrom([]string{"", "alert", "background", "liveactivity"}).Draw(rt, "type"),
			Collapse: rapid.SampledFrom([]string{"", "score"}).Draw(rt, "collapse"),
			Topic:    rapid.SampledFrom([]string{"", services.APNsTopic() + ".voip"}).Draw(rt, "topic"),
		}
		if rapid.Bool().Draw(rt, "expires") {
			m.Expires = time.Unix(rapid.Int64Range(1, 4e9).Draw(rt, "at"), 0)
		}
		mu.Lock()
		seen = seen[:0]
		mu.Unlock()
		a, b := own.Send(t.Context(), &m), library.Send(t.Context(), &m)
		a.Since, b.Since = a.Since.Truncate(time.Hour), b.Since.Truncate(time.Hour) // each is when it was asked
		if a != b {
			rt.Fatalf("a form ends with %+v, the library with %+v", a, b)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(seen) != 2 || !maps.Equal(seen[0].Header, seen[1].Header) || seen[0].Handle != seen[1].Handle || !sameJSON(seen[0].Payload, seen[1].Payload) {
			rt.Fatalf("by form and by library: %+v", seen)
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
