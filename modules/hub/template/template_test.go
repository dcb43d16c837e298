package template_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestJSONBodies(t *testing.T) {
	for body, want := range map[string]string{
		`{"aps":{"alert":{"title":"$(title, 4)"},"badge": "#(badge)"} , "n":[1, "%(url)",-1.5e3,null]}`: `{"aps":{"alert":{"title":"This"},"badge": 40} , "n":[1, "a%20b",-1.5e3,null]}`,
		"  {\n\t\"a\" : \"$(name)\"\r\n}\n":          "  {\n\t\"a\" : \"Ana\"\r\n}\n",
		`{"$(name)":"x","b":{"c":[["$(name)"],{}]}}`: `{"$(name)":"x","b":{"c":[["Ana"],{}]}}`,
		`"$(name)"`: `"Ana"`,
		`[]`:        `[]`,
		`{"a":"\u0024(name)","b":"lit\u00e9ral \/ \"q\""}`: `{"a":"Ana","b":"lit\u00e9ral \/ \"q\""}`,
		`{"a":"{'\\ \"' + $(quote)}"}`:                     `{"a":"\\ \"a\"b\\c\nd"}`,
		`{"a":"\\","b":"$(name)"}`:                         `{"a":"\\","b":"Ana"}`,
	} {
		if got := render(t, []byte(body), ana, template.Reader{}); got != want {
			t.Errorf("%s\n renders %s\n want    %s", body, got, want)
		}
	}
}

func TestXMLBodies(t *testing.T) {
	for body, want := range map[string]string{
		`<toast><visual a="$(name)" b='lit'><text id="1">$(title, 4)</text></visual></toast>`: `<toast><visual a="Ana" b='lit'><text id="1">This</text></visual></toast>`,
		`<a>{'&lt;b&gt; &amp; ' + $(xml)}</a>`:                                                `<a>&lt;b&gt; &amp; &lt;&amp;&gt;&quot;&apos;&#xA;��</a>`,
		`<a b="$(xml)"/>`:                                                                     `<a b="&lt;&amp;&gt;&quot;&apos;&#xA;��"/>`,
		`<?xml version="1.0" encoding="utf-8"?><!-- $(name) --><a><![CDATA[$(name)]]><b/>#(badge)<c></c>#(name)</a>`: `<?xml version="1.0" encoding="utf-8"?><!-- $(name) --><a><![CDATA[$(name)]]><b/>40<c></c>Ana</a>`,
		"\n<a x='>' y = \"$(name)\" >\n$(name)</a>\n":                                                                "\n<a x='>' y = \"Ana\" >\n$(name)</a>\n",
		`<a>&#36;(name)</a>`: `<a>Ana</a>`,
	} {
		props := map[string]any{"name": "Ana", "title": "This is", "badge": 40, "xml": "<&>\"'\n\x00\uffff"}
		if got := render(t, []byte(body), props, template.Reader{}); got != want {
			t.Errorf("%s\n renders %s\n want    %s", body, got, want)
		}
	}
}

func TestBodyErrors(t *testing.T) {
	for body, want := range map[string][2]string{
		``:                                 {"body", "it is empty"},
		" \n":                              {"body", "it is empty"},
		`{"a":1,}`:                         {"body", "it is not JSON: invalid character '}' looking for beginning of object key string at byte 8"},
		`{"a":"b"} x`:                      {"body", "it is not JSON: invalid character 'x' after top-level value at byte 11"},
		`hello`:                            {"body", "it is not JSON: invalid character 'h' looking for beginning of value at byte 1"},
		"{\"a\":\"\xff\"}":                 {"body", "it is not UTF-8 at byte 7"},
		`{"aps":{"x":[0,{"alert":"$5"}]}}`: {"body.aps.x[1].alert", `expected ( after $ at character 2, found "5" in "$5"`},
		`[1,"a,b",{"c":2},"$5"]`:           {"body[3]", `expected ( after $ at character 2, found "5" in "$5"`},
		`<a>$5</a>`:                        {"body", `expected ( after $ at character 2, found "5" in "$5" at byte 4`},
		`<a b="$5"></a>`:                   {"body", `expected ( after $ at character 2, found "5" in "$5" at byte 7`},
		`<a><b></a>`:                       {"body", "it is not XML: XML syntax error on line 1: element <b> closed by </a>, before byte 11"},
		`<a/><b/>`:                         {"body", "it is not XML: it has 2 root elements, before byte 9"},
		`<!-- -->`:                         {"body", "it is not XML: it has 0 root elements, before byte 9"},
		`<a/>text`:                         {"body", "it is not XML: there is text outside of the root element, before byte 9"},
		`<!DOCTYPE a><a/>`:                 {"body", "it is not XML: a <! directive is not allowed, before byte 13"},
	} {
		_, err := template.Parse([]byte(body))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.Invalid || len(f.Fields) != 1 || f.Fix == "" {
			t.Errorf("%s: want one invalid field with a fix, got %#v", body, err)
			continue
		}
		if got := [2]string{f.Fields[0].Name, f.Fields[0].Problem}; got != want {
			t.Errorf("%s\n got %q\nwant %q", body, got, want)
		}
	}
}

