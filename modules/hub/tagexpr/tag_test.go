package tagexpr_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/usherhq/usher/modules/hub/tagexpr"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// grammar is the reference's own rule (hub.md), with the keywords in any case
// because tags are compared without case.
var grammar = regexp.MustCompile(`^(\$(?i:InstallationId|UserId|Segment):\{[-_@#.:=\w]+\}|[-_@#.:\w]+)$`)

func checkTag(t interface{ Fatalf(string, ...any) }, tag string) {
	err := tagexpr.ValidTag(tag)
	want := grammar.MatchString(tag) && len(tag) <= tagexpr.MaxTagLen
	if (err == nil) != want {
		t.Fatalf("ValidTag(%q) = %v, want valid: %v", tag, err, want)
	}
	if err != nil && !fault.Is(err, fault.Invalid) {
		t.Fatalf("ValidTag(%q): %v is not invalid", tag, err)
	}
}

func TestValidTag(t *testing.T) {
	for _, tag := range []string{
		"a", "user:7", "role:crew", "A_b-c@d#e.f:g", "", " ", "a b", "a=b", "ü", "a\n", "{}", "$", "$a",
		"$UserId:{x}", "$UserId:{x=}", "$userid:{X}", "$UserId:{}", "$Segment:{3}", "$Segment:3", "$UserId:{x}y", "$UserId:{x", "$InstallationId:{a b}",
		"$InstallationId:{0191f0a2-7b}", "x$UserId:{y}", strings.Repeat("a", 120), strings.Repeat("a", 121),
	} {
		checkTag(t, tag)
	}
}

func TestValidTagIsTheReferenceGrammar(t *testing.T) {
	piece := rapid.SampledFrom([]string{"$", "InstallationId", "userId", "Segment", ":", "{", "}", "a", "Z", "9", "=", "@", "é", " ", "-", "\x00"})
	rapid.Check(t, func(t *rapid.T) {
		checkTag(t, strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), ""))
	})
}

func TestValidTagSaysWhere(t *testing.T) {
	err, _ := errors.AsType[*fault.Error](tagexpr.ValidTag("main stage"))
	if want := `"main stage" has a character a tag must not have at byte 5`; err.Fields[0].Problem != want {
		t.Errorf("got %q, want %q", err.Fields[0].Problem, want)
	}
}
