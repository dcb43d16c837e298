package analytics

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// docs/stream.md has a row for each known type, with its right and fields in order.
func TestDocumentedTypesAreTheKnownOnes(t *testing.T) {
	page, err := os.ReadFile("../../docs/stream.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.]+_?[a-z]*)` \\| (listen|send) \\| (.*) \\|$").FindAllStringSubmatch(string(page), -1) {
		known, ok := schemas[row[1]]
		if !ok {
			t.Errorf("%s is documented and not known", row[1])
			continue
		}
		documented[row[1]] = true
		var fields, written []string
		for _, f := range known.fields {
			name := f.name
			if f.required {
				name += `\*`
			}
			fields = append(fields, name)
		}
		for _, f := range regexp.MustCompile("(?:^|, )`([a-z_]+)`(\\\\\\*)?").FindAllStringSubmatch(row[3], -1) {
			written = append(written, f[1]+f[2])
		}
		if row[2] != string(known.right) || !slices.Equal(fields, written) {
			t.Errorf("%s: documented %s %v, known %s %v", row[1], row[2], written, known.right, fields)
		}
	}
	if len(documented) != len(schemas) {
		t.Errorf("documented %v of %v", slices.Sorted(maps.Keys(documented)), knownTypes)
	}
}
