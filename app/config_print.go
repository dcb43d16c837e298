package app

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

// Origin is where a key's value came from: "default", a file and line, a
// variable or a flag.
func (l *Loaded) Origin(path string) string {
	if o, ok := l.origins[path]; ok {
		return o
	}
	return "default"
}

// Print lists every key with its value and origin (and, when env is set, its
// environment variable). Secrets show only whether they are set.
func (l *Loaded) Print(w io.Writer, env bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range keysOf(reflect.TypeFor[Config](), "") {
		line := []string{k.path, l.shown(k), l.Origin(k.path)}
		if env {
			line = append(line, k.env())
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	return t.Flush()
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
