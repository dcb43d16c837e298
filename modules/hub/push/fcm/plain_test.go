package fcm

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/usherhq/usher/modules/hub/push"
)

// FuzzPlain: a message that goes past the SDK says what the SDK would have said.
func FuzzPlain(f *testing.F) {
	for _, payload := range []string{
		`{"notification":{"title":"x","body":"\"y\\ \n"},"data":{"k":"v","l":""}}`, ` { "data" : { } } `, `{}`, `{"notification":{}}`,
		`{"message":{"notification":{"title":"x"}}}`, `{"notification":null}`, `{"data":{"a":"b","a":"c"}}`, `{"notification":{"Title":"x"}}`,
		`{"notification":{"title":"\ud800"}}`, "{\"data\":{\"a\":\"\xff\"}}", `{"data":{"a":"b"},}`, `{"data":{"a":"b"}}}`, `{"android":{}}`,
	} {
		f.Add([]byte(payload), "score", "high", int64(90_500), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, collapse, priority string, expires int64, fid bool) {
		m := push.Message{ID: "id", Handle: push.Handle{Kind: "fcm_token", Value: "t:1-_"}, Payload: payload, Collapse: collapse, Priority: push.Priority(priority)}
		if fid {
			m.Handle.Kind = "fcm_fid"
		}
		if expires != 0 {
			m.Expires = noon.Add(time.Duration(expires) * time.Millisecond)
		}
		body, ok := plain(nil, &m, noon)
		if !ok {
			return
		}
		want, err := compose(&m, noon)
		if err != nil {
			t.Fatalf("%s goes past the SDK, which would not take it: %v", body, err)
		}
		var got struct{ Message *messaging.Message }
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if !reflect.DeepEqual(got.Message, want) {
			t.Fatalf("%s is not what the SDK says: %+v, want %+v", body, got.Message, want)
		}
	})
}

// TestWhatIsPlain: most messages are, and what is not is the SDK's.
func TestWhatIsPlain(t *testing.T) {
	for payload, want := range map[string]bool{
		`{"notification":{"title":"Grüße","body":"x"},"data":{"event":"e1"}}`: true,
		`{"data":{"event":"e1"}}`:          true,
		`{}`:                               true,
		` {"message": {"data":{"a":"b"}}}`: true, //nolint:gocritic // the space is what is tried
		`{"notification":{"title":"x","image":"https:"}}`: false, // the SDK checks it
		`{"notification":{"title":1}}`:                    false,
		`{"notification":{"title":"x"},"android":{}}`:     false,
		`{"token":"other"}`:                               false,
		`{"data":{"a":"b","a":"c"}}`:                      false,
		`{"data":{"a":"\u00e4"}}`:                         false,
		`{"data":{"a":"b"}`:                               false,
		`[]`:                                              false,
		``:                                                false,
	} {
		m := push.Message{ID: "id", Handle: push.Handle{Value: "t"}, Payload: []byte(payload)}
		if body, ok := plain(nil, &m, noon); ok != want {
			t.Errorf("%s: %v, want %v (%s)", payload, ok, want, body)
		}
	}
	for name, m := range map[string]push.Message{
		"no handle":      {ID: "id"},
		"quoted handle":  {ID: "id", Handle: push.Handle{Value: `t"`}},
		"quoted key":     {ID: "id", Handle: push.Handle{Value: "t"}, Collapse: `\`},
		"other priority": {ID: "id", Handle: push.Handle{Value: "t"}, Priority: "urgent"},
	} {
		m.Payload = []byte(`{}`)
		if _, ok := plain(nil, &m, noon); ok {
			t.Errorf("%s is taken for plain", name)
		}
	}
}

func TestNameOf(t *testing.T) {
	for body, want := range map[string]string{
		`{"name":"projects/p/messages/1"}`:              "projects/p/messages/1",
		"{\n  \"name\": \"projects/p/messages/1\"\n}\n": "projects/p/messages/1",
		`{"other":1,"name":"projects/p/messages/1"}`:    "projects/p/messages/1",
		`{"name":7}`: "", `<html>`: "", ``: "",
	} {
		if got := nameOf([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
