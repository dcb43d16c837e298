package app

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Origin is where a key's value came from: "default", a file and line, a
// variable or a flag.
func (l *Loaded) Origin(path string) string {
	if o, ok := l.origins[path]; ok {
		return o
	}
	return "default"
}

// widestColumn is how wide a column gets; what is longer pushes the rest of its own line.
const widestColumn = 36

// Print lists every key with its value and origin (and, when env is set, its
// environment variable). Secrets show only whether they are set.
func (l *Loaded) Print(w io.Writer, env bool) error {
	var lines [][]string
	var wide [4]int
	for _, k := range keysOf(reflect.TypeFor[Config](), "") {
		line := []string{k.path, l.shown(k), l.Origin(k.path)}
		if env {
			line = append(line, k.env())
		}
		for i, text := range line {
			if n := utf8.RuneCountInString(text); n <= widestColumn {
				wide[i] = max(wide[i], n)
			}
		}
		lines = append(lines, line)
	}
	var out strings.Builder
	for _, line := range lines {
		for i, text := range line[:len(line)-1] {
			fmt.Fprintf(&out, "%-*s  ", wide[i], text)
		}
		out.WriteString(line[len(line)-1] + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (l *Loaded) shown(k key) string {
	v := valueAt(reflect.ValueOf(l.Config), strings.Split(k.path, "."))
	switch {
	case k.secret && v.IsZero(), k.secret && k.isList() && v.Len() == 0:
		return "(not set)"
	case k.secret && k.isList():
		return fmt.Sprintf("(%d, redacted)", v.Len())
	case k.secret:
		return "(redacted)"
	case k.isList():
		return "[" + strings.Trim(fmt.Sprint(v.Interface()), "[]") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// valueAt follows koanf names into a section.
func valueAt(section reflect.Value, names []string) reflect.Value {
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("koanf") != names[0] {
			continue
		}
		if len(names) == 1 {
			return section.Field(i)
		}
		return valueAt(section.Field(i), names[1:])
	}
	return reflect.Value{}
}
