package sales

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/id"
	"github.com/usherhq/usher/modules/kernel/web"
)

var (
	someID    = rapid.Custom(func(r *rapid.T) id.ID { return id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "id")) })
	someText  = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "FRIENDS", "a\"b", `a\b`, "<b>&", "\u2028", "ü", "\x7f"}))
	someSeats = rapid.OneOf(rapid.Just[[]id.ID](nil), rapid.SliceOfN(someID, 0, 2))
	someBuyer = rapid.SampledFrom([]string{`{"email":"ana@example.org"}`, `{ "name" : "Müller <b>", "n": [1, {}] }`, `{"a":"\u2028\ud83d\ude00"}`, `{}`, `{"name":"Ana Maria","tags":["a b",1.50]}`})
	someQty   = rapid.IntRange(-2, 2000)
)

// Whatever reads the quick way reads the same the long way.
func TestQuickReadsWhatTheLongWayReads(t *testing.T) {
	part := rapid.SampledFrom([]string{
		`"event":"0190aaaa-0000-7000-8000-000000000001"`, `"event":"{0190aaaa-0000-7000-8000-000000000001}"`, `"event":7`, `"Event":"x"`, `"\u0065vent":"0190aaaa-0000-7000-8000-000000000002"`,
		`"lines":[{"category":"0190aaaa-0000-7000-8000-000000000001","qty":2}]`, `"lines":[]`, `"lines":null`, `"lines":{}`, `"lines":[{"qty":1e1}]`, `"lines":[{"qty":1.0}]`,
		`"lines":[{"qty":1,"qty":2}]`, `"lines":[{"seats":["0190aaaa-0000-7000-8000-000000000001"],"qty":-0}]`, `"lines":[{"price":1}]`, `"lines":[{"qty":99999999999999999999}]`, `"lines":[null]`,
		`"codes":["A","ü"]`, `"codes":["\u0041"]`, `"codes":[1]`, `"codes":[null]`, `"codes":"A"`, `"quote":"abc.def"`, `"quote":"a\nb"`, `"quote":null`, `"quote":1`,
		`"buyer":{"email":"a@b.example"}`, `"buyer": { "a" : [ 1 ] }`, `"buyer":"x"`, `"buyer":null`, `"other":1`, `"event":null`,
	})
	quick := 0
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.SliceOfN(part, 0, 4).Draw(r, "parts")
		space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(r, "space")
		body := space + "{"
		for i, p := range parts {
			if i > 0 {
				body += ","
			}
			body += space + p
		}
		body += rapid.SampledFrom([]string{"}", "}", "} ", "} x", "}}", ""}).Draw(r, "end")
		var fast, slow choice
		if !fast.ReadJSON([]byte(body)) {
			return
		}
		quick++
		if err := web.Decode([]byte(body), &slow); err != nil || !reflect.DeepEqual(fast, slow) {
			r.Fatalf("%s: %+v; the long way %+v, %v", body, fast, slow, err)
		}
	})
	var in choice
	if !in.ReadJSON([]byte(`{"event":"0190aaaa-0000-7000-8000-000000000001","lines":[{"category":"0190aaaa-0000-7000-8000-000000000002","qty":1}],"buyer":{"name":"Zoë"}}`)) || quick == 0 {
		t.Error("the ordinary form goes the long way")
	}
}

func FuzzQuick(f *testing.F) {
	f.Add([]byte(`{"event":"0190aaaa-0000-7000-8000-000000000001","lines":[{"category":"0190aaaa-0000-7000-8000-000000000002","qty":1,"seats":[]}],"codes":["A"],"quote":"q","buyer":{"a":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var fast, slow choice
		if !fast.ReadJSON(body) {
			return
		}
		if err := web.Decode(body, &slow); err != nil || !reflect.DeepEqual(fast, slow) {
			t.Errorf("%+v; the long way %+v, %v", fast, slow, err)
		}
	})
}

// What is written the quick way is what encoding/json writes.
func TestQuickWritesWhatTheLongWayWrites(t *testing.T) {
	same := func(r *rapid.T, got []byte, err error, v any) {
		r.Helper()
		want, wrong := json.Marshal(v)
		if err != nil || wrong != nil || !bytes.Equal(got, want) {
			r.Fatalf("%s, %v\nwant %s, %v", got, err, want, wrong)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		line := rapid.Custom(func(r *rapid.T) Line {
			return Line{Category: someID.Draw(r, "category"), Qty: someQty.Draw(r, "qty"), UnitMinor: rapid.Int64().Draw(r, "unit"), Seats: someSeats.Draw(r, "seats")}
		})
		lines := rapid.OneOf(rapid.Just[[]Line](nil), rapid.SliceOfN(line, 0, 3)).Draw(r, "lines")
		at := time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(r, "at")).UTC()
		buyer := json.RawMessage(someBuyer.Draw(r, "buyer"))
		if rapid.Bool().Draw(r, "unknown") {
			buyer = nil
		}
		wanted := rapid.Custom(func(r *rapid.T) Wanted {
			return Wanted{someID.Draw(r, "category"), someQty.Draw(r, "qty"), someSeats.Draw(r, "seats")}
		})
		in := choice{someID.Draw(r, "event"), rapid.SliceOfN(wanted, 0, 3).Draw(r, "wanted"), rapid.SliceOfN(someText, 0, 2).Draw(r, "codes"), someText.Draw(r, "quote"), buyer}
		got, err := in.canonical()
		same(r, got, err, in)
		o := sold{Order{someID.Draw(r, "order"), in.Event, lines, someQty.Draw(r, "n"), rapid.Int64().Draw(r, "total"), someText.Draw(r, "currency"), buyer, someText.Draw(r, "person"), at}, someText.Draw(r, "url")}
		got, err = o.appendJSON(nil)
		same(r, got, err, o)
		c := cartAnswer{Cart{in.Event, o.ID, lines, 0, at}, in.Quote, o.TotalMinor, o.Currency, math.Abs(rapid.Float64Range(0, 1e6).Draw(r, "seconds"))}
		got, err = c.appendJSON(nil)
		same(r, got, err, c)
	})
}
