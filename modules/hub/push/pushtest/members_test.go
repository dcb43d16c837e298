package pushtest

import (
	"encoding/json"
	"testing"
)

// FuzzMembers: what is found in an object is what encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":{"c":[1,"}"]} , "d\"":"\\" } `, `{"a":true}`, `{"a":-1.5e3,"b":null}`, `[]`, `{"a":"b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			return
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(body, &want) == nil && want != nil
		got := map[string]string{}
		if ok := members(body, func(name string, value []byte) { got[name] = string(value) }); ok != isObject {
			t.Fatalf("%s: object %v, want %v", body, ok, isObject)
		}
		if !isObject {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %q, want %q", body, got, want)
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Fatalf("%s: %s is %q, want %q", body, name, got[name], value)
			}
		}
	})
}
