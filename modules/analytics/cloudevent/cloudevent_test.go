package cloudevent

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const good = `{"specversion":"1.0","id":"a","source":"/s","type":"x.t","subject":"sub","time":"2026-07-10T20:15:00+02:00","ext":7,"data":{"n":1.5}}`

func TestStructuredKeepsWhatMatters(t *testing.T) {
	d := Structured([]byte(" \n" + good + "\n"))
	if d.Faults != nil || d.ID != "a" || d.Source != "/s" || d.Type != "x.t" || d.Key() != "sub" || string(d.Data) != `{"n":1.5}` ||
		!d.Time.Equal(time.Date(2026, 7, 10, 18, 15, 0, 0, time.UTC)) {
		t.Errorf("%+v", d)
	}
	if d := Structured([]byte(`{"\u0069d":"\u00e9","specversion":"1.0"}`)); d.ID != "é" {
		t.Errorf("escapes: %+v", d)
	}
}

// What PostgreSQL would refuse is refused here, with its place.
func TestCheckRefusesWhatCannotBeStored(t *testing.T) {
	for _, s := range []string{``, `{`, `[1,]`, `{"a"}`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `.5`, `1e`, `+1`, `1e1000`, `tru`, `nulll`, `"a`, `"\x"`, `"\u12"`, `"\u0000"`,
		`"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, "\"\x01\"", "\"\xff\"", `1 2`, "\xef\xbb\xbf1", strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat("9", 101)} {
		if err := Check([]byte(s)); err == nil {
			t.Errorf("%.40q is taken", s)
		}
	}
	for _, s := range []string{`null`, ` [1, -0.5e+10, "é\ud83d\ude00\n", {"a":{}}, []] `, `"\\u0000"`, strings.Repeat("[", 60) + strings.Repeat("]", 60)} {
		if err := Check([]byte(s)); err != nil {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

func TestBatchesAndLinesFindTheSameEvents(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		events := rapid.SliceOfN(rapid.SampledFrom([]string{good, `{}`, `{"specversion":"1.0","id":7}`}), 0, 20).Draw(r, "events")
		batch, err := Batch([]byte("["+strings.Join(events, ",")+"]"), 20)
		if err != nil {
			r.Fatal(err)
		}
		lines, err := Lines([]byte(strings.Join(events, "\r\n\n")), 20)
		if err != nil || len(lines) != len(events) || len(batch) != len(events) {
			r.Fatalf("%d lines, %d in the batch, %v", len(lines), len(batch), err)
		}
		for i := range events {
			a, b := batch[i], lines[i]
			if a.ID != b.ID || a.Key() != b.Key() || string(a.Data) != string(b.Data) || len(a.Faults) != len(b.Faults) {
				r.Errorf("%+v and %+v", a, b)
			}
		}
	})
}

// sound: data that is taken is JSON, also to others, and a fault names a field.
func sound(t *testing.T, all ...Decoded) {
	t.Helper()
	for _, d := range all {
		if d.Data != nil && !json.Valid(d.Data) {
			t.Errorf("data is no JSON: %q", d.Data)
		}
		for _, f := range d.Faults {
			if f.Name == "" || f.Problem == "" {
				t.Errorf("%+v", f)
			}
		}
	}
}

func FuzzStructured(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"specversion":"1.0","data_base64":"eyJuIjoxfQ=="}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d := Structured(body)
		sound(t, d)
		if d.Faults == nil && !json.Valid(body) {
			t.Errorf("taken, but no JSON: %q", body)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("[" + good + "," + good + "]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := Batch(body, 10)
		sound(t, all...)
		if err == nil && !json.Valid(body) {
			t.Errorf("taken, but no JSON: %q", body)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(good + "\n\n{\n" + good))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, _ := Lines(body, 10)
		sound(t, all...)
	})
}

func FuzzBinary(f *testing.F) {
	f.Add("1.0", "a%20b", "2026-07-10T20:15:00Z", "application/json", []byte(`{}`))
	f.Add("1.0", "%zz", "", "text/plain", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, version, id, at, kind string, body []byte) {
		sound(t, Binary(func(name string) string {
			return map[string]string{"ce-specversion": version, "ce-id": id, "ce-time": at, "Content-Type": kind}[name]
		}, body))
	})
}

// What is refused here need not be wrong JSON, but what is taken must be right.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`[1, -0.5e+10, "é\ud83d\ude00\n", {"a":{}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if Check(data) == nil && !json.Valid(data) {
			t.Errorf("%q", data)
		}
	})
}
