package web

import (
	"regexp"
	"strings"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Input is how a form calls a field of the API. Fix is in the form's own units: it stands
// for a fix that gives an example, and where the API tells which number is wrong.
type Input struct{ Label, Fix string }

// Inputs are those of a form, by the API's names.
type Inputs map[string]Input

var tellsNumber = regexp.MustCompile(`^is -?\d`)

// Tell says faults of the API in the words and units of the form.
func (in Inputs) Tell(faults []fault.Field) []fault.Field {
	out := make([]fault.Field, len(faults))
	for i, f := range faults {
		as, ok := in[f.Name]
		if ok {
			f.Name = as.Label
		}
		if number := tellsNumber.MatchString(f.Problem); as.Fix != "" && (number || strings.Contains(f.Fix, "such as ")) {
			if f.Fix = as.Fix; number {
				f.Problem = "is out of range"
			}
		}
		out[i] = f
	}
	return out
}

// Place tells faults and sorts them by the input they belong to; the rest has none. A name
// before a point stands for all within: names.de.title belongs to names.
func (in Inputs) Place(faults []fault.Field) (by map[string][]fault.Field, rest []fault.Field) {
	by = map[string][]fault.Field{}
	for _, f := range faults {
		name, known := in.holds(f.Name)
		if !known {
			rest = append(rest, f)
			continue
		}
		f.Name = name
		by[name] = append(by[name], in.Tell([]fault.Field{f})...)
	}
	return by, rest
}

// holds finds the input that a field of the API is, or is within.
func (in Inputs) holds(field string) (input string, ok bool) {
	for field != "" {
		if _, ok = in[field]; ok {
			return field, true
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return "", false
}
