package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/kernel/fault"
)

func document(t testing.TB, data string) Document {
	t.Helper()
	if !json.Valid([]byte(data)) {
		t.Fatalf("%s is no JSON", data)
	}
	return Document{Type: "sale.completed", Key: "order-1", Source: "till-2", Data: []byte(data)}
}

const sale = `{"total": 51.5, "channel": "app", "first name": "Ana", "vip": true, "none": null, "big": 9007199254740993,
	"lines": [{"sku": "tee", "n": 2}, {"sku": "mug"}], "a-b": {"ü": 1}}`

func TestMatch(t *testing.T) {
	d := document(t, sale)
	for text, want := range map[string]bool{
		``:                             true,
		`  `:                           true,
		`$.total >= 50`:                true,
		`$.total > 51.5`:               false,
		`$.total<=51.50 && $.total<60`: true,
		`$.channel == "app"`:           true,
		`$.channel == 'app'`:           true,
		`$.channel in ["web", "app"]`:  true,
		`$.channel in ["web"]`:         false,
		`$.channel < "b"`:              true,
		`$.channel > 3`:                false, // no order between a text and a number
		`$.channel <= 3`:               false,
		`$.total == "51.5"`:            false,
		`exists($.none)`:               true,
		`$.none == null`:               true,
		`$.missing == null`:            false,
		`$.missing != "x"`:             true,
		`$.missing == "x"`:             false,
		`!exists($.missing)`:           true,
		`!!exists($.missing)`:          false,
		`$.vip == true`:                true,
		`$.vip != true`:                false,
		`$['first name'] == "Ana"`:     true,
		`$.lines[1].sku == "mug"`:      true,
		`exists($.lines[2])`:           false,
		`$.lines == 2`:                 false,
		`$.a-b.ü == 1`:                 true,
		`$.big == 9007199254740993`:    true,
		`$.big == 9007199254740992`:    false, // equal as floats
		`$.total == 5.15e1`:            true,
		`type == "sale.completed" && key == "order-1" && source != "x"`: true,
		`$.total > 100 || $.channel == "app" && $.vip == true`:          true,
		`($.total > 100 || $.channel == "app") && $.vip == false`:       false,
		`!($.total > 100 || $.vip == false)`:                            true,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Match(d); got != want {
			t.Errorf("%s is %v", text, got)
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() || again.Match(d) != want {
			t.Errorf("%s is written as %q, which reads as %v, %v", text, e, again, err)
		}
	}
}

func TestParseSaysWhereAndWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		`$.a`:                                    "at byte 4: expected ==, !=, <, <=, >, >= or in, found the end",
		`$.a == `:                                `at byte 8: expected a "text"`,
		`$.a = 3`:                                "at byte 5: expected ==",
		`a == 3`:                                 `at byte 1: expected a path, found "a"`,
		`$. == 3`:                                "at byte 3: expected a name",
		`$.a == "x`:                              "at byte 8: a text has no end",
		`$.a == "\x"`:                            "at byte 8: a text holds an unknown escape",
		`$.a in []`:                              "at byte 9",
		`$.a in [1, 2`:                           "at byte 13: expected , or ]",
		`($.a == 1`:                              "at byte 10: expected &&, || or the ) of the ( at byte 1",
		`$.a == 1 $.b == 2`:                      "at byte 10: expected &&, || or the end",
		`exists $.a`:                             "at byte 8: expected ( after exists",
		`$[x] == 1`:                              "at byte 3: expected a quoted name",
		`$[99999] == 1`:                          "at byte 3: an index is too large",
		`$.a == 1e999`:                           "at byte 8: a number is too large",
		`$.a == 01`:                              "at byte 8: expected a",
		strings.Repeat("(", 17):                  "at byte 17: parentheses more than 16 deep",
		strings.Repeat(" ", 2049):                "longer than 2048",
		many("$.a == 1", " || ", 41):             "more than 40 conditions",
		"$.a in [" + many("1", ",", 201) + "]":   "more than 200 values",
		"$" + strings.Repeat(".a", 17) + " == 1": "more than 16 parts",
		"$." + strings.Repeat("a", maxPathBytes) + " == 1": "200 bytes",
	} {
		_, err := Parse(text)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v; want %q", text, err, want)
		}
	}
}

