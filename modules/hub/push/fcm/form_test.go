package fcm_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/hub/push/pushtest"
	"github.com/usherhq/usher/modules/hub/push/wire"
)

// TestFormsSayWhatTheSDKSays: FCM sees the same request, and we draw the same conclusion
// from its answer, whether the SDK sends a message or its form is filled in.
func TestFormsSayWhatTheSDKSays(t *testing.T) {
	var mu sync.Mutex
	var seen []pushtest.Receipt
	services, err := pushtest.Start(pushtest.Config{
		OnMessage: func(r pushtest.Receipt) { mu.Lock(); defer mu.Unlock(); seen = append(seen, r) },
		Headers:   []string{"content-type", "x-goog-api-format-version", "x-firebase-client", "x-goog-api-client", "x-client-version"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer services.Close()
	own, sdk := over(wire.Own)(t, services), over(wire.Standard)(t, services)
	defer own.Close()
	defer sdk.Close()
	prefixes := []string{"", "", "unregistered-", "badtoken-", "badpayload-", "badfield-", "mismatch-", "quota-", "internal-", "html-"}
	payloads := []string{`{"notification":{"title":"x","body":"y"}}`, `{"data":{"a":"b"}}`, `{"notification":{"title":"x"},"android":{"ttl":"3s"}}`, `{}`}
	rapid.Check(t, func(rt *rapid.T) {
		m := push.Message{
			ID:       "0a0a0a0a-0000-7000-8000-00000000000" + rapid.StringMatching("[0-9]").Draw(rt, "id"),
			Handle:   services.Handle(push.FCM, rapid.IntRange(0, 9).Draw(rt, "handle"), rapid.SampledFrom(prefixes).Draw(rt, "prefix")),
			Payload:  []byte(rapid.SampledFrom(payloads).Draw(rt, "payload")),
			Priority: rapid.SampledFrom([]push.Priority{"", push.High, push.Normal}).Draw(rt, "priority"),
			Collapse: rapid.SampledFrom([]string{"", "score"}).Draw(rt, "collapse"),
		}
		mu.Lock()
		seen = seen[:0]
		mu.Unlock()
		a, b := own.Send(t.Context(), &m), sdk.Send(t.Context(), &m)
		if (a.ProviderID == "") != (b.ProviderID == "") {
			rt.Fatalf("the message's id: by form %q, by the SDK %q", a.ProviderID, b.ProviderID)
		}
		a.ProviderID, b.ProviderID = "", "" // each message has its own
		if a != b {
			rt.Fatalf("a form ends with %+v, the SDK with %+v", a, b)
		}
		mu.Lock()
		defer mu.Unlock()
		half := len(seen) / 2 // a doubtful handle is asked twice
		if half == 0 || len(seen) != 2*half {
			rt.Fatalf("%d requests", len(seen))
		}
		for i := range half {
			if x, y := seen[i], seen[half+i]; !maps.Equal(x.Header, y.Header) || x.Handle != y.Handle || !sameJSON(x.Payload, y.Payload) {
				rt.Fatalf("by form and by SDK:\n%v %s\n%v %s", x.Header, x.Payload, y.Header, y.Payload)
			}
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
