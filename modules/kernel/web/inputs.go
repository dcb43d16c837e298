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
