package template_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/usherhq/usher/modules/hub/template"
	"github.com/usherhq/usher/modules/kernel/fault"
)

var ana = map[string]any{
	"name": "Ana", "title": "This is the title line", "badge": "40", "url": "a b",
	"count": 7.0, "open": true, "nothing": nil, "empty": "", "quote": "a\"b\\c\nd",
}

// inJSON makes a body whose one value is s.
func inJSON(s string) []byte {
	quoted, _ := json.Marshal(s)
	return []byte(`{"v":` + string(quoted) + `}`)
}

func render(t *testing.T, body []byte, properties map[string]any, r template.Reader) string {
	t.Helper()
	tmpl, err := template.Parse(body)
	if err != nil {
		t.Fatalf("Parse(%s): %v", body, err)
	}
	props, err := template.NewProps(properties)
	if err != nil {
		t.Fatal(err)
	}
	return string(tmpl.Append(nil, props.For(r), nil))
}

func TestExpressions(t *testing.T) {
	for expr, want := range map[string]string{
		// the worked examples of hub.md
		"$(TITLE)":             `"This is the title line"`,
		".(title, 20)":         `"This is the title..."`,
		"#(badge)":             `40`,
		"{'Hi, ' + $(name)}":   `"Hi, Ana"`,
		"{'It''s ' + $(name)}": `"It's Ana"`,
		"$(nick:{friend})":     `"friend"`,
		"%(url)":               `"a%20b"`,
		"Hello $(name)":        `"Hello $(name)"`,
		// each token
		"$(missing)":                   `""`,
		"$(nothing:{null is missing})": `"null is missing"`,
		"$(empty:{but empty is not})":  `""`,
		"$(title,4)":                   `"This"`,
		"$(title, 0)":                  `""`,
		"$(title, 99999999999)":        `"This is the title line"`,
		"$(nick:{friend}, 3)":          `"fri"`,
		".(title,22)":                  `"This is the title line"`,
		".(title,21)":                  `"This is the title ..."`,
		".(title,3)":                   `"..."`,
		".(title,2)":                   `".."`,
		".(title,0)":                   `""`,
		"#(count)":                     `7`,
		"#(name)":                      `"Ana"`,
		"#(open)":                      `"true"`,
		"#(missing)":                   `""`,
		"#(missing:{1})":               `1`,
		"#(missing:{01})":              `"01"`,
		"{#(badge)}":                   `40`,
		"$(badge)":                     `"40"`,
		"$(count)":                     `"7"`,
		"$(open)":                      `"true"`,
		"$(quote)":                     `"a\"b\\c\nd"`,
		"%(missing:{ä&€/~})":           `"%C3%A4%26%E2%82%AC%2F~"`,
		// composites, blanks, escapes
		"$(name) + ', ' + $(nick:{you})":     `"Ana, you"`,
		"{ $( name ) + \"say \"\"hi\"\"\" }": `"Anasay \"hi\""`,
		"{'{$(name)}'}":                      `"{$(name)}"`,
		"{'$5 off'}":                         `"$5 off"`,
		"$(x:{a\\}b})":                       `"a}b"`,
		"$(x:{})":                            `""`,
		"$(x:{C:\\dir})":                     `"C:\\dir"`,
		"$(x:{a,b)})":                        `"a,b)"`,
		"$(größe:{XL})":                      `"XL"`,
		// literals
		"":            `""`,
		" $(name)":    `" $(name)"`,
		"'Hi'":        `"'Hi'"`,
		"@everyone":   `"@everyone"`,
		"a $ . % # {": `"a $ . % # {"`,
	} {
		if got := render(t, inJSON(expr), ana, template.Reader{}); got != `{"v":`+want+`}` {
			t.Errorf("%s renders %s, want %s", expr, got, want)
		}
	}
}

func TestExpressionErrors(t *testing.T) {
	long := strings.Repeat("x", 121)
	for expr, want := range map[string]string{
		// the errors of hub.md
		"$(name)!":    `expected + or the end at character 8, found "!"`,
		"#hashtag":    `expected ( after # at character 2, found "h"`,
		"$5 off":      `expected ( after $ at character 2, found "5"`,
		".5":          `expected ( after . at character 2, found "5"`,
		".(title)":    `.(title) has no length`,
		"%(u, 3)":     `%(u) takes no length`,
		"$(my-prop)":  `expected ) after the property my at character 5, found "-"`,
		"{$(a)+#(n)}": `#(n) cannot be joined with +, for a number stands alone`,
		"$body":       `expected ( after $ at character 2, found "b"`,
		// ours
		"#(n, 3)":         `#(n) takes no length`,
		"#(n)+$(a)":       `#(n) cannot be joined with +, for a number stands alone`,
		"{}":              `expected $( .( %( #( @( or a quote at character 2, found "}"`,
		"{'a'":            `expected + or } at character 5, found the end`,
		"{'a'} b":         `expected the end after } at character 7, found "b"`,
		"{'a}":            `the quote at character 2 is not closed`,
		"{'a' 'b'}":       `expected + or } at character 6, found "'"`,
		"{'a' + }":        `expected $( .( %( #( @( or a quote at character 8, found "}"`,
		"$(a":             `expected ) after the property a at character 4, found the end`,
		"$()":             `expected a property name of 1 to 120 characters at character 3, found ")"`,
		"$(" + long + ")": `expected a property name of 1 to 120 characters at character 3, found "x"`,
		"$(a:x)":          `expected { after : at character 5, found "x"`,
		"$(ä:{x\\})":      `the default at character 5 is not closed`,
		"$(a, x)":         `expected a number of characters at character 6, found "x"`,
		"$(a, -1)":        `expected a number of characters at character 6, found "-"`,
		"@(a)":            `@(a) does not say how to print it`,
		"@(a, money)":     `expected a format at character 6, found "m"`,
	} {
		_, err := template.Parse(inJSON(expr))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "body.v" || f.Fix == "" {
			t.Errorf("%s: want an invalid field body.v with a fix, got %#v", expr, err)
			continue
		}
		in := expr
		if len(in) > 80 {
			in = in[:80] + "…"
		}
		if got := f.Fields[0].Problem; got != want+` in "`+in+`"` {
			t.Errorf("%s\n got %s\nwant %s", expr, got, want)
		}
	}
}

func TestErrorsSayHowToMend(t *testing.T) {
	for expr, want := range map[string]string{
		"$5 'off'": "write {'$5 ''off'''}",
		".(title)": ".(title, 20)",
		"%(u, 3)":  "write %(u)",
		"@(a)":     "currency, temperature, length, number, date, time",
	} {
		_, err := template.Parse(inJSON(expr))
		if f, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(f.Fix, want) {
			t.Errorf("%s: the fix of %v does not say %s", expr, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for s, want := range map[string]int{
		"Hello $(name)": 1, " .(title, 20)": 1, "50 %(u)": 1, "n=#(n:{1})": 1, "Hi @(p, number)": 1,
		"Hello": 0, "$(name)": 0, "costs $ (5)": 0, "fn(x).(y": 0, "100%(of all)": 0,
	} {
		tmpl, err := template.Parse(inJSON(s))
		if err != nil {
			t.Fatal(err)
		}
		if got := tmpl.Warnings(); len(got) != want || want == 1 && !strings.HasPrefix(got[0], `body.v: "`+s+`" is sent`) {
			t.Errorf("%q warns %q", s, got)
		}
	}
}
