package analytics

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usherhq/usher/modules/analytics/cloudevent"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/web"
)

// freeTypes begin the names of types without a schema.
const freeTypes = "x."

// kind is what a field of an event's data holds.
type kind string

const (
	text    kind = "text"    // not empty, at most length characters
	number  kind = "number"  // from least to most
	whole   kind = "whole"   // a number without a fraction
	instant kind = "instant" // RFC 3339
)

// field is one member of an event's data.
type field struct {
	name        string
	kind        kind
	required    bool
	length      int // of text; 0: 200
	least, most float64
	oneOf       []string // of text; nil: any
}

// schema is what the data of a known type must hold. Further members are kept.
type schema struct {
	right  web.Right // a key needs it to send such events
	fields []field
}

// schemas are the known types. docs/stream.md describes them; a test compares.
var schemas = map[string]schema{
	"beacon.sighting": {web.Listen, []field{
		{name: "installation", kind: text, required: true}, {name: "beacon", kind: text, required: true},
		{name: "rssi", kind: number, required: true, least: -127, most: 20},
		{name: "tx_power", kind: number, least: -127, most: 20}, {name: "tx_ref", kind: text, oneOf: []string{"1m", "0m"}},
	}},
	"location.fix": {web.Listen, []field{
		{name: "installation", kind: text, required: true},
		{name: "lat", kind: number, required: true, least: -90, most: 90}, {name: "lon", kind: number, required: true, least: -180, most: 180},
		{name: "accuracy", kind: number, required: true, most: 100_000},
	}},
	"page.viewed": {web.Listen, []field{
		{name: "page", kind: text, required: true, length: 2000}, {name: "event", kind: text}, {name: "visitor", kind: text}, {name: "referrer", kind: text, length: 2000},
	}},
	"sale.completed": {web.Send, []field{
		{name: "event", kind: text, required: true}, {name: "category", kind: text}, {name: "order", kind: text, required: true}, {name: "cart", kind: text},
		{name: "quantity", kind: whole, required: true, least: 1, most: 100_000},
		{name: "amount", kind: whole, required: true, most: 1e15}, {name: "currency", kind: text, required: true, length: 3},
		{name: "till", kind: text}, {name: "customer", kind: text},
	}},
	"sale.refunded": {web.Send, []field{
		{name: "event", kind: text, required: true}, {name: "category", kind: text}, {name: "order", kind: text, required: true},
		{name: "quantity", kind: whole, required: true, least: 1, most: 100_000},
		{name: "amount", kind: whole, required: true, most: 1e15}, {name: "currency", kind: text, required: true, length: 3},
	}},
	"cart.opened": {web.Send, []field{
		{name: "cart", kind: text, required: true}, {name: "event", kind: text}, {name: "customer", kind: text}, {name: "hold_until", kind: instant},
	}},
	"cart.item_added": {web.Send, []field{
		{name: "cart", kind: text, required: true}, {name: "event", kind: text}, {name: "category", kind: text}, {name: "customer", kind: text},
		{name: "quantity", kind: whole, least: 1, most: 100_000}, {name: "hold_until", kind: instant},
	}},
	"cart.abandoned": {web.Send, []field{
		{name: "cart", kind: text, required: true}, {name: "event", kind: text}, {name: "customer", kind: text},
	}},
	"social.post": {web.Send, []field{
		{name: "text", kind: text, required: true, length: 20_000}, {name: "event", kind: text}, {name: "lang", kind: text, length: 35}, {name: "url", kind: text, length: 2000},
	}},
	"weather.observed": {web.Send, []field{
		{name: "station", kind: text, required: true}, {name: "temperature", kind: number, least: -100, most: 100},
		{name: "precipitation", kind: number, most: 2000}, {name: "wind", kind: number, most: 200}, {name: "humidity", kind: number, most: 100},
	}},
}

// knownTypes lists them for people.
var knownTypes = slices.Sorted(maps.Keys(schemas))

// rightFor is what a key needs to send events of a type. Free types count in
// windows that move prices, so they take a right that no app carries about.
func rightFor(typ string) web.Right {
	if known, ok := schemas[typ]; ok {
		return known.right
	}
	return web.Send
}

// checkType finds the schema of a type; fields is nil for a free type.
func checkType(typ string) (fields []field, wrong *fault.Field) {
	if known, ok := schemas[typ]; ok {
		return known.fields, nil
	}
	if strings.HasPrefix(typ, freeTypes) && len(typ) > len(freeTypes) {
		return nil, nil
	}
	fix := "known are " + strings.Join(knownTypes, ", ") + "; a type of your own begins with " + freeTypes
	if near := web.Nearest(typ, knownTypes); near != "" {
		fix = "did you mean " + near + "? A type of your own begins with " + freeTypes
	}
	return nil, &fault.Field{Name: "type", Problem: fmt.Sprintf("%q is not known", cloudevent.Clip(typ)), Fix: fix}
}

// checkData checks data against the fields of its type.
func checkData(fields []field, data []byte) (wrong []fault.Field) {
	bad := func(name, problem, fix string) {
		wrong = append(wrong, fault.Field{Name: name, Problem: problem, Fix: fix})
	}
	if fields == nil {
		if err := cloudevent.Check(data); err != nil {
			bad("data", "is not valid JSON: "+err.Error(), "")
		}
		return wrong
	}
	var seen uint32 // a bit a field
	err := cloudevent.Members(data, func(name, value []byte) {
		for i := range fields {
			if f := &fields[i]; f.name == string(name) && string(value) != "null" {
				seen |= 1 << i
				if problem, fix := f.check(value); problem != "" {
					bad("data."+f.name, problem, fix)
				}
			}
		}
	})
	if err != nil {
		bad("data", "is no JSON object: "+err.Error(), "")
		return wrong
	}
	for i, f := range fields {
		if f.required && seen&(1<<i) == 0 {
			bad("data."+f.name, "is missing", f.words())
		}
	}
	return wrong
}

// check tells what is wrong with a value; "" for nothing.
func (f *field) check(value []byte) (problem, fix string) {
	switch f.kind {
	case text:
		return f.checkText(value)
	case instant:
		s, _ := cloudevent.Text(value)
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return "is not an instant of RFC 3339", "such as 2026-07-10T20:15:00Z"
		}
		return "", ""
	}
	n, err := strconv.ParseFloat(string(value), 64)
	switch {
	case value[0] == '"' || err != nil:
		return "must be a number", f.words()
	case n < f.least || n > f.most:
		return "is out of range", f.words()
	case f.kind == whole && n != float64(int64(n)):
		return "must be a whole number", f.words()
	}
	return "", ""
}

func (f *field) checkText(value []byte) (problem, fix string) {
	s, ok := cloudevent.Text(value)
	switch {
	case !ok || s == "":
		return "must be text", f.words()
	case len(s) > f.limit() && utf8.RuneCountInString(s) > f.limit():
		return "is too long", f.words()
	case f.oneOf != nil && !slices.Contains(f.oneOf, s):
		return "is not one of those known", f.words()
	}
	return "", ""
}

func (f *field) limit() int {
	if f.length == 0 {
		return 200
	}
	return f.length
}

// words describe what the field holds.
func (f *field) words() string {
	switch {
	case f.oneOf != nil:
		return strings.Join(f.oneOf, " or ")
	case f.kind == text:
		return fmt.Sprintf("text of 1 to %d characters", f.limit())
	case f.kind == instant:
		return "an instant such as 2026-07-10T20:15:00Z"
	}
	form := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return "a " + map[kind]string{number: "number", whole: "whole number"}[f.kind] + " from " + form(f.least) + " to " + form(f.most)
}
