package template_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"sync"
	"testing"

	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestNewPropsRefuses(t *testing.T) {
	for field, properties := range map[string]map[string]any{
		"properties.a": {"a": map[string]any{"b": 1}},
		"properties.b": {"a": 1, "b": []any{1}},
		"properties.c": {"c": math.NaN()},
		"properties.d": {"d": math.Inf(-1)},
		"properties.e": {"e": struct{}{}},
		"properties.f": {"F": 1, "f": 2},
		"properties.g": {"G": nil, "g": 2},
	} {
		_, err := template.NewProps(properties)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != field || f.Fix == "" {
			t.Errorf("%v: want the invalid field %s with a fix, got %v", properties, field, err)
		}
	}
}

func TestPropertyText(t *testing.T) {
	for want, v := range map[string]any{
		`["x","x"]`:                             "x",
		`["7",7]`:                               json.Number("7"),
		`["1.50",1.50]`:                         json.Number("1.50"),
		`["-3",-3]`:                             -3,
		`["9007199254740993",9007199254740993]`: int64(9007199254740993),
		`["0.1",0.1]`:                           0.1,
		`["1000000",1000000]`:                   1e6,
		`["-1.5e+3",-1.5e+3]`:                   "-1.5e+3",
		`["true","true"]`:                       true,
		`["",""]`:                               nil,
		`["0x1f","0x1f"]`:                       "0x1f",
		`["01","01"]`:                           "01",
		`["1.","1."]`:                           "1.",
		`["-","-"]`:                             "-",
		`["1e","1e"]`:                           "1e",
		`["1e+","1e+"]`:                         "1e+",
		`["+1","+1"]`:                           "+1",
		`[" 1"," 1"]`:                           " 1",
		`["NaN","NaN"]`:                         "NaN",
	} {
		if got := render(t, []byte(`["$(v)","#(v)"]`), map[string]any{"V": v}, template.Reader{}); got != want {
			t.Errorf("%v renders %s, want %s", v, got, want)
		}
	}
}

func TestLocalisedProperties(t *testing.T) {
	greetings := map[string]any{
		"msg_EN": "good morning", "msg_DE": "guten Morgen", "msg_de_CH": "guete Morge",
		"title": "any", "title_fr": "fr", "title_de": nil,
		"both": "base", "both_zh_Hant": "hant", "both_zh": "zh",
	}
	for locale, want := range map[string][3]string{
		"de-CH":      {"guete Morge", "any", "base"},
		"DE_ch":      {"guete Morge", "any", "base"},
		"de-AT":      {"guten Morgen", "any", "base"},
		"de":         {"guten Morgen", "any", "base"},
		"en-GB":      {"good morning", "any", "base"},
		"fr":         {"", "fr", "base"},
		"zh-Hant-TW": {"", "any", "hant"},
		"zh-TW":      {"", "any", "zh"},
		"":           {"", "any", "base"},
	} {
		got := render(t, []byte(`["$(MSG)","$(title)","$(both)"]`), greetings, template.Reader{Locale: locale})
		if expected, _ := json.Marshal(want); got != string(expected) {
			t.Errorf("%q reads %s, want %s", locale, got, expected)
		}
	}
	if got := render(t, []byte(`"$(msg_de)"`), greetings, template.Reader{Locale: "en"}); got != `"guten Morgen"` {
		t.Errorf("a variant can be named outright, got %s", got)
	}
}

// TestViewsDoNotDisturbEachOther makes sure that a view's variants stay its own.
func TestViewsDoNotDisturbEachOther(t *testing.T) {
	props, err := template.NewProps(map[string]any{"m": "base", "m_de": "deutsch", "m_fr": "français"})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Parse([]byte(`"{$(m) + @(n:{1.5}, number)}"`))
	if err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string]string{"de": `"deutsch1,5"`, "fr": `"français1,5"`, "en": `"base1.5"`} {
		view := props.For(template.Reader{Locale: locale})
		var group sync.WaitGroup
		for range 4 { // workers share a view
			group.Go(func() {
				if got := string(tmpl.Append(nil, view, nil)); got != want {
					t.Errorf("%s reads %s, want %s", locale, got, want)
				}
			})
		}
		group.Wait()
	}
}

func TestFallback(t *testing.T) {
	for locale, want := range map[string][]string{
		"de-CH":              {"de-ch", "de", "default"},
		"de_CH":              {"de-ch", "de", "default"},
		"EN":                 {"en", "default"},
		"":                   {"default"},
		"zh-Hant-TW":         {"zh-hant-tw", "zh-hant", "zh", "default"},
		"de-DE-u-co-phonebk": {"de-de-u-co-phonebk", "de-de-u-co", "de-de", "de", "default"},
	} {
		if got := template.Fallback(locale); !reflect.DeepEqual(got, want) {
			t.Errorf("Fallback(%q) = %q, want %q", locale, got, want)
		}
	}
}

func TestRenderingDoesNotAllocate(t *testing.T) {
	tmpl, err := template.Parse([]byte(`{"a":"{'Hi ' + $(name)}","b":"#(n)","c":".(title,9)","d":"%(title)","e":"@(price, currency)","f":"@(at, date)","g":"@(n, length)"}`))
	if err != nil {
		t.Fatal(err)
	}
	props, err := template.NewProps(map[string]any{"name": "Ana", "n": 7, "title": "Doors öpen \"now\"", "price": "1.5 USD", "at": "2026-06-05T19:30:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	view := props.For(template.Reader{Locale: "en-US"})
	buf := tmpl.Append(nil, view, nil)
	if n := testing.AllocsPerRun(100, func() { buf = tmpl.Append(buf[:0], view, nil) }); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}
