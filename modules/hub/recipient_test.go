package hub

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The quick way to an attribute and the careful one agree on every object that
// PostgreSQL can hand us.
func TestAttributeOfEqualsDecoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z": ,{}]{0,12}`), rapid.String())
		value := rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Int(), func(n int) any { return n }), rapid.Just[any](true))
		object := rapid.MapOfN(rapid.OneOf(rapid.SampledFrom([]string{"name", "gate", "a"}), text), value, 0, 5).Draw(t, "object")
		raw, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		name := rapid.OneOf(rapid.SampledFrom([]string{"name", "gate", "a"}), text).Draw(t, "name")
		stored := asJSONB(string(raw))
		got, ok := attributeOf([]byte(stored), name)
		want, known := decodedAttribute([]byte(stored), name)
		if got != want || ok != known {
			t.Fatalf("%s of %s: %q %v, want %q %v", name, stored, got, ok, want, known)
		}
	})
}

// asJSONB writes a flat object as PostgreSQL does: a space after each colon and comma outside of strings.
func asJSONB(s string) string {
	var b strings.Builder
	quoted := false
	for i := range len(s) {
		b.WriteByte(s[i])
		switch {
		case s[i] == '"' && (i == 0 || s[i-1] != '\\' || strings.HasSuffix(s[:i], `\\\\`)):
			quoted = !quoted
		case !quoted && (s[i] == ':' || s[i] == ','):
			b.WriteByte(' ')
		}
	}
	return b.String()
}