func TestPropsOfTemplate(t *testing.T) {
	tmpl, err := template.Parse([]byte(`{"a":"$(B)","c":"{$(a) + '-' + .(b, 3)}","d":"@(Price, currency)","e":"%(a)"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tmpl.Props(), []string{"b", "a", "price"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Props() = %q, want %q", got, want)
	}
}

func TestTheBodyIsNotKept(t *testing.T) {
	body := []byte(`{"a":"$(name)","b":"literal"}`)
	tmpl, err := template.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	props, _ := template.NewProps(ana)
	if got := string(tmpl.Append([]byte("x"), props.For(template.Reader{}), nil)); got != `x{"a":"Ana","b":"literal"}` {
		t.Error(got)
	}
}

func TestOwnAttributes(t *testing.T) {
	own := func(name string) (string, bool) {
		v, ok := map[string]string{"seat": "B\"12", "gate": "4", "name": "never"}[name]
		return v, ok
	}
	tmpl, err := template.Parse([]byte(`{"a":"$(Seat:{none})","b":"#(gate)","c":"$(name)","d":"$(row:{none})"}`))
	if err != nil {
		t.Fatal(err)
	}
	props, _ := template.NewProps(ana)
	if got, want := string(tmpl.Append(nil, props.For(template.Reader{}), own)), `{"a":"B\"12","b":4,"c":"Ana","d":"none"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRenderedBodiesAreValid renders values of any bytes and reads them back.
func TestRenderedBodiesAreValid(t *testing.T) {
	inJSON, err1 := template.Parse([]byte(`{"v":"$(v)","n":"#(v)","u":"%(v)","c":".(v,5)","m":"@(v, currency)"}`))
	inXML, err2 := template.Parse([]byte(`<a n="#(v)" c=".(v,5)"><v>$(v)</v><m>@(v, number)</m></a>`))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := string(rapid.SliceOf(rapid.Byte()).Draw(t, "v"))
		props, err := template.NewProps(map[string]any{"v": v})
		if err != nil {
			t.Fatal(err)
		}
		view := props.For(template.Reader{})
		out := inJSON.Append(nil, view, nil)
		var back struct{ V, C string }
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if want := string([]rune(v)); back.V != want { // a byte that is not UTF-8 becomes U+FFFD
			t.Fatalf("%q came back as %q", v, back.V)
		}
		if n := len([]rune(back.C)); n > 5 {
			t.Fatalf(".(v,5) of %q has %d characters: %q", v, n, back.C)
		}
		wellFormed(t, inXML.Append(nil, view, nil))
	})
}

func wellFormed(t interface{ Fatalf(string, ...any) }, out []byte) {
	d := xml.NewDecoder(strings.NewReader(string(out)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"aps":{"alert":"$(name)","badge":"#(n)"}}`, `{"a":"{'It''s ' + .(name, 5) + %(url)}"}`, `["@(price, currency)"]`,
		`{"a":"$(x:{a\\}b})"}`, `<a b="$(name)">#(n)</a>`, `<a><![CDATA[x]]><!-- --></a>`, `{"a":"\u0024(name)"}`, `"#hashtag"`,
		`{"a":"@(when, date)","b":"@(when, time)","c":"@(n, length)","d":"@(n, temperature)"}`, `{`, `<`, `<a`, `<a b='`, `<a><b c="#(n)" d='.(name, 3)'/>{'&lt;' + $(name)}<!--$(n)--></a>`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed), "Ana \"q\" <&>", "40", "2026-06-05T19:30:00Z")
	}
	f.Fuzz(func(t *testing.T, body []byte, name, n, when string) {
		tmpl, err := template.Parse(body)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%v is not invalid", err)
			}
			return
		}
		values := map[string]any{"name": name, "n": n, "when": when, "url": name, "price": n + " EUR"}
		for _, prop := range tmpl.Props() {
			if _, known := values[prop]; !known {
				values[prop] = n
			}
		}
		props, err := template.NewProps(values)
		if err != nil {
			t.Fatal(err)
		}
		for _, locale := range []string{"en", "de-CH", "ar", name} {
			out := tmpl.Append(nil, props.For(template.Reader{Locale: locale}), nil)
			if strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "<") {
				wellFormed(t, out)
			} else if !json.Valid(out) {
				t.Fatalf("%s renders %s, which is not JSON", body, out)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for name, body := range map[string]string{
		"alert": `{"aps":{"alert":{"title":"{'Hi ' + $(name)}","body":".(title, 40)"},"badge":"#(badge)","sound":"default"},"url":"%(url)"}`,
		"typed": `{"price":"@(price, currency)","at":"@(at, time)","on":"@(at, date)","far":"@(far, length)","warm":"@(warm, temperature)"}`,
	} {
		b.Run(name, func(b *testing.B) {
			tmpl, err := template.Parse([]byte(body))
			if err != nil {
				b.Fatal(err)
			}
			props, err := template.NewProps(map[string]any{"name": "Ana", "title": "Doors open in ten minutes at the north gate",
				"badge": 3, "url": "https://example.org/e/1", "price": "1234.50 EUR", "at": "2026-06-05T19:30:00Z", "far": 850, "warm": 22.5})
			if err != nil {
				b.Fatal(err)
			}
			view := props.For(template.Reader{Locale: "de-DE"})
			own := func(string) (string, bool) { return "", false }
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = tmpl.Append(buf[:0], view, own)
			}
		})
	}
}
