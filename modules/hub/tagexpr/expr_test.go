package tagexpr_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/fault"
)

func TestCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		" \t\n":                 "",
		"vip":                   "vip",
		" VIP ":                 "vip",
		"a&&b||c":               "a&&b||c",
		"a || b && c":           "a||b&&c",
		"(a || b) && c":         "(a||b)&&c",
		"((a && b)) && (c)":     "a&&b&&c",
		"!a && b":               "!a&&b",
		"!(a && b)":             "!(a&&b)",
		"!!a":                   "a",
		"!(!a)":                 "a",
		"! ! ! a":               "!a",
		"!(!(a||b))&&c":         "(a||b)&&c",
		"$installationid:{A-1}": "$InstallationId:{a-1}",
		"$USERID:{x=1}||user:2": "$UserId:{x=1}||user:2",
		"#a@b.c:d_e-f":          "#a@b.c:d_e-f",
	} {
		e, err := tagexpr.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		if e.String() != want {
			t.Errorf("Parse(%q) = %q, want %q", in, e, want)
		}
	}
}

func TestMatchBasics(t *testing.T) {
	vip := device{id: "p1", user: "ana", tags: []string{"vip"}}
	bare := device{id: "p2"}
	for expr, want := range map[string][2]bool{ // vip, bare
		"":                          {true, true},
		"VIP":                       {true, false},
		"!vip":                      {false, true},
		"!vip || vip":               {true, true},
		"!vip && vip":               {false, false},
		"a || !b && vip":            {true, false},
		"$UserId:{ANA}":             {true, false},
		"!$UserId:{ana}":            {false, true},
		"$InstallationId:{P2}||vip": {true, true},
	} {
		e, err := tagexpr.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{e.Match(vip.has), e.Match(bare.has)}; got != want {
			t.Errorf("%q matches %v, want %v", expr, got, want)
		}
	}
}

func TestMatchAgreesWithTheShapeDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := draw(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		s, d := pick.expression(3), pick.device()
		e, err := tagexpr.Parse(s.text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", s.text, err)
		}
		again, err := tagexpr.Parse(e.String())
		if err != nil {
			t.Fatalf("canonical form %q of %q: %v", e, s.text, err)
		}
		if !reflect.DeepEqual(e, again) {
			t.Fatalf("%q reparses differently as %q", s.text, e)
		}
		if got, want := e.Match(d.has), s.means(d); got != want {
			t.Fatalf("%q on %v is %v, want %v", s.text, d, got, want)
		}
	})
}

func TestTags(t *testing.T) {
	e, err := tagexpr.Parse("B && !(a || $UserId:{X}) && b")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Tags(), []string{"b", "a", "$userid:{x}"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Tags() = %q, want %q", got, want)
	}
	if everyone, _ := tagexpr.Parse(""); everyone.Tags() != nil || !everyone.Everyone() {
		t.Error("everyone names no tags")
	}
}

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"a &&":                    "at byte 5: expected a tag, ! or (, found the end",
		"&& a":                    `at byte 1: expected a tag, ! or (, found "&"`,
		"a b":                     `at byte 3: expected &&, || or the end, found "b"`,
		"a & b":                   `at byte 3: expected &&, || or the end, found "&"`,
		"vip AND berlin":          `at byte 5: expected &&, || or the end, found "AND"`,
		"(a || b":                 "at byte 8: expected &&, || or the ) of the ( at byte 1, found the end",
		"a)":                      `at byte 2: expected &&, || or the end, found ")"`,
		"()":                      `at byte 2: expected a tag, ! or (, found ")"`,
		"a || münchen":            `at byte 7: expected &&, || or the end, found "ü"`,
		"a=b":                     `at byte 2: expected &&, || or the end, found "="`,
		"$body":                   `at byte 1: expected a tag, ! or (, found "$"`,
		"$UserId:{}":              `at byte 1: expected a tag, ! or (, found "$"`,
		"$UserId:{a b}":           `at byte 1: expected a tag, ! or (, found "$"`,
		"a\x00":                   `at byte 2: expected &&, || or the end, found "\x00"`,
		"\x00":                    `at byte 1: expected a tag, ! or (, found "\x00"`,
		"\xff":                    `at byte 1: expected a tag, ! or (, found "�"`,
		"a&&" + long(121):         "at byte 4: a tag of 121 characters is longer than 120",
		deep(17):                  "at byte 17: parentheses more than 16 deep",
		many(61):                  "at byte 181: more than 60 tags",
		strings.Repeat(" ", 4097): "an expression of 4097 bytes is longer than 4096",
	} {
		_, err := tagexpr.Parse(in)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != "tags" || f.Fix == "" {
			t.Errorf("Parse(%q): want an invalid field tags with a fix, got %#v", in, err)
			continue
		}
		if f.Fields[0].Problem != want {
			t.Errorf("Parse(%q)\n got %s\nwant %s", in, f.Fields[0].Problem, want)
		}
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	for _, in := range []string{
		long(120), deep(16), many(60), strings.Repeat(" ", 4096), strings.Repeat("!", 4095) + "a",
		strings.Repeat("(a)||", 30) + "a", // depth is of nesting, not of all parentheses
	} {
		if _, err := tagexpr.Parse(in); err != nil {
			t.Errorf("Parse(%.20q…): %v", in, err)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }
func deep(n int) string { return strings.Repeat("(", n) + "a" + strings.Repeat(")", n) }
func many(n int) string { return strings.Repeat("||a", n)[2:] }

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "vip", "a&&b||!c", "!(a||b)&&$UserId:{x=1}", "$InstallationId:{A}", "a b", "((", "!!!!a", "a&&&b",
		deep(17), many(61), "ü", "\x00", "$UserId:{", "a || (b && (c || !d))",
	} {
		f.Add(seed)
	}
	pick := seeded(1)
	devices := make([]device, 16)
	for i := range devices {
		devices[i] = pick.device()
	}
	f.Fuzz(func(t *testing.T, in string) {
		e, err := tagexpr.Parse(in)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%v is not invalid", err)
			}
			return
		}
		again, err := tagexpr.Parse(e.String())
		if err != nil || again.String() != e.String() || len(e.String()) > len(in) {
			t.Fatalf("%q → %q → %v, %v", in, e, again, err)
		}
		for _, d := range devices {
			if e.Match(d.has) != again.Match(d.has) {
				t.Fatalf("%q and %q differ on %v", in, e, d)
			}
		}
		for _, tag := range e.Tags() {
			if err := tagexpr.ValidTag(tag); err != nil || tagexpr.Normal(tag) != tag {
				t.Fatalf("%q names %q: %v", in, tag, err)
			}
		}
		e.SQL(tagexpr.Columns{Tags: "tags", InstallationID: "id", UserID: "user_id"}, 1)
	})
}

func TestComplement(t *testing.T) {
	for text, want := range map[string]string{"!vip": "vip", "!(a || b)": "a||b", "vip": "", "": "", "!a && b": "", "!!a": ""} {
		e, err := tagexpr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := e.Complement()
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("Complement(%s) = %v, %v; want %q", text, got, ok, want)
		}
	}
}
