package web

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// CheckQuery refuses what no text of the database can hold, before anybody asks it. Errors:
// fault.Invalid, with every parameter at fault.
func CheckQuery(raw string) error {
	if !strings.Contains(raw, "%") && utf8.ValidString(raw) { // nearly always; a NUL itself stands in no address
		return nil
	}
	values, _ := url.ParseQuery(raw) // a bad escape is a parameter that nobody sees
	var f []fault.Field
	for _, name := range slices.Sorted(maps.Keys(values)) {
		shown := strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", "�"), "�")
		for _, text := range append(values[name], name) {
			if problem := unreadable(text); problem != "" {
				f = append(f, fault.Field{Name: shown, Problem: problem, Fix: "UTF-8 text without U+0000"})
				break
			}
		}
	}
	return fault.BadFields("web.CheckQuery", f)
}

// checkNames refuses parameters that an address does not know. They must not pass for left
// out: who writes dryrun=true does not want the change, nor everything who writes form=2026.
// Errors: fault.Invalid, with each.
func checkNames(values url.Values, known []string) error {
	var f []fault.Field
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(known, name) {
			continue
		}
		fix := "leave it out"
		if near := Nearest(name, known); near != "" {
			fix = "did you mean " + near + "?"
		} else if len(known) > 0 {
			fix = "one of " + strings.Join(known, ", ")
		}
		f = append(f, fault.Field{Name: name, Problem: "is not a known parameter", Fix: fix})
	}
	return fault.BadFields("web.Query", f)
}

// unreadable says why a text is none that PostgreSQL keeps; "": it is one.
func unreadable(text string) string {
	switch {
	case strings.Contains(text, "\x00"):
		return "holds the character U+0000"
	case !utf8.ValidString(text):
		return "is not UTF-8"
	}
	return ""
}
