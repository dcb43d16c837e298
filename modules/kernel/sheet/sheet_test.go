package sheet

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGuardPutsAnApostropheBeforeAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "Ana": "Ana", "=1": "'=1", "-5": "'-5", "'s": "''s", "\tx": "'\tx", "a-b": "a-b", "a, =1": "a, =1", "Ana; Ben": "Ana; Ben",
		"Ana;=1": "Ana;'=1", `Ana;"=1"`: `Ana;'"=1"`, "Ana; @x": "Ana;' @x", "a\n+1\r\n-1\t=1": "a\n'+1\r\n'-1\t'=1", "a;'b": "a;''b", ";": ";",
	} {
		if got := Guard(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestNoReaderOfCSVSeesAFormula(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`([=+\-@\t\r\n;"', ]{0,3}[a-z0-9(]{0,2}){0,4}`))
	rapid.Check(t, func(r *rapid.T) { check(r, text.Draw(r, "text")) })
}

func FuzzGuard(f *testing.F) {
	for _, text := range []string{"", "=1+1", "'", "''=x", "\t=1", "\r\n=1", "a;=1", `a;"=HYPERLINK("x")`, "a;'=1", "＝1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}

// check writes a text as CSV and looks at what readers of other separators make of it.
func check(t rapid.TB, text string) {
	t.Helper()
	guarded := Guard(text)
	if back := Unguard(guarded); back != text {
		t.Fatalf("%q comes back as %q", text, back)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"id", guarded, "end"})
	w.Flush()
	if guarded != "" && strings.IndexByte(starts, guarded[0]) >= 0 {
		t.Fatalf("%q is a formula", guarded)
	}
	for _, separator := range []string{";", "\t", "\n"} {
		for c := range strings.SplitSeq(b.String(), separator) {
			if c = strings.TrimLeft(c, `"`); c != "" && strings.IndexByte(starts, c[0]) >= 0 {
				t.Fatalf("%q separated by %q has the formula %q", guarded, separator, c)
			}
		}
	}
}
