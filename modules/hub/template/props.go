package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/usherhq/usher/modules/kernel/fault"
)

// Props are a notification's properties, prepared once for all its readers.
// Immutable and safe for concurrent use.
type Props struct {
	values map[string]value // by lower-case name
}

// value is a property's text, and whether it may stand as a JSON number.
type value struct {
	text   string
	number bool
}

func newValue(text string) value { return value{text, isJSONNumber(text)} }

// NewProps prepares properties. A value is a string, a number, a bool or nil,
// which is as if the property were not there; names are compared without case.
// Errors: fault.Invalid, field "properties.<name>".
func NewProps(properties map[string]any) (*Props, error) {
	var bad []fault.Field
	p := &Props{values: make(map[string]value, len(properties))}
	seen := make(map[string]bool, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		low := strings.ToLower(name)
		if seen[low] {
			bad = append(bad, badProperty(name, "it is given twice, for names are compared without case", "keep one of them"))
		}
		seen[low] = true
		text, problem := textOf(properties[name])
		if problem != "" {
			bad = append(bad, badProperty(name, problem, "give a string, a number, true, false or null"))
		}
		if properties[name] != nil {
			p.values[low] = newValue(text)
		}
	}
	if len(bad) > 0 {
		return nil, fault.BadFields("template.NewProps", bad)
	}
	return p, nil
}

func badProperty(name, problem, fix string) fault.Field {
	return fault.Field{Name: "properties." + name, Problem: problem, Fix: fix}
}

// textOf is a property value as it is printed, or what is wrong with it.
func textOf(v any) (text, problem string) {
	switch v := v.(type) {
	case nil:
		return "", ""
	case string:
		return v, ""
	case bool:
		return strconv.FormatBool(v), ""
	case json.Number:
		return v.String(), ""
	case int:
		return strconv.Itoa(v), ""
	case int64:
		return strconv.FormatInt(v, 10), ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", "it is not a finite number"
		}
		return strconv.FormatFloat(v, 'f', -1, 64), ""
	case map[string]any:
		return "", "it is an object, and a template can print only single values"
	case []any:
		return "", "it is an array, and a template can print only single values"
	}
	return "", fmt.Sprintf("it is a %T, and a template can print only single values", v)
}

// isJSONNumber reports whether s is a number by the grammar of RFC 8259, section 6.
func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digitsLen(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		n := digitsLen(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && digitsLen(s) == len(s)
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// Reader says how the person with an installation reads.
type Reader struct {
	Locale   string         // BCP 47, such as "de-CH"; "" reads as English
	Currency string         // ISO 4217; "" is that of the locale's region
	Units    string         // "metric" or "imperial"; "" is what the locale's region uses
	Zone     *time.Location // nil shows times in the zone they were written in
}

// View is a notification's properties as one kind of reader sees them: with the
// variants for the locale in place, and the locale's notation at hand. Immutable
// to its users and safe for concurrent use; make one for each distinct Reader.
type View struct {
	values   map[string]value
	reader   Reader
	once     sync.Once // most notifications format nothing, so the notation is made when asked for
	notation *notation
}

// For resolves the properties for a reader. A property is taken from its most
// special variant: for "de-CH" `msg` is `msg_de_ch`, else `msg_de`, else `msg`.
func (p *Props) For(r Reader) *View {
	v := &View{values: p.values, reader: r}
	shared := true
	for _, locale := range slices.Backward(localeChain(r.Locale)) {
		suffix := "_" + strings.ReplaceAll(locale, "-", "_")
		for name, val := range p.values {
			base, ok := strings.CutSuffix(name, suffix)
			if !ok || base == "" {
				continue
			}
			if shared {
				v.values, shared = maps.Clone(p.values), false
			}
			v.values[base] = val
		}
	}
	return v
}

// lookup finds what a token prints: the notification's property, else the
// installation's own attribute, else the default.
func (v *View) lookup(t *token, own func(string) (string, bool)) value {
	if val, ok := v.values[t.prop]; ok {
		return val
	}
	if own != nil {
		if s, ok := own(t.prop); ok {
			return value{s, t.kind == numeric && isJSONNumber(s)}
		}
	}
	return t.dflt
}
