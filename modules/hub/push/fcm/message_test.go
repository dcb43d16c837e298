package fcm

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/hub/push"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestCompose(t *testing.T) {
	token := push.Handle{Kind: "fcm_token", Value: "t"}
	for name, tt := range map[string]struct {
		m    push.Message
		want string
	}{
		"notification": {
			push.Message{ID: "id", Handle: token, Priority: push.High, Payload: []byte(`{"notification":{"title":"x"}}`)},
			`{"notification":{"title":"x"},"android":{"priority":"high","notification":{"tag":"id"}},"token":"t"}`,
		},
		"data only": {
			push.Message{ID: "id", Handle: token, Priority: push.Normal, Payload: []byte(`{"data":{"a":"b"}}`)},
			`{"data":{"a":"b"},"android":{"priority":"normal"},"token":"t"}`,
		},
		"collapse and expiry": {
			push.Message{ID: "id", Handle: token, Collapse: "score", Expires: noon.Add(90 * time.Second), Payload: []byte(`{"notification":{"title":"x"}}`)},
			`{"notification":{"title":"x"},"android":{"ttl":"90s","collapse_key":"score","notification":{"tag":"score"}},"token":"t"}`,
		},
		"past": {
			push.Message{Handle: token, Expires: noon.Add(-time.Hour), Payload: []byte(`{}`)},
			`{"android":{"ttl":"0s"},"token":"t"}`,
		},
		"far": {
			push.Message{Handle: token, Expires: noon.AddDate(1, 0, 0), Payload: []byte(`{}`)},
			`{"android":{"ttl":"2419200s"},"token":"t"}`,
		},
		"installation id, and a target in the payload": {
			push.Message{Handle: push.Handle{Kind: "fcm_fid", Value: "f"}, Payload: []byte(`{"topic":"all","token":"other"}`)},
			`{"android":{},"fid":"f"}`,
		},
		"the whole request": {
			push.Message{ID: "id", Handle: token, Payload: []byte(` {"message": {"data":{"message":"b"}}}`)},
			`{"data":{"message":"b"},"android":{},"token":"t"}`,
		},
		"own tag": {
			push.Message{ID: "id", Handle: token, Payload: []byte(`{"android":{"notification":{"tag":"mine","channel_id":"c"}}}`)},
			`{"android":{"notification":{"tag":"mine","channel_id":"c"}},"token":"t"}`,
		},
	} {
		msg, err := compose(&tt.m, noon)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := json.Marshal(msg)
		if err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, got, []byte(tt.want)) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		t.Fatalf("not JSON: %s, %s", a, b)
	}
	one, _ := json.Marshal(x)
	two, _ := json.Marshal(y)
	return string(one) == string(two)
}

func TestValidate(t *testing.T) {
	for payload, want := range map[string]fault.Code{
		`{"notification":{"title":"x"},"data":{"k":"v"}}`: "",
		`{"token":"t"}`:              fault.Invalid,
		`{"topic":"all"}`:            fault.Invalid,
		`{"condition":"x"}`:          fault.Invalid,
		`{"data":{"k":1}}`:           fault.Invalid,
		`{"android":{"ttl":"soon"}}`: fault.Invalid,
		`[]`:                         fault.Invalid,
		`{"data":{"k":"` + strings.Repeat("x", 4088) + `"}}`: "",
		`{"data":{"k":"` + strings.Repeat("x", 4089) + `"}}`: fault.TooLarge,
	} {
		if err := Validate([]byte(payload)); fault.CodeOf(err) != want {
			t.Errorf("%.40s… (%d bytes): %v, want %q", payload, len(payload), err, want)
		}
	}
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"notification":{"title":"x"},"data":{"k":"v"},"android":{"ttl":"3s"}}`))
	f.Add([]byte(`{"apns":{"payload":{"aps":{"alert":{}}}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if Validate(payload) != nil {
			return
		}
		m := push.Message{ID: "id", Handle: push.Handle{Value: "t"}, Payload: payload}
		msg, err := compose(&m, noon)
		if err != nil {
			t.Fatalf("valid, but cannot be composed: %v", err)
		}
		if msg.Token != "t" || msg.Topic+msg.Condition+msg.Fid != "" {
			t.Fatalf("%s reaches another target: %+v", payload, msg)
		}
	})
}