func many(s, between string, n int) string {
	return strings.TrimSuffix(strings.Repeat(s+between, n), between)
}

func TestPathsFindValues(t *testing.T) {
	d := document(t, sale)
	for path, want := range map[string]string{
		"key": "order-1", "type": "sale.completed", "source": "till-2", "$.total": "51.5", "$.vip": "true", "$.lines[0].sku": "tee",
		`$["first name"]`: "Ana", `$['a-b']['ü']`: "1", "$.lines": "", "$.none": "", "$": "", "$.total.x": "", "$[0]": "",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, ok := p.Text(d); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v", path, got, ok)
		}
		if again, err := ParsePath(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("%s is written as %s, which does not read", path, p)
		}
	}
	if n, ok := mustPath(t, "$.total").Number(d); n != 51.5 || !ok {
		t.Errorf("the total is %v, %v", n, ok)
	}
	if _, ok := mustPath(t, "$.channel").Number(d); ok {
		t.Error("a text is a number")
	}
	for _, bad := range []string{"", "total", "$.", "$..a", "$.a b", "$[-1]", "$[*]", "$.a ", "keys"} {
		_, err := ParsePath(bad)
		if f, ok := errors.AsType[*fault.Error](err); !ok || !fault.Is(err, fault.Invalid) || f.Fields[0].Name != "path" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func mustPath(t *testing.T, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Any text parses or is refused as invalid; what parses evaluates, and its
// canonical form means the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`$.a == 1`, `!exists($.a) && ($['b'] in ["x", 'y', null] || type != "z")`, `$.a[0]["\u00e9"] >= -1.5e3`, `((`, `$.a == '"\''`, "\x00", `!!key<"a"`} {
		f.Add(s, sale)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		e, err := Parse(text)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !utf8.ValidString(text) {
			return // a canonical form is always valid
		}
		canonical := e.String()
		again, err := Parse(canonical)
		if len(canonical) > maxExprBytes {
			return
		}
		if err != nil || again.String() != canonical {
			t.Fatalf("%q is written as %q, which reads as %v, %v", text, canonical, again, err)
		}
		d := Document{Type: "t", Key: text, Source: "s", Data: []byte(data)}
		if json.Valid(d.Data) && e.Match(d) != again.Match(d) {
			t.Fatalf("%q and %q judge %q differently", text, canonical, data)
		}
	})
}

// What a path finds without decoding the whole is what it finds in the whole decoded.
func TestFindIsAsInTheWhole(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "a.b", "ü", "a*", "", "#", "@this", "0"})
	var value *rapid.Generator[any]
	value = rapid.Custom(func(r *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(r, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(r, "bool")
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "-1.50", "9007199254740993", "1e3"}).Draw(r, "number"))
		case 3:
			return rapid.String().Draw(r, "text")
		case 4:
			return rapid.SliceOfN(value, 0, 3).Draw(r, "list")
		}
		return rapid.MapOfN(name, value, 0, 3).Draw(r, "object")
	})
	rapid.Check(t, func(r *rapid.T) {
		data, err := json.Marshal(value.Draw(r, "data"))
		if err != nil {
			r.Skip(err)
		}
		var whole, want any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&whole); err != nil {
			r.Fatal(err)
		}
		p, there := Path{}, true
		want = whole
		for range rapid.IntRange(0, 3).Draw(r, "depth") {
			s := segment{name: name.Draw(r, "name"), index: rapid.IntRange(-1, 2).Draw(r, "index")}
			p.segments = append(p.segments, s)
			switch at := want.(type) {
			case []any:
				there = there && s.index >= 0 && s.index < len(at)
				want = nil
				if there {
					want = at[s.index]
				}
			case map[string]any:
				var is bool
				want, is = at[s.name]
				there = there && is && s.index < 0
			default:
				there = false
			}
		}
		got, ok := p.Find(Document{Data: data})
		if ok != there || ok && !reflect.DeepEqual(got, want) {
			r.Fatalf("%s in %s: %#v, %v; want %#v, %v", p, data, got, ok, want, there)
		}
	})
}
